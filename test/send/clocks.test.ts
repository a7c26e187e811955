import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HORIZON_MS, intervalOf, reserve } from "../../src/send/clocks.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const SECOND = 1e6;
/** Microseconds: an instant like any other. */
const NOON = 1_800_000_000 * SECOND;

interface Step {
  /** Which run asks, of which endpoint all are. */
  readonly run: string;
  readonly want: number;
  /** Microseconds that pass before it asks. */
  readonly pass: number;
  /** Microseconds by which Redis' clock is set anew before it asks. */
  readonly jump: number;
}

interface Slot {
  readonly run: string;
  /** True time, microseconds. */
  readonly at: number;
}

const rates = fc.record({ endpointRate: fc.integer({ min: 1, max: 3_000 }), rate: fc.integer({ min: 1, max: 3_000 }) });
const step = (jump: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    run: fc.constantFrom("a", "b", "c"),
    want: fc.integer({ min: 1, max: 64 }),
    pass: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 400_000 })),
    jump,
  });

/** The slots that the steps get, in true time: what Redis says is `off` from it. */
async function slotsOf(steps: readonly Step[], given: { endpointRate: number | null; rate: number | null }) {
  const client = redis.connect();
  await client.flushall();
  const slots: Slot[] = [];
  let now = NOON;
  let off = 0;
  for (const { run, want, pass, jump } of steps) {
    now += pass;
    off += jump;
    const who = { endpoint: "e", run };
    // As a worker does: what it is given in the call in which it sees the jump, it drops, and asks again.
    if (jump !== 0) await reserve(client, who, given, want, false, now + off);
    const found = await reserve(client, who, given, want, jump !== 0, now + off);
    for (let i = 0; i < found.count; i++) slots.push({ run, at: found.first - off + i * found.step });
  }
  return slots;
}

/** The most slots in any second. */
function busiest(slots: readonly Slot[]): number {
  const times = slots.map(({ at }) => at).sort((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (const [i, time] of times.entries()) {
    while ((times[from] ?? time) <= time - SECOND) from++;
    most = Math.max(most, i - from + 1);
  }
  return most;
}

const ofRun = (slots: readonly Slot[], run: string) => slots.filter((slot) => slot.run === run);

describe("reserve", () => {
  test("never gives more slots than either rate allows in any second, whoever asks for how many and when", async () => {
    await fc.assert(
      fc.asyncProperty(rates, fc.array(step(fc.constant(0)), { minLength: 1, maxLength: 60 }), async (given, steps) => {
        const slots = await slotsOf(steps, given);
        expect(busiest(slots)).toBeLessThanOrEqual(given.endpointRate + 1);
        for (const run of ["a", "b", "c"]) expect(busiest(ofRun(slots, run))).toBeLessThanOrEqual(given.rate + 1);
      }),
      { numRuns: 60 },
    );
  });

  test("does not, either, when Redis' clock is set to another time now and then", async () => {
    const jump = fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -3_600 * SECOND, max: 3_600 * SECOND }) },
      { weight: 1, arbitrary: fc.integer({ min: -SECOND, max: SECOND }) },
    );
    await fc.assert(
      fc.asyncProperty(rates, fc.array(step(jump), { minLength: 1, maxLength: 60 }), async (given, steps) => {
        const slots = await slotsOf(steps, given);
        expect(busiest(slots)).toBeLessThanOrEqual(given.endpointRate + 1);
      }),
      { numRuns: 60 },
    );
  });

  test("gives no slot that is past, none further ahead than the horizon, and says when to ask again", async () => {
    await fc.assert(
      fc.asyncProperty(rates, fc.array(step(fc.constant(0)), { minLength: 1, maxLength: 40 }), async (given, steps) => {
        const client = redis.connect();
        await client.flushall();
        let now = NOON;
        for (const { run, want, pass } of steps) {
          now += pass;
          const found = await reserve(client, { endpoint: "e", run }, given, want, false, now);
          expect(found.count).toBeLessThanOrEqual(want);
          if (found.count === 0) expect(found.wait).toBeGreaterThan(0);
          else {
            const last = found.first + (found.count - 1) * found.step;
            expect([found.first >= now, last <= now + HORIZON_MS * 1_000]).toEqual([true, true]);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

/** Runs that ask as soon as it is worth it, for 64 each, over `seconds`. */
async function contend(runs: Readonly<Record<string, number | null>>, endpointRate: number, seconds: number) {
  const client = redis.connect();
  const slots: Slot[] = [];
  const due = new Map(Object.keys(runs).map((run) => [run, NOON]));
  for (;;) {
    const [run, now] = [...due].reduce((first, one) => (one[1] < first[1] ? one : first));
    if (now > NOON + seconds * SECOND) return slots;
    const given = { endpointRate, rate: runs[run] ?? null };
    const found = await reserve(client, { endpoint: "e", run }, given, 64, false, now);
    for (let i = 0; i < found.count; i++) slots.push({ run, at: found.first + i * found.step });
    const last = found.first + (found.count - 1) * found.step;
    // A worker asks again shortly before its slots are used up.
    due.set(run, found.count > 0 ? Math.max(now + 1_000, last - 20_000) : now + Math.max(found.wait, 1_000));
  }
}

const perSecond = (slots: readonly Slot[], run: string, from: number, to: number) =>
  ofRun(slots, run).filter(({ at }) => at >= NOON + from * SECOND && at < NOON + to * SECOND).length / (to - from);

describe("the cap of an endpoint", () => {
  test("is all there for a run that is alone", async () => {
    const slots = await contend({ a: null }, 200, 5);
    expect(perSecond(slots, "a", 1, 5)).toBeGreaterThan(200 * 0.97);
  });

  test("is shared evenly by runs that both want more, from the first second on in which both ask", async () => {
    const slots = await contend({ a: null, b: null, c: null }, 200, 6);
    for (const run of ["a", "b", "c"]) expect(perSecond(slots, run, 1, 6)).toBeCloseTo(200 / 3, -1);
    expect(busiest(slots)).toBeLessThanOrEqual(201);
    expect(slots.filter(({ at }) => at >= NOON + SECOND).length / 5).toBeGreaterThan(200 * 0.95);
  });

  test("is for those that can use it, where one has a lower rate of its own", async () => {
    const slots = await contend({ a: null, b: 20 }, 200, 6);
    expect(perSecond(slots, "b", 1, 6)).toBeGreaterThan(20 * 0.9);
    expect(perSecond(slots, "b", 1, 6)).toBeLessThanOrEqual(20.2);
    expect(perSecond(slots, "a", 1, 6)).toBeGreaterThan(180 * 0.9);
  });

  test("is the lowest that any of its runs was told", async () => {
    const client = redis.connect();
    await reserve(client, { endpoint: "e", run: "a" }, { endpointRate: 10, rate: null }, 1, false, NOON);
    const found = await reserve(
      client,
      { endpoint: "e", run: "b" },
      { endpointRate: 500, rate: null },
      64,
      false,
      NOON,
    );
    expect(found.step).toBe(intervalOf(10));
  });
});

test("the interval is longer than the rate's by what a request may come late", () => {
  expect([intervalOf(null), intervalOf(500), intervalOf(1)]).toEqual([0, 2_030, 1_015_000]);
});
