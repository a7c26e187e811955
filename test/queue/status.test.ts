// What a coordinator tells and is told through Redis: for as long as it lives and holds its run, and no longer.
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { askFor, forgetStatus, type RunStatus, readStatus, readStatuses, tellStatus } from "../../src/queue/status.ts";
import { useRedis } from "../support/redis.ts";
import { fasterClock } from "./epochs.ts";

const redis = useRedis();
const clock = fasterClock(40);
const MINE = "mine";

const counts = { updated: 3, unchanged: 0, rejected: 1, failed: 0, unknown: 0, unsent: 0 };

function status(given: Partial<RunStatus> = {}): RunStatus {
  return {
    ...{ v: 1, run: "a", state: "running", epoch: "a-1", host: "here", pid: 7, counts, read: 10, total: 20 },
    ...{ start: "2026-01-31T12:00:00.000Z", since: "2026-01-31T12:00:05.000Z" },
    ...{ rowsPerSecond: 2.5, secondsLeft: null, limitedBy: "pace" },
    ...given,
  };
}

const hold = (client: Redis, token: string) => client.set("updraft:holder:a", token);

describe("a status", () => {
  test("is read as it was told, alone and among all, and ends by itself", async () => {
    const client = redis.connect();
    expect(await readStatuses(client)).toEqual([]);
    await tellStatus(client, status(), MINE);
    await tellStatus(client, status({ run: "b", state: "paused" }), "another");
    expect(await readStatus(client, "a")).toEqual(status());
    expect((await readStatuses(client)).map(({ run }) => run).sort()).toEqual(["a", "b"]);
    const ttl = await client.pttl("updraft:status:a");
    expect(ttl).toBeGreaterThan(5_000);
    expect(ttl).toBeLessThanOrEqual(10_000);
  });

  test("that ended leaves nothing behind once somebody has looked", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    await client.del("updraft:status:a");
    expect(await readStatuses(client)).toEqual([]);
    expect(await client.keys("*")).toEqual([]);
  });

  test("is forgotten with the wish that comes too late", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    await client.set("updraft:wish:a", "pause");
    await forgetStatus(client, "a", MINE);
    expect(await client.keys("*")).toEqual([]);
  });

  test("of a coordinator whose run another has taken over is not told, and that one's is not forgotten", async () => {
    const client = redis.connect();
    await hold(client, "another");
    await tellStatus(client, status({ epoch: "a-2" }), "another");
    await client.set("updraft:wish:a", "pause");
    expect(await tellStatus(client, status(), MINE)).toBeNull();
    await forgetStatus(client, "a", MINE);
    expect(await readStatus(client, "a")).toEqual(status({ epoch: "a-2" }));
    expect(await tellStatus(client, status({ epoch: "a-2" }), "another")).toBe("pause");
  });

  test("of another version is not understood", async () => {
    const client = redis.connect();
    await client.set("updraft:status:a", JSON.stringify({ ...status(), v: 2 }));
    await client.sadd("updraft:runs", "a");
    expect([await readStatus(client, "a"), await readStatuses(client)]).toEqual([null, []]);
  });
});

describe("a wish", () => {
  test("is heard once, by the one who holds the run", async () => {
    const client = redis.connect();
    await hold(client, MINE);
    await client.set("updraft:wish:a", "cancel");
    expect(await tellStatus(client, status(), MINE)).toBe("cancel");
    expect(await tellStatus(client, status(), MINE)).toBeNull();
    await client.set("updraft:wish:a", "something else");
    expect(await tellStatus(client, status(), MINE)).toBeNull();
  });

  test("is granted when the status shows it", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    const granted = askFor(redis.connect(), status(), "pause", clock);
    await expect.poll(() => tellStatus(client, status(), MINE), { interval: 5 }).toBe("pause");
    await tellStatus(client, status({ state: "paused" }), MINE);
    expect(await granted).toEqual(status({ state: "paused" }));
  });

  test("of a run that ends meanwhile has no answer", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    const granted = askFor(redis.connect(), status(), "cancel", clock);
    await expect.poll(() => client.exists("updraft:wish:a"), { interval: 5 }).toBe(1);
    await forgetStatus(client, "a", MINE);
    expect(await granted).toBeNull();
  });

  test("that nobody hears is taken back", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    await expect(askFor(client, status(), "pause", clock)).rejects.toMatchObject({
      code: "run-silent",
      exit: 5,
      fields: { run: "a", host: "here", pid: 7 },
    });
    expect(await client.exists("updraft:wish:a")).toBe(0);
  });
});
