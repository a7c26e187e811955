import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeHistogram } from "../../src/write/latency.ts";

const latencies = fc.array(
  fc.oneof(fc.double({ min: 0.01, max: 50, noNaN: true }), fc.double({ min: 0.01, max: 600_000, noNaN: true })),
  { minLength: 1, maxLength: 200 },
);

function filled(values: readonly number[]) {
  const histogram = makeHistogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

describe("makeHistogram", () => {
  it("tells any quantile within 5 %", () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(0, 0.5, 0.95, 0.99, 1), (values, q) => {
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * values.length) - 1)] ?? 0;
        const told = filled(values).quantile(q);
        expect(Math.abs(told - exact)).toBeLessThanOrEqual(exact * 0.05);
      }),
      { numRuns: 1000 },
    );
  });

  it("tells the same after a merge as if everything had been added to one", () => {
    fc.assert(
      fc.property(latencies, latencies, (one, other) => {
        const merged = filled(one);
        merged.merge(filled(other));
        const whole = filled([...one, ...other]);
        expect(merged.count()).toBe(whole.count());
        expect(merged.max()).toBe(whole.max());
        for (const q of [0.5, 0.95, 0.99, 1]) expect(merged.quantile(q)).toBe(whole.quantile(q));
      }),
    );
  });

  it("tells the longest latency exactly and is 0 while empty", () => {
    expect(makeHistogram().quantile(0.5)).toBe(0);
    expect(makeHistogram().max()).toBe(0);
    expect(filled([1, 7.123456]).max()).toBe(7.123456);
  });

  it("counts hours and impossible negatives without leaving its buckets", () => {
    const histogram = filled([0, -1, 5 * 3_600_000, 90 * 86_400_000]);
    expect(histogram.count()).toBe(4);
    expect(histogram.buckets.reduce((sum, held) => sum + held, 0)).toBe(4);
    expect(histogram.quantile(0.25)).toBe(0);
  });
});
