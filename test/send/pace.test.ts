import type { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { makePace, type Pace, type Rates } from "../../src/send/pace.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

const RATES: Rates = { endpoint: "e", run: "r", endpointRate: null, rate: 500 };

function pace(rates: Partial<Rates> = {}, clock: Clock = systemClock, client: Redis = redis.connect()): Pace {
  const stop = new AbortController();
  stops.push(stop);
  return makePace(client, { ...RATES, ...rates }, clock, stop.signal);
}

/** Takes slots as fast as they are given, 64 waiting at a time, until `ms` have passed; when each was given. */
async function taken(of: Pace, ms: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + ms;
  const row = async () => {
    while (performance.now() < end) if (await of.slot()) times.push(performance.now());
  };
  await Promise.all(Array.from({ length: 64 }, row));
  return times;
}

/** The most events in any second. */
function busiest(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (const [index, time] of sorted.entries()) {
    while ((sorted[from] ?? time) <= time - 1000) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

test("without a rate a row may be sent at once, and nothing is asked of Redis", async () => {
  const client = redis.connect();
  client.disconnect();
  const none = pace({ rate: null }, systemClock, client);
  expect([none.free, await none.slot()]).toEqual([true, true]);
});

describe("another rate", () => {
  const none = { endpointRate: null };

  test("that is lower is obeyed at once: slots that were reserved at the higher one are given up", async () => {
    const both = [pace(), pace()];
    const running = both.map((one) => taken(one, 1_800));
    await systemClock.sleep(700);
    for (const one of both) one.tune({ ...none, rate: 20 });
    const from = performance.now();
    await systemClock.sleep(1_150);
    for (const one of both) one.release();
    const after = (await Promise.all(running)).flat().filter((at) => at > from);
    expect(busiest(after)).toBeLessThanOrEqual(21);
    expect(after.length).toBeGreaterThan(5);
  });

  test("that is higher, or none, is not kept waiting for by who waits for an hour's slot", async () => {
    const slow = pace({ rate: 1 / 3_600 });
    await slow.slot();
    const waiting = [slow.slot(), slow.slot()];
    slow.tune({ ...none, rate: 100 });
    expect(await Promise.all(waiting)).toEqual([true, true]);
    slow.tune({ ...none, rate: 1 / 3_600 });
    expect([slow.free, slow.slack]).toEqual([false, 3_600_000]);
    const last = [slow.slot(), slow.slot()];
    slow.tune({ ...none, rate: null });
    expect(await Promise.all(last)).toEqual([true, true]);
    expect(slow.free).toBe(true);
  });

  test("is set for a run that had none, and for its endpoint", async () => {
    const tuned = pace({ rate: null });
    tuned.tune({ rate: null, endpointRate: 4 });
    await tuned.slot();
    const from = performance.now();
    await tuned.slot();
    expect(performance.now() - from).toBeGreaterThan(240);
  });
});

describe("500 slots per second", () => {
  test.each([1, 3])("shared by %i workers are never more than 501 in any second", async (workers) => {
    const paces = Array.from({ length: workers }, () => pace());
    const times = (await Promise.all(paces.map((one) => taken(one, 1_500)))).flat();
    expect(busiest(times)).toBeLessThanOrEqual(501);
    expect(times.length).toBeGreaterThan(0);
  });

  test("are kept by a worker whose Redis once answers late, beside one whose Redis answers at once", async () => {
    const late = redis.connect();
    const evalsha = late.evalsha.bind(late);
    let nth = 0;
    // One answer takes 100 ms: counted from its arrival, its slots would fall among the other worker's.
    Object.defineProperty(late, "evalsha", {
      value: async (...args: Parameters<typeof evalsha>) => {
        const answer = await evalsha(...args);
        if (nth++ === 2) await systemClock.sleep(100);
        return answer;
      },
    });
    const times = (await Promise.all([taken(pace({}, systemClock, late), 1_500), taken(pace(), 1_500)])).flat();
    expect(busiest(times)).toBeLessThanOrEqual(501);
  });
});

describe("two clocks", () => {
  test("the slower one decides", async () => {
    // At 4/s the second slot is a quarter of a second after the first, whatever the run's own rate.
    const both = pace({ rate: 1_000, endpointRate: 4 });
    await both.slot();
    const first = performance.now();
    await both.slot();
    expect(performance.now() - first).toBeGreaterThan(240);
    const reverse = pace({ run: "r2", endpoint: "e2", rate: 4, endpointRate: 1_000 });
    await reverse.slot();
    const second = performance.now();
    await reverse.slot();
    expect(performance.now() - second).toBeGreaterThan(240);
  });

  test("the endpoint's is shared by all runs, a run's is its own", async () => {
    await pace({ run: "a", endpointRate: 4, rate: null }).slot();
    const from = performance.now();
    await pace({ run: "b", endpointRate: 4, rate: null }).slot();
    expect(performance.now() - from).toBeGreaterThan(240);
    const client = redis.connect();
    await pace({ run: "c", rate: 10 }).slot();
    expect((await client.keys("updraft:pace:*")).toSorted()).toEqual(["updraft:pace:e", "updraft:pace:run:c"]);
  });
});

describe("a clock in Redis", () => {
  test("that is far ahead, as after a jump of the server's time, holds nobody up for long", async () => {
    const client = redis.connect();
    const year = 365 * 86_400 * 1e6;
    await client.set("updraft:pace:run:r", String(Date.now() * 1_000 + year));
    expect(await pace().slot()).toBe(true);
    expect(Number(await client.get("updraft:pace:run:r"))).toBeLessThan(Date.now() * 1_000 + 60e6);
  });

  test("is forgotten when nobody uses it", async () => {
    await pace({ rate: 1 / 3_600 }).slot();
    const left = await redis.connect().pttl("updraft:pace:run:r");
    expect(left).toBeGreaterThan(3_590_000);
    expect(left).toBeLessThan(3_700_000);
  });
});

describe("waiting for a slot", () => {
  test("ends when the run is held, and the next wait is as good as the first", async () => {
    const slow = pace({ rate: 4 });
    await slow.slot();
    const waiting = [slow.slot(), slow.slot()];
    slow.release();
    expect(await Promise.all(waiting)).toEqual([false, false]);
    expect(await slow.slot()).toBe(true);
  });

  test("ends when the process stops, even for a slot that is an hour away", async () => {
    const stop = new AbortController();
    const slow = makePace(redis.connect(), { ...RATES, rate: 1 / 3_600 }, systemClock, stop.signal);
    await slow?.slot();
    const waiting = slow?.slot();
    stop.abort();
    expect(await waiting).toBe(false);
  });

  test("ends without one when Redis fails", async () => {
    const client = redis.connect();
    const broken = pace({}, systemClock, client);
    client.disconnect();
    expect(await broken.slot()).toBe(false);
  });

  test("gives up a slot that comes too late rather than sending late", async () => {
    // Sleeps 20 ms longer than asked: of slots 2 ms apart most are past by then.
    const sleepy: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms + 20, signal) };
    const times = await taken(pace({}, sleepy), 600);
    expect(busiest(times)).toBeLessThanOrEqual(501);
    expect(times.length).toBeLessThan(200);
  });
});
