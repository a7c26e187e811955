import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foretell } from "../../src/write/forecast.ts";
import { renderSummary } from "../../src/write/render.ts";
import { makeSummary } from "../../src/write/summary.ts";
import { AT, summaryInput } from "./support.ts";

const textOf = (forecast: ReturnType<typeof foretell>) => renderSummary(makeSummary(summaryInput({ forecast })));

describe("foretell", () => {
  test("tells calls and the share of rejected rows, and with a pace the time and the hour", () => {
    expect(foretell({ read: 1_000, rejected: 20 }, [null, null], AT)).toEqual({
      ...{ calls: 980, rejectedShare: 0.02, rate: null, durationMs: null, finish: null },
    });
    expect(foretell({ read: 1_000, rejected: 20 }, [{ perSecond: 50 }, null], AT)).toEqual({
      ...{ calls: 980, rejectedShare: 0.02, rate: 50, durationMs: 19_600, finish: "2026-01-31T12:00:24.642Z" },
    });
  });

  test("goes by the lower of two paces", () => {
    expect(foretell({ read: 10, rejected: 0 }, [{ perSecond: 5 }, { perSecond: 2 }], AT)).toMatchObject({ rate: 2 });
  });

  test("has an answer, in figures and in words, for any file and any pace that a setting takes", () => {
    const pace = fc.option(fc.double({ min: 1e-6 / 3_600, max: 100_000, noNaN: true }), { nil: null });
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), pace, (valid, rejected, perSecond) => {
        const counts = { read: valid + rejected, rejected };
        const told = foretell(counts, [perSecond === null ? null : { perSecond }], AT);
        expect(told.rejectedShare >= 0 && told.rejectedShare <= 1).toBe(true);
        expect(told.durationMs === null).toBe(perSecond === null);
        expect(textOf(told)).not.toMatch(/NaN|Infinity|undefined|null/);
      }),
    );
  });

  test.each([
    [0, null, "2 calls; none of the rows would be rejected\n  how long it takes is told with --rate"],
    [0, 0.5, "at 30/min: 4.0 s;"],
    [0, 10 / 3_600, "at 10/h: 12 min 00 s;"],
    [998, 1, "2 calls; 99.8 % of"],
    [3_000, 1, "2 calls; more than 99.9 % of"],
    [1e7, 1, "2 calls; more than 99.9 % of"],
  ])("with %d rejected rows at %d a second says so in words", (rejected, perSecond, words) => {
    const pace = perSecond === null ? null : { perSecond };
    expect(textOf(foretell({ read: 2 + rejected, rejected }, [pace], AT))).toContain(words);
  });

  test("calls no share none that is not", () => {
    expect(textOf(foretell({ read: 10_000_000, rejected: 1 }, [], AT))).toContain("less than 0.1 % of the rows");
  });
});
