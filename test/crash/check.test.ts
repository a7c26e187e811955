// The harness proves that it can fail: a record in which all is well, and each thing that can be wrong with one, found.
import { describe, expect, test } from "vitest";
import { type Evidence, findViolations, type Sent } from "./check.ts";
import { findInGap } from "./gap.ts";
import { countResent, type Instant, readLate, resentBound } from "./resent.ts";
import { makeRows } from "./rows.ts";

const QUIET = 1_000;
/** Three customers, four rows each, in an order that the seed decides. */
const file = makeRows(1, { rows: 12, customers: 3 });
const at = (row: number) => 10_000 + row * 5_000;

/** Every row once, each when the one before is long over. */
const requests: readonly Sent[] = file.map(({ row, customerId }) => ({
  ...{ row, customerId, at: at(row), endedAt: at(row) + 20, ending: 200, effectAt: at(row) + 20, fault: null },
}));
const outcomes = file.map(({ row }) => ({ row, status: "updated" }));
const killed: Instant = { at: at(6) + 10, before: 50, after: 0 };

const well: Evidence = {
  ...{ file, requests, ledger: outcomes, reported: outcomes, exitCode: 0, odd: [], quiet: QUIET, lag: 0, stood: 0 },
  customers: new Map(file.map(({ customerId, email }) => [customerId, email])),
  summary: { state: "complete", read: 12, counts: { updated: 12, unchanged: 0, failed: 0 } },
  verify: { agrees: true, text: "" },
  left: { processes: [], keys: [], files: [] },
  instants: [killed],
  woke: null,
};

const found = (change: Partial<Evidence>) => findViolations({ ...well, ...change });

/** The record with one request changed, in the order of arrival. */
function sent(row: number, change: Partial<Sent>, more: readonly Sent[] = []): { requests: Sent[] } {
  const all = requests.map((request) => (request.row === row ? { ...request, ...change } : request));
  return { requests: [...all, ...more].toSorted((a, b) => a.at - b.at) };
}
function request(row: number, change: Partial<Sent> = {}): Sent {
  const one = requests.find((other) => other.row === row);
  if (!one) throw new Error(`no row ${row}`);
  return { ...one, ...change };
}
/** Two neighbouring rows of one customer. */
function pair(): readonly [before: number, after: number] {
  const [first] = file;
  const [, second] = file.filter(({ customerId }) => customerId === first?.customerId);
  return [first?.row ?? 0, second?.row ?? 0];
}
const [before, after] = pair();

describe("a trial in which all is well", () => {
  test("has no violations", () => {
    expect(found({})).toEqual([]);
  });

  test("may have a request sent again after a fault, when its quiet period is over", () => {
    const late = { ending: "none", endedAt: at(1) + QUIET, effectAt: at(1) + 1_500, fault: "late" } as const;
    const moment = at(1) + 2 * QUIET;
    const again = request(1, { at: moment, endedAt: moment + 20, effectAt: moment + 20 });
    expect(found({ ...sent(1, late, [again]), instants: [] })).toEqual([]);
  });

  test("may have a request that seems early to an endpoint that stood still", () => {
    const reset = {
      at: at(after) - 1_200,
      ending: "reset",
      endedAt: at(after) - 900,
      effectAt: at(after) - 900,
    } as const;
    expect(found(sent(before, reset))).toHaveLength(1);
    expect(found({ ...sent(before, reset), stood: 30 })).toEqual([]);
  });

  test("may have a request that a stopped client never hung up on", () => {
    const open = { ending: "none", endedAt: at(before) + 1e6, effectAt: at(before) + 1_500, fault: "late" } as const;
    expect(found(sent(before, open))).toEqual([]);
  });
});

describe("what is wrong is found:", () => {
  test.each<[string, Partial<Evidence>, RegExp]>([
    [
      "a run that is not complete",
      { summary: { state: "interrupted", read: 12, counts: { updated: 12 } } },
      /interrupted/,
    ],
    ["a run that says nothing", { summary: null, exitCode: 5 }, /exit code 5 and no summary/],
    ["an exit code", { exitCode: 1 }, /exit code 1/],
    ["a sum that does not hold", { summary: { state: "complete", read: 12, counts: { updated: 11 } } }, /add up to 11/],
    [
      "a file not read to its end",
      { summary: { state: "complete", read: 11, counts: { updated: 11 } } },
      /^read 11 of 12 rows$/,
    ],
    ["a recount that does not agree", { verify: { agrees: false, text: "row 3" } }, /verify does not agree: row 3/],
    ["a row without an outcome", { ledger: outcomes.slice(1) }, /^1 row without an outcome in the ledger: 1$/],
    ["a row that no report lists", { reported: outcomes.slice(1) }, /^1 row without an outcome in the reports: 1$/],
    [
      "a row with two outcomes",
      { reported: [...outcomes, { row: 4, status: "failed" }] },
      /^1 row with two outcomes in the reports: 4$/,
    ],
    ["a row out of nowhere", { ledger: [...outcomes, { row: 13, status: "updated" }] }, /does not have: 13$/],
    [
      "a row given up",
      { ledger: outcomes.map((one) => (one.row === 5 ? { row: 5, status: "unknown" } : one)) },
      /^1 row not updated \(unknown\): 5$/,
    ],
    [
      "an answer that was made up",
      { requests: requests.filter(({ row }) => row !== 7) },
      /^1 row updated that the endpoint never carried out: 7$/,
    ],
    ["an update without effect", sent(7, { effectAt: null, fault: "http-503", ending: 503 }), /never carried out: 7$/],
    [
      "a customer with an old value",
      {
        customers: new Map(
          [...well.customers].map(([id], i) => [id, i === 0 ? "row-1@example.com" : well.customers.get(id)]),
        ),
      },
      /^1 customers not as their last row says: csta_1_\d has row-1@/,
    ],
    [
      "rows in the wrong order",
      sent(before, { at: at(after) + 100, endedAt: at(after) + 110, effectAt: at(after) + 110 }),
      /^1 row that arrived after a later row/,
    ],
    [
      "effects in the wrong order",
      sent(before, { ending: "none", endedAt: at(before) + 10, effectAt: at(after) + 1_000 }),
      /^1 row that took effect after a later row/,
    ],
    [
      "two requests of a customer at once",
      sent(before, { endedAt: at(after) + 10, effectAt: at(after) + 10 }),
      /while another request of their customer was under way: \d+$/,
    ],
    [
      "a quiet period that was not kept",
      sent(before, { at: at(after) - 400, ending: "reset", endedAt: at(after) - 300, effectAt: at(after) - 300 }),
      /^1 row that came in the quiet period of another request/,
    ],
    [
      "more requests sent again than were open",
      { requests: requests.concat(requests.map((one) => ({ ...one, at: one.at + 1e6, endedAt: one.at + 1e6 + 20 }))) },
      /^12 requests sent again, more than the 1 that were open/,
    ],
    ["a process that stays", { left: { ...well.left, processes: ["17 node"] } }, /^left over processes: 17 node$/],
    ["a key that stays", { left: { ...well.left, keys: ["updraft:x"] } }, /^left over keys: updraft:x$/],
    ["a file that stays", { left: { ...well.left, files: ["x.partial"] } }, /^left over files: x\.partial$/],
    ["what a kind saw itself", { odd: ["the second run was not refused"] }, /^the second run was not refused$/],
  ])("%s", (_what, change, words) => {
    expect(found(change)).toContainEqual(expect.stringMatching(words));
  });
});

describe("the requests sent again", () => {
  const again = (change: Partial<Sent>) => countResent([request(6, change), request(6, { at: at(7) })], QUIET);

  test("are those for which the endpoint gave no reason", () => {
    expect(again({})).toBe(1);
    expect(again({ ending: "none", endedAt: at(6) + 10 })).toBe(1);
    expect(again({ fault: "http-503", ending: 503 })).toBe(0);
    expect(again({ fault: "late", ending: "none" })).toBe(0);
    expect(again({ ending: "none", endedAt: at(6) + QUIET })).toBe(0);
    expect(countResent(requests, QUIET)).toBe(0);
  });

  test("may be those in flight at the instant, and within the settle interval before and after it", () => {
    const bound = (moment: number, settle = { before: 0, after: 0 }) =>
      resentBound(requests, [{ at: moment, ...settle }], 0);
    expect(bound(at(6) + 10)).toBe(1);
    expect(bound(at(6) + 30)).toBe(0);
    expect(bound(at(6) + 30, { before: 20, after: 0 })).toBe(1);
    expect(bound(at(6) - 30)).toBe(0);
    expect(bound(at(6) - 30, { before: 0, after: 40 })).toBe(1);
    expect(resentBound(requests, [killed, killed], 0)).toBe(2);
  });

  test("may be more where answers are read late; those read by a worker that was paused do not count", () => {
    const [first, second] = [request(2), request(6)];
    const read = (late: number) =>
      new Map([...requests.map(({ row }) => [row, at(row) + 20] as const), [2, at(2) + 20 + late]]);
    expect(readLate(requests, read(180), [killed])).toBe(180);
    expect(readLate([first, second], new Map([[6, at(7)]]), [{ ...killed, at: at(6) + 30 }])).toBe(0);
    expect(resentBound(requests, [{ ...killed, at: at(6) + 150 }], 0)).toBe(0);
    expect(resentBound(requests, [{ ...killed, at: at(6) + 150 }], 180)).toBe(1);
  });
});

describe("a request that was checked before a worker was paused, and written when it woke up", () => {
  const woke = at(12) + 5_000;
  const late = (row: number) => request(row, { at: woke + 3, endedAt: woke + 30, effectAt: woke + 30 });
  const old = new Map([...well.customers, [request(before).customerId, `row-${before}@example.com`]]);
  const one: Evidence = { ...well, ...sent(0, {}, [late(before)]), customers: old, woke };

  test("is found where it explains all that is wrong", () => {
    expect(findViolations(one)).toEqual([
      expect.stringMatching(/^1 customers not as their last row says/),
      expect.stringMatching(/^1 row that arrived after a later row/),
      expect.stringMatching(/^1 row that took effect after a later row/),
    ]);
    expect(findInGap(one)?.at).toBe(woke + 3);
  });

  test("is one, in the moment of the wake-up, of a worker that was paused", () => {
    expect(findInGap({ ...one, ...sent(0, {}, [late(before), late(after)]) })).toBeNull();
    expect(findInGap({ ...one, woke: woke - 400 })).toBeNull();
    expect(findInGap({ ...one, woke: woke + 10 })).toBeNull();
    expect(findInGap({ ...one, woke: null })).toBeNull();
    expect(findInGap({ ...one, odd: ["anything else"] })).toBeNull();
  });
});
