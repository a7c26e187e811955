import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { lastRun, makeLastSender } from "../../src/queue/last-sender.ts";
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
    expect(await a.begin("f1")).toBe(false);
    await a.end();
    expect(await a.begin("f2")).toBe(false);
    expect(await b.begin("f3")).toBe(true);
    await b.end();
    await a.end();
    expect(await b.begin("f4")).toBe(true);
    await b.end();
    expect(await a.begin("f5")).toBe(true);
    await a.end();
    expect(await a.begin("f6")).toBe(false);
  });

  test("forgets on the disk before it is known as the last", async () => {
    const client = redis.connect();
    const told: unknown[] = [];
    const note = async (what: string) => void told.push(what, await client.get("updraft:accepted:e:nightly"));
    const about = { job: "nightly", endpoint: "e" };
    await makeLastSender(client, about, { id: "a", forgetAll() {}, sync: async () => {} }).begin("f1");
    const accepted = { id: "b", forgetAll: () => void told.push("forgotten"), sync: () => note("synced") };
    await makeLastSender(client, about, accepted).begin("f2");
    expect(told).toEqual(["forgotten", "synced", "a"]);
  });

  test("forgets where another began and ended while its process slept, between asking who was the last and being it", async () => {
    const client = redis.connect();
    const about = { job: "nightly", endpoint: "e" };
    const sender = (id: string, with_: Redis = client) =>
      makeLastSender(with_, about, { id, forgetAll() {}, sync: async () => {} });
    await sender("a").begin("f1");
    const asleep = new Proxy(client, {
      get(target, name) {
        if (name !== "mset" && name !== "callBuffer") return Reflect.get(target, name);
        return async (...args: string[]) => {
          await sender("b").begin("f2");
          await sender("b").end();
          return Reflect.get(target, name).apply(target, args);
        };
      },
    });
    expect(await sender("a", asleep).begin("f3")).toBe(true);
  });

  test("where nothing is compared notes the run alone, and none where two were run at the same time", async () => {
    const client = redis.connect();
    const about = { job: "nightly", endpoint: "e" };
    const [a, b] = [makeLastSender(client, about, null), makeLastSender(client, about, null)];
    expect(await a.begin("f1")).toBe(false);
    await a.end();
    expect(await lastRun(client, about)).toBe("f1");
    await a.begin("f2");
    await b.begin("f3");
    expect(await lastRun(client, about)).toBe("f3");
    await a.end();
    expect(await lastRun(client, about)).toBeNull();
  });

  test.each([null, { id: "a", forgetAll() {}, sync: async () => {} }])(
    "a retry of the last run leaves that the last, one of an earlier run is the last itself (compared with: %j)",
    async (accepted) => {
      const client = redis.connect();
      const about = { job: "nightly", endpoint: "e" };
      const lastAfter = async (run: string) => {
        const sender = makeLastSender(client, about, accepted);
        await sender.begin(run);
        await sender.end();
        return lastRun(client, about);
      };
      expect(await lastAfter("f1.2")).toBe("f1.2");
      expect(await lastAfter("f1.2.r1")).toBe("f1.2");
      expect(await lastAfter("f1.2.r2")).toBe("f1.2");
      expect(await lastAfter("f2")).toBe("f2");
      expect(await lastAfter("f1.2.r3")).toBe("f1.2.r3");
    },
  );

  test("tells which run was the last, of whichever folder, and none where two sent at the same time", async () => {
    const client = redis.connect();
    const about = { job: "nightly", endpoint: "e" };
    const sender = (id: string) => makeLastSender(client, about, { id, forgetAll() {}, sync: async () => {} });
    const [a, b] = [sender("a"), sender("b")];
    expect(await lastRun(client, about)).toBeNull();
    await a.begin("f1");
    await a.end();
    expect(await lastRun(client, about)).toBe("f1");
    await b.begin("f2");
    expect(await lastRun(client, about)).toBe("f2");
    await a.begin("f3");
    await b.end();
    await a.end();
    expect(await lastRun(client, about)).toBeNull();
  });
});
