import type { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { Rates } from "../../src/send/clocks.ts";
import { type Haste, makeHaste } from "../../src/send/haste.ts";
import { makePace, type Pace, type Paced } from "../../src/send/pace.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

type Given = Rates & Paced;
const RATES: Given = { endpoint: "e", run: "r", endpointRate: null, rate: 500 };

interface With {
  readonly client?: Redis;
  readonly clock?: Clock;
  readonly haste?: Haste;
}

function pace(rates: Partial<Given> = {}, { client = redis.connect(), clock = systemClock, haste }: With = {}): Pace {
  const stop = new AbortController();
  stops.push(stop);
  const given = { ...RATES, ...rates };
  return makePace(client, given, given, haste ?? makeHaste(clock), clock, stop.signal);
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

describe("without a rate", () => {
  test("nothing is waited for, and nothing asked of Redis", async () => {
    const client = redis.connect();
    expect(pace({ rate: null }, { client }).slot()).toBeNull();
    expect(await client.keys("*")).toEqual([]);
  });

  test("what the endpoint refused for its number is slowed down all the same, and free again when the brake is off", async () => {
    const haste = makeHaste(systemClock);
    const free = pace({ rate: null }, { haste });
    for (let i = 0; i < 100; i++) haste.started(performance.now());
    haste.press(performance.now());
    // 100 in the last second, half of it from here on: 20 ms each.
    const from = performance.now();
    for (let i = 0; i < 5; i++) expect(await free.slot()).toBe(true);
    expect(performance.now() - from).toBeGreaterThan(80);
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
    const times = (await Promise.all([taken(pace({}, { client: late }), 1_500), taken(pace(), 1_500)])).flat();
    expect(busiest(times)).toBeLessThanOrEqual(501);
  });
});

describe("two clocks", () => {
  test("the slower one decides", async () => {
    // At 4/s the second slot is a quarter of a second after the first, whatever the run's own rate.
    const both = pace({ rate: 1_000, endpointRate: 4 });
    const first = performance.now();
    await both.slot();
    await both.slot();
    expect(performance.now() - first).toBeGreaterThan(240);
    const reverse = pace({ run: "r2", endpoint: "e2", rate: 4, endpointRate: 1_000 });
    const second = performance.now();
    await reverse.slot();
    await reverse.slot();
    expect(performance.now() - second).toBeGreaterThan(240);
  });

  test("the endpoint's is shared by all runs, a run's is its own", async () => {
    const from = performance.now();
    await pace({ run: "a", endpointRate: 4, rate: null }).slot();
    await pace({ run: "b", endpointRate: 4, rate: null }).slot();
    expect(performance.now() - from).toBeGreaterThan(240);
    const client = redis.connect();
    await pace({ run: "c", rate: 10 }).slot();
    expect((await client.keys("updraft:pace:*")).toSorted()).toEqual([
      "updraft:pace:e",
      "updraft:pace:e:shares",
      "updraft:pace:run:c",
    ]);
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
    const given = { ...RATES, rate: 1 / 3_600 };
    const slow = makePace(redis.connect(), given, given, makeHaste(systemClock), systemClock, stop.signal);
    await slow.slot();
    const waiting = slow.slot();
    stop.abort();
    expect(await waiting).toBe(false);
  });

  test("ends without one when Redis fails", async () => {
    const client = redis.connect();
    const broken = pace({}, { client });
    client.disconnect();
    expect(await broken.slot()).toBe(false);
  });

  test("gives up a slot that comes too late rather than sending late", async () => {
    // Sleeps 20 ms longer than asked: of slots 2 ms apart most are past by then.
    const sleepy: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms + 20, signal) };
    const times = await taken(pace({}, { clock: sleepy }), 600);
    expect(busiest(times)).toBeLessThanOrEqual(501);
    expect(times.length).toBeLessThan(200);
  });
});

describe("new rates", () => {
  test("that are lower are obeyed at once: slots that were reserved at the higher ones are given up", async () => {
    const both = [pace(), pace()];
    const running = both.map((one) => taken(one, 1_800));
    await systemClock.sleep(700);
    for (const one of both) one.tune({ endpointRate: null, rate: 20 });
    const from = performance.now();
    await systemClock.sleep(1_150);
    for (const one of both) one.release();
    const after = (await Promise.all(running)).flat().filter((at) => at > from);
    expect(busiest(after)).toBeLessThanOrEqual(21);
    expect(after.length).toBeGreaterThan(0);
  });

  test("hold at once: a wait of an hour ends, and slots of the old rate are given up", async () => {
    const tuned = pace({ rate: 1 / 3_600 });
    await tuned.slot();
    const waiting = tuned.slot();
    tuned.tune({ rate: 500, endpointRate: null });
    expect(await waiting).toBe(true);
  });

  test("of none let every row go", async () => {
    const tuned = pace({ rate: 1 / 3_600 });
    await tuned.slot();
    const waiting = tuned.slot();
    tuned.tune({ rate: null, endpointRate: null });
    expect(await waiting).toBe(true);
    expect(tuned.slot()).toBeNull();
  });
});

test("while the endpoint rests nobody gets a slot, and then they come at the pace", async () => {
  const client = redis.connect();
  const from = performance.now();
  await client.set("updraft:rest:e", "1", "PX", 300);
  const times = (await Promise.all([taken(pace(), 600), taken(pace(), 600)])).flat();
  expect(Math.min(...times) - from).toBeGreaterThan(290);
  expect(busiest(times)).toBeLessThanOrEqual(501);
});
