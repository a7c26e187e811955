// How long a row waits before it is tried again: exponential, full jitter, capped, and never less than what was asked for.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoff } from "../../src/settle/backoff.ts";

const CAP = 30_000;
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const tries = fc.integer({ min: 1, max: 1_000 });

describe("backoff", () => {
  test("waits whole milliseconds, from none up to the cap, where nothing else is asked for", () => {
    fc.assert(
      fc.property(tries, chance, (count, random) => {
        const wait = backoff(count, 0, 0, () => random);
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(CAP);
      }),
    );
  });

  test("never waits less than the quiet period or what the endpoint asked for, even beyond the cap", () => {
    const asked = fc.double({ min: 0, max: 3_600_000, noNaN: true });
    fc.assert(
      fc.property(tries, asked, asked, chance, (count, quiet, retryAfter, random) => {
        const wait = backoff(count, quiet, retryAfter, () => random);
        expect(wait).toBeGreaterThanOrEqual(Math.max(quiet, retryAfter));
        expect(wait).toBeLessThanOrEqual(Math.max(CAP, Math.ceil(quiet), Math.ceil(retryAfter)));
      }),
    );
  });

  test("doubles its longest wait with each try until the cap", () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8, 9, 60].map((count) => backoff(count, 0, 0, () => 1 - Number.EPSILON));
    expect(longest).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, CAP, CAP, CAP]);
  });

  test("spreads its waits over all of the step: full jitter", () => {
    expect([0, 0.25, 0.5, 0.75].map((random) => backoff(3, 0, 0, () => random))).toEqual([0, 250, 500, 750]);
  });
});
