import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addFault, type Evidence, type FoundFault, isForbidden, isOutage, NO_STREAK } from "../../src/send/streak.ts";

/** One fault a millisecond. */
function outcomeOf(faults: readonly Partial<FoundFault>[]) {
  let streak = NO_STREAK;
  let now = 1_000;
  const verdicts = faults.map((given, i) => {
    now += 1;
    streak = addFault(streak, { customer: i + 1, evidence: "service", sentAt: now, first: true, ...given }, now);
    return isOutage(streak, now);
  });
  return { verdict: verdicts.at(-1) ?? false, at: verdicts.indexOf(true) + 1, streak };
}

const times = (count: number, given: Partial<FoundFault> = {}) => Array.from({ length: count }, () => given);

describe("faults without an answer between them", () => {
  test("are an outage when they are ten", () => {
    expect(outcomeOf(times(20)).at).toBe(10);
  });

  test("are none while only two customers meet them, however often", () => {
    const two = Array.from({ length: 100 }, (_, i) => ({ customer: (i % 2) + 1 }));
    expect(outcomeOf(two).at).toBe(0);
    expect(outcomeOf([...two, { customer: 3 }]).verdict).toBe(true);
  });

  test("are none where those customers failed before, while others were answered", () => {
    expect(outcomeOf(times(100, { first: false })).at).toBe(0);
  });

  test("are none that broke all at once, with nothing started since", () => {
    const burst = times(64, { sentAt: 0 });
    expect(outcomeOf(burst).at).toBe(0);
    expect(outcomeOf([...burst, {}, {}, {}]).verdict).toBe(true);
  });

  test("are an outage sooner where there was no connection: no row can be the cause", () => {
    expect(outcomeOf(times(10, { evidence: "connection", customer: 7, first: false })).at).toBe(4);
  });

  test("are none for a long time where the endpoint only refuses for the number of requests", () => {
    expect(outcomeOf(times(1_000, { evidence: "haste" })).at).toBe(0);
    const { streak } = outcomeOf(times(20, { evidence: "haste" }));
    expect([isOutage(streak, streak.start + 29_999), isOutage(streak, streak.start + 30_000)]).toEqual([false, true]);
  });

  test("of a single customer are one after a long time, if no try is counted: nothing else would ever end them", () => {
    for (const evidence of ["rest", "haste"] as const) {
      const { streak } = outcomeOf(times(20, { evidence, customer: 7 }));
      expect([isOutage(streak, streak.start + 29_999), isOutage(streak, streak.start + 30_000)]).toEqual([false, true]);
    }
    const { streak } = outcomeOf(times(20, { customer: 7 }));
    expect(isOutage(streak, streak.start + 3_600_000)).toBe(false);
  });

  test("of any kind and order are no outage without ten faults of three customers, or three without a connection", () => {
    const fault = fc.record({
      customer: fc.integer({ min: 1, max: 5 }),
      evidence: fc.constantFrom<Evidence>("connection", "service", "rest", "haste"),
      first: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fault, { maxLength: 40 }), (faults) => {
        const connections = faults.filter(({ evidence }) => evidence === "connection").length;
        const rows = new Set(faults.map(({ customer }) => customer)).size;
        if (outcomeOf(faults).at > 0) expect(connections >= 3 || (faults.length >= 10 && rows >= 3)).toBe(true);
      }),
    );
  });
});

test("a login is forbidden all updates after ten rows, or fifty where it was allowed some", () => {
  expect([isForbidden(9, false), isForbidden(10, false), isForbidden(49, true), isForbidden(50, true)]).toEqual([
    ...[false, true],
    ...[false, true],
  ]);
});
