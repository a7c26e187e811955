// Outcomes counted one by one against the same rules said of the whole list at once.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Limits, makeBudget } from "../../src/settle/budget.ts";
import type { Outcome } from "../../src/settle/outcome.ts";
import type { Stopped } from "../../src/settle/stop.ts";
import { outcome } from "../queue/support.ts";

const NONE: Limits = { rows: null, percent: null, same: null };

const ended = (row: number, status: Outcome["status"], code = "extCondor") =>
  outcome(row, { status, cause: status === "updated" ? null : { code } });

/** The first stop, and after how many rows it came; null where none came. */
function run(limits: Limits, outcomes: readonly Outcome[]): { readonly stop: Stopped; readonly after: number } | null {
  const budget = makeBudget(limits);
  for (const [index, one] of outcomes.entries()) {
    const stop = budget.add(one);
    if (stop !== null) return { stop, after: index + 1 };
  }
  return null;
}

const isBad = ({ status }: Outcome) => status === "failed" || status === "unknown";
const wasSent = (one: Outcome) => isBad(one) || one.status === "updated";

/** Whether the rules are broken by all of these rows together. */
function breaks({ rows, percent, same }: Limits, all: readonly Outcome[]): boolean {
  const sent = all.filter(wasSent);
  const latest = sent.slice(-1_000);
  const last = same === null ? [] : sent.slice(-same);
  const [first] = last;
  return (
    (rows !== null && sent.filter(isBad).length >= rows) ||
    (percent !== null && latest.length >= 100 && latest.filter(isBad).length * 100 >= percent * latest.length) ||
    (last.length === same && first !== undefined && last.every((o) => isBad(o) && o.cause?.code === first.cause?.code))
  );
}

const statuses = fc.constantFrom("updated", "updated", "updated", "failed", "unknown", "rejected", "unchanged");
const limit = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: null });

describe("makeBudget", () => {
  test("stops at the first row with which a rule is broken, and no sooner, whatever the rows and the limits", () => {
    // Whole stretches of one kind: a window of a thousand is to be filled, and left again.
    const stretch = fc.tuple(fc.integer({ min: 1, max: 400 }), statuses, fc.constantFrom("a", "b"));
    fc.assert(
      fc.property(
        fc.array(stretch, { maxLength: 12 }),
        fc.record({ rows: limit(900), percent: limit(100), same: limit(500) }),
        (stretches, limits) => {
          const outcomes = stretches
            .flatMap(([count, status, code]) => Array.from({ length: count }, () => ({ status, code })))
            .map(({ status, code }, index) => ended(index + 1, status, code));
          const found = run(limits, outcomes);
          const after = outcomes.findIndex((_, index) => breaks(limits, outcomes.slice(0, index + 1)));
          expect(found?.after ?? 0).toBe(after + 1);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("tells the rule, how it was broken, and the last ten rows that did it", () => {
    const rows = Array.from({ length: 30 }, (_, i) => ended(i + 1, i % 2 === 0 ? "failed" : "updated"));
    expect(run({ ...NONE, rows: 12 }, rows)?.stop).toEqual({
      rule: "stop-after",
      message: "12 rows ended failed or unknown in this spell: --stop-after 12",
      rows: [5, 7, 9, 11, 13, 15, 17, 19, 21, 23],
    });
    const few = Array.from({ length: 100 }, (_, i) => ended(i + 1, i === 3 || i === 60 ? "unknown" : "updated"));
    expect(run({ ...NONE, percent: 1.5 }, few)).toEqual({
      stop: {
        rule: "stop-after",
        message: "2 of the last 100 rows that were answered ended failed or unknown: --stop-after 1.5%",
        rows: [4, 61],
      },
      after: 100,
    });
    const same = [ended(1, "failed", "other"), ended(5, "failed"), ended(4, "failed"), ended(9, "unknown")];
    expect(run({ ...NONE, same: 3 }, same)?.stop).toEqual({
      rule: "same-error",
      message: "3 rows ended one after the other with the same code, extCondor: --stop-after-same 3",
      rows: [5, 4, 9],
    });
  });

  test("looks at exactly the last 1,000 rows that were answered for their share", () => {
    const untilRow = (last: number) =>
      Array.from({ length: last }, (_, i) => (i >= 1_000 && i < 1_049) || i === last - 1).map((bad, i) =>
        ended(i + 1, bad ? "failed" : "updated"),
      );
    expect(run({ ...NONE, percent: 5 }, untilRow(2_000))?.stop.message).toContain("50 of the last 1,000 rows");
    expect(run({ ...NONE, percent: 5 }, untilRow(2_001))).toBeNull();
  });

  test("takes rows for the same only where code and sub-code are", () => {
    const rows = [1, 2, 3, 4].map((row) =>
      outcome(row, { status: "failed", cause: { code: "extCondor", subCode: `C0${row % 2}` } }),
    );
    expect(run({ ...NONE, same: 2 }, rows)).toBeNull();
    expect(run({ ...NONE, same: 1 }, rows)?.stop.message).toContain("1 row ended");
  });

  test("repeats nothing of an endpoint's code that could harm a terminal", () => {
    const stop = run({ ...NONE, same: 1 }, [ended(1, "failed", "\u001b[2J")])?.stop;
    expect(stop?.message).toContain("same code, ??2J:");
  });

  test("stops never where no limit is set", () => {
    expect(
      run(
        NONE,
        Array.from({ length: 3_000 }, (_, i) => ended(i + 1, "failed")),
      ),
    ).toBeNull();
  });
});
