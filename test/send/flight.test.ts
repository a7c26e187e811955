import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { askFlight, type Flight, makeFlight, type Wish } from "../../src/send/flight.ts";
import { fasterClock, openEpoch, queued, RUN } from "../queue/epochs.ts";
import { useRedis } from "../support/redis.ts";

const KEY = "updraft:flight:e";
const redis = useRedis();
const poll = <T>(value: () => T) => expect.poll(value, { interval: 5 });

describe("askFlight", () => {
  test("never grants more than the cap over all workers, whoever asks for what and whenever", async () => {
    const client = redis.connect();
    const step = fc.record({ worker: fc.nat(3), wanted: fc.nat(12), ends: fc.nat(12) });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 40 }), async (cap, steps) => {
        await client.del(KEY);
        const used = [0, 0, 0, 0];
        for (const { worker, wanted, ends } of steps) {
          // Those that ended since it last asked.
          const before = Math.max(0, (used[worker] ?? 0) - ends);
          const granted = await askFlight(client, "e", `${worker}`, { cap, wanted, used: before, epochs: [] });
          expect(granted).toBeLessThanOrEqual(wanted);
          // It uses all it may at once.
          used[worker] = Math.max(before, granted);
          expect(used.reduce((a, b) => a + b)).toBeLessThanOrEqual(cap);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("shares evenly among those that want, and leaves nothing idle", async () => {
    const client = redis.connect();
    const wants = fc.array(fc.nat(30), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), wants, async (cap, wanted) => {
        await client.del(KEY);
        const ask = (place: number) =>
          // A turn without an end: the property is of one moment.
          askFlight(
            client,
            "e",
            `${place}`,
            { cap, wanted: wanted[place] ?? 0, used: 0, epochs: [] },
            { life: 6_000, turn: 1e15 },
          );
        for (const _ of [1, 2]) for (const place of wanted.keys()) await ask(place);
        const granted: number[] = [];
        for (const place of wanted.keys()) granted.push(await ask(place));
        const total = wanted.reduce((a, b) => a + b);
        expect(granted.reduce((a, b) => a + b)).toBe(Math.min(cap, total));
        const share = Math.floor(cap / wanted.filter((count) => count > 0).length);
        granted.forEach((count, place) => {
          expect(count).toBeGreaterThanOrEqual(Math.min(wanted[place] ?? 0, share));
        });
      }),
      { numRuns: 60 },
    );
  });

  test("gives each its turn where there are more workers than permits", async () => {
    const client = redis.connect();
    const had = new Set<string>();
    await poll(async () => {
      for (const worker of ["a", "b", "c"]) {
        const wish = { cap: 1, wanted: 9, used: 0, epochs: [] };
        if ((await askFlight(client, "e", worker, wish, { life: 6_000, turn: 20 })) > 0) had.add(worker);
      }
      return had.size;
    }).toBe(3);
  });

  test("takes nothing in use away, and gives on what a worker that is gone held once it has lapsed", async () => {
    const client = redis.connect();
    const ask = (worker: string, wanted: number, used: number, life: number) =>
      askFlight(client, "e", worker, { cap: 4, wanted, used, epochs: [] }, { life, turn: 1e15 });
    expect(await ask("a", 9, 0, 60_000)).toBe(4);
    expect(await ask("b", 9, 0, 60_000)).toBe(0);
    expect(await ask("a", 9, 4, 60_000)).toBe(2);
    expect(await ask("b", 9, 0, 60_000)).toBe(0);
    // Two of its requests have ended; then it is not heard of any more.
    expect(await ask("a", 9, 2, 30)).toBe(2);
    expect(await ask("b", 9, 0, 60_000)).toBe(2);
    await poll(() => ask("b", 9, 2, 60_000)).toBe(4);
    expect(await client.hkeys(KEY)).toEqual(["b"]);
    expect(await ask("b", 0, 0, 60_000)).toBe(0);
    expect(await client.exists(KEY)).toBe(0);
  });

  test("lets a worker without rows have one where batches wait", async () => {
    const client = redis.connect();
    const ask = () => askFlight(client, "e", "a", { cap: 4, wanted: 0, used: 0, epochs: [`${RUN}-1`] });
    expect(await ask()).toBe(0);
    await openEpoch(client, `${RUN}-1`, [[queued(1)]]);
    expect(await ask()).toBe(1);
  });
});

describe("a worker's flight", () => {
  const begin = (wish: () => Wish | null, clock = systemClock): { flight: Flight; granted: () => number } => {
    let count = -1;
    const flight = makeFlight(redis.connect(), "e", `${Math.random()}`, clock, wish, (to) => {
      count = to;
    });
    return { flight, granted: () => count };
  };

  test("holds what it is granted while there is a cap, and gives it back", async () => {
    const client = redis.connect();
    let one: Wish | null = { cap: 4, wanted: 9, used: 0, epochs: [] };
    const a = begin(() => one);
    a.flight.look();
    expect(a.granted()).toBe(0);
    await poll(a.granted).toBe(4);
    const b = begin(() => ({ cap: 4, wanted: 9, used: 0, epochs: [] }));
    b.flight.look();
    await poll(() => [a.granted(), b.granted()]).toEqual([2, 2]);
    one = null;
    await poll(() => [a.granted(), b.granted()]).toEqual([Number.POSITIVE_INFINITY, 4]);
    one = { cap: 3, wanted: 1, used: 0, epochs: [] };
    a.flight.look();
    // The smallest cap holds for all.
    await poll(() => [a.granted(), b.granted()]).toEqual([1, 2]);
    await a.flight.close();
    await poll(b.granted).toBe(4);
    await b.flight.close();
    expect(await client.exists(KEY)).toBe(0);
  });

  test("is over, long before others get what it held, while Redis is not heard of", async () => {
    const { flight, granted } = begin(() => ({ cap: 4, wanted: 9, used: 0, epochs: [] }), fasterClock(20));
    flight.look();
    await poll(granted).toBe(4);
    process.kill(redis.pid, "SIGSTOP");
    try {
      await poll(granted).toBe(0);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    await poll(granted).toBe(4);
    await flight.close();
  });
});
