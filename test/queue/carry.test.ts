// A file's rows on their way: what was answered is passed over, what was tried goes on, and a stop ends the reading.
import { describe, expect, test } from "vitest";
import type { Plan, Update } from "../../src/plan/plan.ts";
import { makeCanary } from "../../src/queue/canary.ts";
import { type Carrying, carryRows } from "../../src/queue/carry.ts";
import type { Coordinator } from "../../src/queue/coordinator.ts";
import { type Ledger, openLedger } from "../../src/settle/ledger.ts";
import type { Outcome } from "../../src/settle/outcome.ts";
import type { Past } from "../../src/settle/past.ts";
import type { Stopped } from "../../src/settle/stop.ts";
import { cells, readerOf } from "../write/support.ts";
import { AT, makeFakeClock, outcome, update, useFolder } from "./support.ts";

const folder = useFolder();

/** Every third row is invalid. */
const plan: Plan = {
  fingerprint: "",
  warnings: [],
  customerIdColumn: 0,
  plan: ({ row, line }) =>
    row % 3 === 0
      ? { kind: "rejection", row, line, problems: [{ column: "Email", path: "/email", code: "email", message: "" }] }
      : update(row),
  customerId: (row) => `csta_${row.row}`,
  changes: () => [],
  locate: () => ({ column: null, property: "" }),
};

interface Carried {
  readonly carrying: Carrying;
  readonly put: [number, Past | undefined][];
  readonly rests: string[];
  readonly rejected: Outcome[];
  readonly calls: string[];
  readonly halts: Stopped[];
}

interface Given {
  readonly overAfter?: number;
  /** What a person answers, where one is asked. */
  readonly canary?: { readonly size: number; readonly answer: boolean } | null;
  /** What becomes of the rows put so far when they are waited for. */
  readonly drained?: (rows: readonly number[]) => void;
  /** Rows that the endpoint has already. */
  readonly same?: readonly number[];
  /** Rows that give way to another one of their customer. */
  readonly repeated?: readonly number[] | null;
}

function carry(
  ledger: Ledger,
  rows: number,
  limit: number | null = null,
  { overAfter = Number.POSITIVE_INFINITY, canary = null, drained = () => {}, same = [], repeated = null }: Given = {},
): Carried {
  const put: [number, Past | undefined][] = [];
  const rests: string[] = [];
  const rejected: Outcome[] = [];
  const calls: string[] = [];
  const halts: Stopped[] = [];
  const coordinator: Coordinator = {
    put: (given: Update, past?: Past) => void put.push([given.row, past]),
    rest: (customerId) => void rests.push(customerId),
    answer: (given) => void rejected.push(given),
    room: async () => void calls.push("room"),
    async drain() {
      calls.push("drain");
      drained(rowsOf(put));
    },
    end: async () => {},
    grant: async () => {},
    halt: (stop) => void halts.push(stop),
    close: () => {},
    closedBy: null,
    keepTo() {},
    shut: false,
    rate: null,
    state: "running",
    stopped: null,
    blocked: null,
    get over() {
      return halts.length > 0 || calls.length >= overAfter;
    },
    stopping: new AbortController().signal,
    underway: 0,
    retrying: 0,
    windowFull: false,
    rowsPerSecond: 0,
    firstOpen: () => null,
    epochs: [],
  };
  const file = Array.from({ length: rows }, (_, i) => cells(i + 1, `csta_${i + 1}`));
  const asking = canary && makeCanary(canary.size, coordinator, ledger, async () => canary.answer);
  const reader = readerOf(["customerId"], file, 4);
  const context = { reader, plan, coordinator, ledger, limit, canary: asking, clock: makeFakeClock() };
  const accepted = { has: ({ row }: Update) => same.includes(row) };
  const problem = { column: null, path: "/customerId", code: "repeated", message: "" };
  const repeats = {
    problemOf: (row: number) => (repeated?.includes(row) ? problem : null),
    close: () => void calls.push("closed"),
  };
  const findRepeats = repeated && (async () => repeats);
  const carrying = carryRows({ ...context, accepted, findRepeats });
  return { carrying, put, rests, rejected, calls, halts };
}

async function ledgerOf(outcomes: readonly Outcome[] = [], meta: Record<string, string> = {}): Promise<Ledger> {
  const ledger = folder.keep(openLedger(await folder.dir()));
  ledger.write(outcomes, [], meta);
  return ledger;
}

const rowsOf = (put: Carried["put"]) => put.map(([row]) => row);

describe("carryRows", () => {
  test("puts every valid row and rejects every other, with room asked for after each block", async () => {
    const { carrying, put, rejected, calls } = carry(await ledgerOf(), 10);
    await carrying.done;
    expect(put).toEqual([1, 2, 4, 5, 7, 8, 10].map((row) => [row, undefined]));
    expect(rejected.map((o) => [o.row, o.status, o.attempts, o.at, o.cause?.problems?.[0]?.code])).toEqual(
      [3, 6, 9].map((row) => [row, "rejected", 0, AT, "email"]),
    );
    expect(calls).toEqual(["room", "room", "room", "drain"]);
    expect([carrying.read, carrying.finished]).toEqual([10, true]);
  });

  test("passes over rows that have an outcome", async () => {
    const { carrying, put, rejected } = carry(await ledgerOf([outcome(1), outcome(3), outcome(8)]), 10);
    await carrying.done;
    expect(rowsOf(put)).toEqual([2, 4, 5, 7, 10]);
    expect(rejected.map((o) => o.row)).toEqual([6, 9]);
    expect(carrying.read).toBe(10);
  });

  test("goes on with what was tried before, and with doubt for each row that a lost epoch may have sent", async () => {
    const ledger = await ledgerOf([], { doubtful: "4" });
    ledger.writePast([
      [1, { tries: 2, requests: 3, ambiguous: false }],
      [5, { tries: 1, requests: 1, ambiguous: false }],
    ]);
    const { carrying, put } = carry(ledger, 8);
    await carrying.done;
    expect(new Map(put)).toEqual(
      new Map([
        [1, { tries: 2, requests: 3, ambiguous: true }],
        [2, { tries: 0, requests: 0, ambiguous: true }],
        [4, { tries: 0, requests: 0, ambiguous: true }],
        [5, { tries: 1, requests: 1, ambiguous: false }],
        [7, undefined],
        [8, undefined],
      ]),
    );
  });

  test("sends only the first valid rows where there is a limit, the same ones on resume", async () => {
    const first = carry(await ledgerOf(), 10, 4);
    await first.carrying.done;
    expect(rowsOf(first.put)).toEqual([1, 2, 4, 5]);
    expect([first.carrying.read, first.carrying.finished]).toEqual([5, true]);
    const resumed = carry(await ledgerOf([outcome(1), outcome(2)]), 10, 4);
    await resumed.carrying.done;
    expect(rowsOf(resumed.put)).toEqual([4, 5]);
    expect(resumed.carrying.read).toBe(5);
  });

  test("stops reading when nothing more will be sent, and does not wait for what is under way", async () => {
    const { carrying, put, calls } = carry(await ledgerOf(), 10, null, { overAfter: 1 });
    await carrying.done;
    expect(rowsOf(put)).toEqual([1, 2, 4]);
    expect(calls).toEqual(["room"]);
    expect([carrying.read, carrying.finished]).toEqual([4, false]);
  });

  test("puts no row that the endpoint has already, or that gives way to another of its customer", async () => {
    const { carrying, put, rejected, calls } = carry(await ledgerOf(), 10, null, {
      same: [2, 4, 8],
      repeated: [1, 3, 4],
    });
    await carrying.done;
    expect(rowsOf(put)).toEqual([5, 7, 10]);
    expect(rejected.map((o) => [o.row, o.status, o.attempts, o.cause?.problems?.[0]?.code])).toEqual([
      [1, "rejected", 0, "repeated"],
      [2, "unchanged", 0, undefined],
      [3, "rejected", 0, "email"],
      [4, "rejected", 0, "repeated"],
      [6, "rejected", 0, "email"],
      [8, "unchanged", 0, undefined],
      [9, "rejected", 0, "email"],
    ]);
    expect(calls.filter((call) => call === "closed")).toHaveLength(1);
  });

  test("sends a row again that may have been sent before, though the endpoint seems to have it", async () => {
    const ledger = await ledgerOf([outcome(1, { status: "unchanged" })], { doubtful: "2" });
    ledger.writePast([[5, { tries: 1, requests: 1, ambiguous: false }]]);
    const { carrying, put, rejected } = carry(ledger, 7, null, { same: [1, 2, 4, 5, 7] });
    await carrying.done;
    expect(rowsOf(put)).toEqual([2, 5]);
    expect(rejected.flatMap((o) => (o.status === "unchanged" ? [o.row] : []))).toEqual([4, 7]);
  });

  test("counts rows that need not be sent to the limit, on resume as before", async () => {
    const given = { same: [1, 2], repeated: [4] };
    const first = carry(await ledgerOf(), 10, 4, given);
    await first.carrying.done;
    expect([rowsOf(first.put), first.carrying.read]).toEqual([[5], 5]);
    const resumed = carry(await ledgerOf([outcome(1, { status: "unchanged" })]), 10, 4, given);
    await resumed.carrying.done;
    expect([rowsOf(resumed.put), resumed.carrying.read]).toEqual([[5], 5]);
  });

  test("puts nothing when it is stopped while it looks for customers with several rows", async () => {
    const { carrying, put, rejected, calls } = carry(await ledgerOf(), 10, null, { overAfter: 0, repeated: [] });
    await carrying.done;
    expect([put, rejected, calls, carrying.finished]).toEqual([[], [], ["closed"], false]);
  });

  describe("with a canary", () => {
    /** Rows that are waited for are updated, but for these, which fail. */
    const answering =
      (ledger: Ledger, bad: readonly number[] = []) =>
      (rows: readonly number[]) =>
        void ledger.write(rows.map((row) => outcome(row, bad.includes(row) ? { status: "failed" } : {})));

    test("puts the first valid rows alone, and the others when these were updated and a person agrees; once for a run", async () => {
      const ledger = await ledgerOf();
      const seen: (readonly number[])[] = [];
      const drained = (rows: readonly number[]) => {
        seen.push([...rows]);
        answering(ledger)(rows);
      };
      const canary = { size: 3, answer: true };
      const first = carry(ledger, 10, 6, { canary, drained });
      await first.carrying.done;
      expect(seen[0]).toEqual([1, 2, 4]);
      expect(rowsOf(first.put)).toEqual([1, 2, 4, 5, 7, 8]);
      expect([first.halts, first.carrying.read, ledger.meta("canary")]).toEqual([[], 8, "passed"]);
      const next = carry(ledger, 10, null, { canary, drained });
      await next.carrying.done;
      expect([rowsOf(next.put), next.calls.at(-2)]).toEqual([[10], "room"]);
    });

    test("halts when one of them ended otherwise, or a person says no: no other row is put", async () => {
      for (const [bad, answer, message, rows] of [
        [[4], true, "1 of the first 3 rows ended failed or unknown: --canary 3", [4]],
        [[], false, "the first 3 rows were updated, and the others were declined: --canary 3", []],
      ] as const) {
        const ledger = await ledgerOf();
        const drained = answering(ledger, bad);
        const { carrying, put, halts } = carry(ledger, 10, null, { canary: { size: 3, answer }, drained });
        await carrying.done;
        expect(halts).toEqual([{ rule: "canary", message, rows }]);
        expect(rowsOf(put)).toEqual([1, 2, 4]);
        expect([carrying.read, carrying.finished, ledger.meta("canary")]).toEqual([4, false, null]);
      }
    });

    test("as large as the file asks nobody", async () => {
      const ledger = await ledgerOf();
      const drained = answering(ledger, [7]);
      const { carrying, put, halts, calls } = carry(ledger, 7, null, { canary: { size: 5, answer: false }, drained });
      await carrying.done;
      expect([rowsOf(put), halts, carrying.finished, calls]).toEqual([
        ...[[1, 2, 4, 5, 7], [], true],
        ["room", "room", "drain"],
      ]);
    });

    test("of a file that has mostly not changed is of the first rows that are sent", async () => {
      const ledger = await ledgerOf();
      const canary = { size: 2, answer: false };
      const given = { canary, drained: answering(ledger), same: [1, 2, 5, 8] };
      const { carrying, put, rejected } = carry(ledger, 10, null, given);
      await carrying.done;
      expect([rowsOf(put), carrying.read]).toEqual([[4, 7], 9]);
      expect(rejected.map((o) => o.row)).toEqual([1, 2, 3, 5, 6, 8, 9]);
    });

    test("that is stopped while its rows are awaited puts no other, and is judged by nobody", async () => {
      const { carrying, put, halts } = carry(await ledgerOf(), 10, null, {
        canary: { size: 2, answer: true },
        overAfter: 1,
      });
      await carrying.done;
      expect([rowsOf(put), halts, carrying.read]).toEqual([[1, 2], [], 3]);
    });
  });

  test("of a file whose earlier row ended unknown lets that customer rest, and no other", async () => {
    const ledger = await ledgerOf([outcome(1, { status: "unknown" }), outcome(2)]);
    const { carrying, put, rests } = carry(ledger, 5);
    await carrying.done;
    expect(rests).toEqual(["csta_1"]);
    expect(rowsOf(put)).toEqual([4, 5]);
  });
});
