import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Adapt, adapt, START_ADAPT, type Window } from "../../src/send/adapt.ts";
import { makeObserver } from "../../src/send/observe.ts";

const window = fc.record({
  answers: fc.nat(500),
  faults: fc.oneof(fc.constant(0), fc.nat(50)),
  latency: fc.double({ min: 0.1, max: 10_000, noNaN: true }),
  spread: fc.double({ min: 0, max: 3, noNaN: true }),
  inFlight: fc.double({ min: 0, max: 1_200, noNaN: true }),
});
/** Windows in which the limit was in use, by a share of it. */
const using = (state: Adapt, seen: Window, share: number): Window => ({ ...seen, inFlight: state.limit * share });

describe("adapt", () => {
  test("keeps to 1 to 1000, and has a quarter more at most, or one more, than in the window before", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(window, fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 300 }), (all) => {
        let state = START_ADAPT;
        for (const [seen, share] of all) {
          const next = adapt(state, using(state, seen, share));
          expect(next.limit).toBeGreaterThanOrEqual(1);
          expect(next.limit).toBeLessThanOrEqual(1_000);
          expect(Number.isInteger(next.limit)).toBe(true);
          expect(next.limit).toBeLessThanOrEqual(Math.max(state.limit + 1, state.limit * 1.25));
          state = next;
        }
      }),
    );
  });

  test("never grows where the limit was not reached, as under a pace", () => {
    fc.assert(
      fc.property(fc.array(window, { maxLength: 50 }), window, (all, last) => {
        const state = all.reduce((before, seen) => adapt(before, using(before, seen, 1)), START_ADAPT);
        expect(adapt(state, using(state, last, 0.7)).limit).toBeLessThanOrEqual(state.limit);
        const calm = { ...last, faults: 0 };
        expect(adapt(state, using(state, calm, 0.7)).limit).toBe(state.limit);
      }),
    );
  });

  test("shrinks when faults appear, and does not go on to one for faults that stay whatever it does", () => {
    const good: Window = { answers: 100, faults: 0, latency: 50, spread: 0, inFlight: 0 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 10, max: 100 }), (windows, faults) => {
        let state = START_ADAPT;
        for (let n = 0; n < windows; n++) state = adapt(state, using(state, good, 1));
        const after = adapt(state, using(state, { ...good, faults }, 1));
        expect(after.limit).toBeLessThan(state.limit);
        state = after;
        for (let n = 0; n < 200; n++) state = adapt(state, using(state, { ...good, faults }, 1));
        expect(state.limit).toBeGreaterThan(8);
      }),
    );
  });
});

/** An endpoint in virtual time, with as many requests in flight as it is allowed to have: answers and limits of each second. */
function simulate(seconds: number, latencyOf: (inFlight: number, at: number) => number) {
  let now = 0;
  let limit = 0;
  let most = 0;
  const observer = makeObserver({ now: () => now }, (to) => {
    limit = to;
  });
  const underway: { began: number; due: number }[] = [];
  const perSecond = new Array<number>(seconds).fill(0);
  const limits = new Array<number>(seconds).fill(0);
  while (now < seconds * 1_000) {
    while (underway.length < limit) {
      const entry = { began: observer.begin(), due: now + latencyOf(underway.length + 1, now) };
      const place = underway.findIndex((other) => other.due > entry.due);
      underway.splice(place < 0 ? underway.length : place, 0, entry);
    }
    most = Math.max(most, underway.length);
    const first = underway.shift();
    if (!first) break;
    now = first.due;
    const second = Math.floor(now / 1_000);
    if (second < seconds) {
      perSecond[second] = (perSecond[second] ?? 0) + 1;
      limits[second] = limit;
    }
    observer.end(first.began, false);
  }
  const sum = (from: number, to: number) => perSecond.slice(from, to).reduce((a, b) => a + b, 0);
  return { sum, limits, most };
}

/** Latencies around `ms`, of the given spread, the same each time. */
function around(ms: number, spread: number) {
  let seed = 1;
  return () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return ms * (1 + spread * ((2 * seed) / 2 ** 32 - 1));
  };
}

describe("auto, on an endpoint whose latency doubles beyond 40 requests in flight", () => {
  test.each([
    [5, 0.3],
    [20, 0.1],
    [50, 0],
    [50, 0.5],
    [200, 0.3],
  ])(
    "of %i ms, spread %d: within seconds it does nine tenths of what 40 do, and never has 60 in flight",
    (ms, spread) => {
      const latency = around(ms, spread);
      const start = ms > 100 ? 20 : 5;
      const { sum, most } = simulate(start + 30, (inFlight) => latency() * (inFlight > 40 ? 2 : 1));
      const best = (40 * 1_000) / ms;
      expect(sum(start, start + 30) / 30).toBeGreaterThanOrEqual(0.9 * best);
      expect(sum(0, 30) / 30).toBeGreaterThanOrEqual((ms > 100 ? 0.75 : 0.85) * best);
      expect(most).toBeLessThan(60);
    },
  );
});

describe("auto", () => {
  test("finds a new level when the endpoint takes more at once, and is not driven down by one that slows down for good", () => {
    const latency = around(20, 0.2);
    const faster = simulate(120, (inFlight, at) => latency() * (inFlight > (at < 30_000 ? 40 : 120) ? 2 : 1));
    expect(faster.sum(110, 120) / 10).toBeGreaterThanOrEqual(0.9 * 6_000);
    const slower = simulate(120, (inFlight, at) => latency() * (at < 30_000 ? 1 : 5) * (inFlight > 40 ? 2 : 1));
    expect(slower.sum(90, 120) / 30).toBeGreaterThanOrEqual(0.85 * 400);
    expect(slower.most).toBeLessThan(60);
  });

  test("puts no more in flight than an endpoint has use for that works on 30 at once and lets the others wait", () => {
    const latency = around(20, 0.2);
    const { sum, limits } = simulate(60, (inFlight) => latency() * Math.max(1, inFlight / 30));
    expect(sum(20, 60) / 40).toBeGreaterThanOrEqual(0.9 * 1_500);
    expect(Math.max(...limits.slice(20))).toBeLessThan(60);
  });

  test("is not misled by one request in a hundred that takes three seconds", () => {
    const latency = around(20, 0.2);
    let nth = 0;
    const { sum, most } = simulate(40, (inFlight) => (++nth % 100 === 0 ? 3_000 : latency() * (inFlight > 40 ? 2 : 1)));
    // 100 rows take 99 * 20 + 3,000 ms of a slot.
    expect(sum(10, 40) / 30).toBeGreaterThanOrEqual((0.8 * 40 * 100) / (99 * 0.02 + 3));
    expect(most).toBeLessThan(60);
  });
});
