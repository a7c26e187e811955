import { describe, expect, test } from "vitest";
import { makeLastSender } from "../../src/queue/last-sender.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

describe("makeLastSender", () => {
  test("two that sent at the same time both forget, in whichever order they end, and only then", async () => {
    const client = redis.connect();
    const sender = (id: string) => {
      const accepted = { id, forgetAll() {}, sync: async () => {} };
      return makeLastSender(client, { job: "nightly", endpoint: "e" }, accepted);
    };
    const [a, b] = [sender("a"), sender("b")];
    expect(await a.begin()).toBe(false);
    await a.end();
    expect(await a.begin()).toBe(false);
    expect(await b.begin()).toBe(true);
    await b.end();
    await a.end();
    expect(await b.begin()).toBe(true);
    await b.end();
    expect(await a.begin()).toBe(true);
    await a.end();
    expect(await a.begin()).toBe(false);
  });

  test("forgets on the disk before it is known as the last", async () => {
    const client = redis.connect();
    const told: unknown[] = [];
    const note = async (what: string) => void told.push(what, await client.get("updraft:accepted:e:nightly"));
    const about = { job: "nightly", endpoint: "e" };
    await makeLastSender(client, about, { id: "a", forgetAll() {}, sync: async () => {} }).begin();
    const accepted = { id: "b", forgetAll: () => void told.push("forgotten"), sync: () => note("synced") };
    await makeLastSender(client, about, accepted).begin();
    expect(told).toEqual(["forgotten", "synced", "a"]);
  });
});
