// Services that begin and end alike: in order, in reverse, twice, too early, and at a deadline.
import { describe, expect, test } from "vitest";
import { aborted, inOrder, makeService, type Service, stopWithin } from "../../src/daemon/services.ts";
import { makeFakeClock } from "../queue/support.ts";

const never = new AbortController().signal;

function watched(name: string, said: string[], fails: "at start" | "later" | null = null) {
  const fault = Promise.withResolvers<void>();
  const service = makeService(name, async ({ soft }, ready) => {
    said.push(`${name} starts`);
    if (fails === "at start") throw new Error(`${name} cannot start`);
    ready();
    await Promise.race([aborted(soft), fault.promise]);
    said.push(`${name} ends`);
  });
  return { service, fail: () => fault.reject(new Error(`${name} broke`)) };
}

describe("inOrder", () => {
  test("starts one after the other and stops in reverse", async () => {
    const said: string[] = [];
    const all = inOrder(
      "all",
      ["a", "b", "c"].map((name) => watched(name, said).service),
    );
    await all.start();
    expect(said).toEqual(["a starts", "b starts", "c starts"]);
    await all.stop(never);
    expect(said.slice(3)).toEqual(["c ends", "b ends", "a ends"]);
  });

  test("stops what it had started when one of them cannot start, and starts no other", async () => {
    const said: string[] = [];
    const parts = [watched("a", said), watched("b", said, "at start"), watched("c", said)];
    const all = inOrder(
      "all",
      parts.map(({ service }) => service),
    );
    await expect(all.start()).rejects.toThrow("b cannot start");
    await all.stop(never);
    expect(said).toEqual(["a starts", "b starts", "a ends"]);
  });

  test("fails as a whole when one of them does, and stops the others", async () => {
    const said: string[] = [];
    const parts = [watched("a", said), watched("b", said)];
    const all = inOrder(
      "all",
      parts.map(({ service }) => service),
    );
    await all.start();
    parts[1]?.fail();
    await expect(all.failed).rejects.toThrow("b broke");
    expect(said).toEqual(["a starts", "b starts", "a ends"]);
  });

  test("that is stopped while it starts goes no further", async () => {
    const said: string[] = [];
    let all: Service | null = null;
    const stopper = makeService("stopper", async (_signals, ready) => {
      void all?.stop(never);
      ready();
    });
    all = inOrder("all", [watched("a", said).service, stopper, watched("c", said).service]);
    await all.start();
    await all.stop(never);
    expect(said).toEqual(["a starts", "a ends"]);
  });
});

describe("a service", () => {
  test("may be stopped twice, and before it was started", async () => {
    const said: string[] = [];
    const early = watched("early", said).service;
    await early.stop(never);
    await early.start();
    expect(said).toEqual([]);
    const { service } = watched("a", said);
    await Promise.all([service.start(), service.start()]);
    await Promise.all([service.stop(never), service.stop(never)]);
    expect(said).toEqual(["a starts", "a ends"]);
  });
});

describe("stopWithin", () => {
  test("asks softly, breaks off at the deadline, and waits no longer than a last moment after it", async () => {
    const clock = makeFakeClock();
    const said: string[] = [];
    const stubborn = (name: string, deaf: boolean) =>
      makeService(name, async ({ soft, hard }, ready) => {
        ready();
        await aborted(soft);
        said.push(`${name} soft`);
        await aborted(hard);
        said.push(`${name} hard`);
        if (deaf) await new Promise(() => {});
      });
    const [hears, deaf] = [stubborn("hears", false), stubborn("deaf", true)];
    await Promise.all([hears.start(), deaf.start()]);
    const ends = Promise.all([hears, deaf].map((service) => stopWithin(service, 28_000, 2_000, clock)));
    await clock.advance(27_999);
    expect(said).toEqual(["hears soft", "deaf soft"]);
    await clock.advance(1);
    expect(said.slice(2).sort()).toEqual(["deaf hard", "hears hard"]);
    await clock.advance(2_000);
    expect(await ends).toEqual([true, false]);
  });

  test("resolves at once where all has ended", async () => {
    const clock = makeFakeClock();
    const { service } = watched("a", []);
    await service.start();
    expect(await stopWithin(service, 28_000, 2_000, clock)).toBe(true);
    expect(clock.sleeping).toBe(0);
  });
});
