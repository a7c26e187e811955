// What operators ask of a process: alive, ready, figures; and an address that another has.
import { describe, expect, onTestFinished, test } from "vitest";
import { type Listening, listen, type Told } from "../../src/daemon/listen.ts";
import type { ListenAt } from "../../src/settings/addresses.ts";

const told: Told = {
  notReady: async () => null,
  metrics: async () => ({ text: "a 1\n", contentType: "text/x-figures" }),
};
const ANY: ListenAt = { host: "127.0.0.1", port: 0, asked: true };

async function begin(given: Partial<Told> = {}, at = ANY): Promise<Listening> {
  const listening = await listen(at, { ...told, ...given });
  if (listening === null) throw new Error("it listens");
  onTestFinished(() => listening.close());
  return listening;
}

async function get(url: string, method = "GET") {
  const response = await fetch(url, { method });
  return [response.status, await response.text(), response.headers.get("content-type")];
}

describe("listen", () => {
  test("answers whether the process lives, whether it is ready and why not, and with its figures", async () => {
    let why: string | null = "starting";
    const { url } = await begin({ notReady: async () => why });
    expect((await get(`${url}/healthz`)).slice(0, 2)).toEqual([200, "ok\n"]);
    expect((await get(`${url}/readyz`)).slice(0, 2)).toEqual([503, "starting\n"]);
    why = null;
    expect((await get(`${url}/readyz?verbose`)).slice(0, 2)).toEqual([200, "ready\n"]);
    expect(await get(`${url}/metrics`)).toEqual([200, "a 1\n", "text/x-figures"]);
    expect((await get(`${url}/metrics`, "HEAD"))[0]).toBe(200);
    expect([(await get(`${url}/`))[0], (await get(`${url}/metrics`, "POST"))[0]]).toEqual([404, 405]);
  });

  test("says that it cannot tell instead of leaving who asked to wait", async () => {
    const { url } = await begin({ metrics: () => Promise.reject(new Error("secret")) });
    expect((await get(`${url}/metrics`)).slice(0, 2)).toEqual([500, "it could not be told\n"]);
  });

  test("refuses an address that another has, and goes without one that nobody asked for", async () => {
    const { url } = await begin();
    const at = { ...ANY, port: Number(new URL(url).port) };
    await expect(listen(at, told)).rejects.toMatchObject({ code: "listen-address", exit: 2 });
    expect(await listen({ ...at, asked: false }, told)).toBeNull();
    expect(await listen({ host: null, port: 0, asked: true }, told)).toBeNull();
  });
});
