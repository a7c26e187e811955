// The window: order and quiet per customer, every row on its way once, and bounds that hold whatever the file's size.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeWindow, type Window, type WindowRow } from "../../src/queue/window.ts";
import { makeFakeClock, outcome, update } from "./support.ts";

const QUIET = 10_000;

function windowOf(rate: number | null = null, ready: () => void = () => {}) {
  const clock = makeFakeClock();
  return { clock, window: makeWindow(QUIET, rate, clock, ready) };
}

function rowsOf(batches: readonly (readonly WindowRow[])[]): number[] {
  return batches.flat().map((row) => row.row);
}

function fill(window: Window, body?: string): number {
  let row = 0;
  while (window.hasRoom()) window.put(update(++row, `csta_${row}`, body));
  return row;
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("put" as const), customer: fc.nat(5), ambiguous: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rest" as const), customer: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("take" as const), all: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("settle" as const), which: fc.nat(), unknown: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("requeue" as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(QUIET) }) },
);

describe("makeWindow", () => {
  test("never has two rows of a customer under way, keeps their order, waits after an unknown one, and loses none", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(null, 2, 8), async (steps, rate) => {
        const { clock, window } = windowOf(rate);
        const customerOf = new Map<number, string>();
        const underway = new Map<string, number>();
        const lastTaken = new Map<string, number>();
        const quietUntil = new Map<string, number>();
        const requeued = new Set<number>();
        const doubtful = new Set<number>();
        let put = 0;
        let ended = 0;
        let calm: number | null = null;

        const take = (all: boolean) => {
          for (const row of window.takeBatches(all).flat()) {
            const { customerId } = row;
            expect(customerOf.get(row.row)).toBe(customerId);
            if (requeued.delete(row.row)) continue;
            expect(underway.has(customerId)).toBe(false);
            expect(row.row).toBeGreaterThan(lastTaken.get(customerId) ?? 0);
            expect(clock.now()).toBeGreaterThanOrEqual(quietUntil.get(customerId) ?? 0);
            if (doubtful.has(row.row)) expect(clock.now()).toBeGreaterThanOrEqual(calm ?? 0);
            underway.set(customerId, row.row);
            lastTaken.set(customerId, row.row);
          }
        };
        const settle = (row: number, unknown: boolean) => {
          const customer = customerOf.get(row) ?? "";
          underway.delete(customer);
          if (unknown) quietUntil.set(customer, clock.now() + QUIET);
          window.settle(outcome(row, { status: unknown ? "unknown" : "updated" }));
          ended++;
        };

        for (const given of steps) {
          if (given.do === "put") {
            calm ??= clock.now() + QUIET;
            customerOf.set(++put, `c${given.customer}`);
            if (given.ambiguous) doubtful.add(put);
            window.put(update(put, `c${given.customer}`), { tries: 0, requests: 1, ambiguous: given.ambiguous });
          } else if (given.do === "rest") {
            calm ??= clock.now() + QUIET;
            const customer = `c${given.customer}`;
            // On resume a customer's earlier rows come before those that are put.
            if (![...customerOf.values()].includes(customer)) quietUntil.set(customer, calm);
            window.rest(customer);
          } else if (given.do === "take") take(given.all);
          else if (given.do === "wait") await clock.advance(given.ms);
          else {
            // A row that waits to be added again may be settled too: by an outcome that was late.
            const rows = [...underway.values()];
            const row = rows[given.which % rows.length];
            if (row === undefined) continue;
            const found = window.get(row);
            if (given.do === "settle") {
              requeued.delete(row);
              settle(row, given.unknown);
            } else if (found && !requeued.has(row)) {
              requeued.add(row);
              window.requeue(found, "{}");
            }
          }
          expect(window.size).toBe(put - ended);
          expect(window.rows().map((row) => row.row)).toEqual(
            [...customerOf.keys()].filter((row) => window.get(row) !== undefined),
          );
        }
        while (window.size > 0) {
          take(true);
          for (const row of [...underway.values()]) settle(row, false);
          await clock.advance(QUIET);
        }
        expect(ended).toBe(put);
        expect(window.takeBatches(true)).toEqual([]);
        expect(window.deferred).toBe(0);
        window.close();
      }),
      { numRuns: 250 },
    );
  });

  test("has no room while many customers rest, however few rows are under way", async () => {
    const { clock, window } = windowOf();
    for (let n = 1; n <= 20_000; n++) window.rest(`csta_${n}`);
    expect(window.hasRoom()).toBe(false);
    await clock.advance(QUIET);
    expect(window.hasRoom()).toBe(true);
  });

  test("gives batches of about a quarter of a second of rows, at most 500, and what fills none only when asked", () => {
    const { window } = windowOf(20);
    for (let row = 1; row <= 12; row++) window.put(update(row));
    expect(window.takeBatches(false).map((batch) => batch.length)).toEqual([5, 5]);
    expect(window.takeBatches(false)).toEqual([]);
    expect(rowsOf(window.takeBatches(true))).toEqual([11, 12]);
    const fast = windowOf(100_000).window;
    for (let row = 1; row <= 1_100; row++) fast.put(update(row));
    expect(fast.takeBatches(true).map((batch) => batch.length)).toEqual([500, 500, 100]);
    const { window: unknown } = windowOf();
    for (let row = 1; row <= 500; row++) unknown.put(update(row));
    expect(unknown.takeBatches(true).map((batch) => batch.length)).toEqual([200, 200, 100]);
    unknown.tune(50_000);
    for (let row = 501; row <= 1_001; row++) unknown.put(update(row));
    expect(unknown.takeBatches(true).map((batch) => batch.length)).toEqual([500, 1]);
    const slow = windowOf(0.1).window;
    for (let row = 1; row <= 3; row++) slow.put(update(row));
    expect(slow.takeBatches(false).map((batch) => batch.length)).toEqual([1, 1, 1]);
  });

  test("has room for two seconds of rows: never less than a thousand, never more than some thousands", () => {
    expect(fill(windowOf(1).window)).toBe(1_000);
    expect(fill(windowOf(1_200).window)).toBe(2_400);
    expect(fill(windowOf(1_000_000).window)).toBeLessThanOrEqual(20_000);
    const { window } = windowOf();
    for (let row = 1; row <= 1_500; row++) window.put(update(row));
    window.tune(3_000);
    expect(window.hasRoom()).toBe(true);
    window.tune(0);
    expect(window.hasRoom()).toBe(false);
  });

  test("keeps to a configured rate whatever it is told of the speed", () => {
    const { window } = windowOf(8);
    window.tune(50_000);
    for (let row = 1; row <= 4; row++) window.put(update(row));
    expect(window.takeBatches(false).map((batch) => batch.length)).toEqual([2, 2]);
  });

  test("has no room for more than some megabytes of bodies, and has it again when they are settled", () => {
    const { window } = windowOf(1_000_000);
    const body = "x".repeat(1024 * 1024);
    const rows = fill(window, body);
    expect(rows).toBeLessThanOrEqual(24);
    for (let row = 1; row <= rows; row++) window.settle(outcome(row));
    expect(fill(window, body)).toBe(rows);
  });

  test("calls for a batch when a row becomes due behind another of its customer", () => {
    let calls = 0;
    const { window } = windowOf(null, () => calls++);
    window.put(update(1, "a"));
    window.put(update(2, "a"));
    expect(calls).toBe(0);
    expect(window.deferred).toBe(1);
    expect(rowsOf(window.takeBatches(true))).toEqual([1]);
    window.settle(outcome(1));
    expect(calls).toBe(1);
    expect(window.deferred).toBe(0);
    expect(rowsOf(window.takeBatches(true))).toEqual([2]);
  });

  test("keeps a customer quiet after an unknown row, for a row that is put only then, too", async () => {
    const { clock, window } = windowOf();
    window.put(update(1, "a"));
    window.takeBatches(true);
    window.settle(outcome(1, { status: "unknown" }));
    await clock.advance(QUIET - 1);
    window.put(update(2, "a"));
    window.put(update(3, "b"));
    expect(rowsOf(window.takeBatches(true))).toEqual([3]);
    await clock.advance(1);
    expect(rowsOf(window.takeBatches(true))).toEqual([2]);
  });

  test("does not send a row again that was answered while it waited to be added again", () => {
    const { window } = windowOf(40);
    window.put(update(1, "a"));
    window.put(update(2, "a"));
    const [row] = window.takeBatches(true).flat();
    if (row) window.requeue(row, row.body);
    expect(window.takeBatches(false)).toEqual([]);
    window.settle(outcome(1));
    expect(rowsOf(window.takeBatches(true))).toEqual([2]);
  });

  test("carries what was tried for a row before, and lets one wait that may have been sent just before", async () => {
    const { clock, window } = windowOf();
    window.put(update(1), { tries: 2, requests: 3, ambiguous: true });
    window.put(update(2), { tries: 1, requests: 1, ambiguous: false });
    const early = window.takeBatches(true).flat();
    expect(early).toMatchObject([{ row: 2, tries: 1, requests: 1, ambiguous: false, batch: null }]);
    await clock.advance(QUIET);
    const late = window.takeBatches(true).flat();
    expect(late).toMatchObject([{ row: 1, tries: 2, requests: 3, ambiguous: true, batch: null }]);
  });

  test("ignores an outcome for a row it does not have, and a second one", () => {
    const { window } = windowOf();
    window.put(update(1));
    window.settle(outcome(9));
    window.settle(outcome(1));
    window.settle(outcome(1));
    expect(window.size).toBe(0);
  });

  test("leaves no timer when it is closed, and lets no row go before its quiet period because of that", async () => {
    let calls = 0;
    const { clock, window } = windowOf(null, () => calls++);
    window.put(update(1, "a"));
    window.put(update(2, "a"));
    window.takeBatches(true);
    window.settle(outcome(1, { status: "unknown" }));
    expect(clock.sleeping).toBe(1);
    window.close();
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
    expect(calls).toBe(0);
    expect(window.takeBatches(true)).toEqual([]);
  });
});
