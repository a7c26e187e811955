// What a coordinator tells and is told through Redis: for as long as it lives and holds its run, and no longer.
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import {
  askFor,
  forgetStatus,
  isGranted,
  type RunStatus,
  readStatus,
  readStatuses,
  tellStatus,
  type Wish,
} from "../../src/queue/status.ts";
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
    ...{ rate: 1_000 / 60, rowsPerSecond: 2.5, secondsLeft: null, limitedBy: "pace" },
    ...given,
  };
}

const PAUSE: Wish = { kind: "pause" };
const wish = (client: Redis, wished: unknown) => client.set("updraft:wish:a", JSON.stringify(wished));
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
    await wish(client, PAUSE);
    await forgetStatus(client, "a", MINE);
    expect(await client.keys("*")).toEqual([]);
  });

  test("of a coordinator whose run another has taken over is not told, and that one's is not forgotten", async () => {
    const client = redis.connect();
    await hold(client, "another");
    await tellStatus(client, status({ epoch: "a-2" }), "another");
    await wish(client, PAUSE);
    expect(await tellStatus(client, status(), MINE)).toBeNull();
    await forgetStatus(client, "a", MINE);
    expect(await readStatus(client, "a")).toEqual(status({ epoch: "a-2" }));
    expect(await tellStatus(client, status({ epoch: "a-2" }), "another")).toEqual(PAUSE);
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
    await wish(client, { kind: "cancel" });
    expect(await tellStatus(client, status(), MINE)).toEqual({ kind: "cancel" });
    expect(await tellStatus(client, status(), MINE)).toBeNull();
  });

  test.each([
    ...["pause", '"pause"', "{}", '{"kind":"stop"}', '{"kind":"pause","rate":5}', '{"kind":"rate"}'],
    ...['{"kind":"rate","rate":0}', '{"kind":"rate","rate":-5}', '{"kind":"rate","rate":"5/s"}'],
  ])("that is none of those there are is not heard: %s", async (text) => {
    const client = redis.connect();
    await client.set("updraft:wish:a", text);
    expect(await tellStatus(client, status(), MINE)).toBeNull();
    expect(await client.exists("updraft:wish:a")).toBe(0);
  });

  test("is granted when the status shows it", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    const granted = askFor(redis.connect(), status(), PAUSE, clock);
    await expect.poll(() => tellStatus(client, status(), MINE), { interval: 5 }).toEqual(PAUSE);
    await tellStatus(client, status({ state: "paused" }), MINE);
    expect(await granted).toEqual(status({ state: "paused" }));
  });

  test.each([20, 1_000 / 60, null])("for the rate %j is granted when the status shows that rate", async (rate) => {
    const client = redis.connect();
    const before = status({ rate: 3 });
    await tellStatus(client, before, MINE);
    const granted = askFor(redis.connect(), before, { kind: "rate", rate }, clock);
    await expect.poll(() => tellStatus(client, before, MINE), { interval: 5 }).toEqual({ kind: "rate", rate });
    await tellStatus(client, status({ rate }), MINE);
    expect(await granted).toEqual(status({ rate }));
  });

  test("of a run that waits for its window is granted to who resumes it, and to who pauses it only by a pause", () => {
    const waits = status({ state: "paused", limitedBy: "window" });
    expect([isGranted({ kind: "resume" }, waits), isGranted(PAUSE, waits)]).toEqual([true, false]);
    const paused = status({ state: "paused", limitedBy: "paused" });
    expect([isGranted({ kind: "resume" }, paused), isGranted(PAUSE, paused)]).toEqual([false, true]);
  });

  test("of a run that ends meanwhile has no answer", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    const granted = askFor(redis.connect(), status(), { kind: "cancel" }, clock);
    await expect.poll(() => client.exists("updraft:wish:a"), { interval: 5 }).toBe(1);
    await forgetStatus(client, "a", MINE);
    expect(await granted).toBeNull();
  });

  test("that nobody hears is taken back", async () => {
    const client = redis.connect();
    await tellStatus(client, status(), MINE);
    await expect(askFor(client, status(), PAUSE, clock)).rejects.toMatchObject({
      code: "run-silent",
      exit: 5,
      fields: { run: "a", host: "here", pid: 7 },
    });
    expect(await client.exists("updraft:wish:a")).toBe(0);
  });
});
