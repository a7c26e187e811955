// The rest of a run that ended before its file: of one that was cancelled what may have been sent ends unknown, what is invalid
// is known to be so, all else needs no word.
import { describe, expect, test } from "vitest";
import type { Plan } from "../../src/plan/plan.ts";
import { leaveRows } from "../../src/queue/leave.ts";
import { type Ledger, openLedger } from "../../src/settle/ledger.ts";
import { cells, readerOf } from "../write/support.ts";
import { AT, makeFakeClock, outcome, update, useFolder } from "./support.ts";

const folder = useFolder();

/** Every third row is invalid. */
const plan: Plan = {
  fingerprint: "",
  warnings: [],
  customerIdColumn: 0,
  plan: ({ row, line }) => (row % 3 === 0 ? { kind: "rejection", row, line, problems: [] } : update(row)),
  customerId: (row) => `csta_${row.row}`,
  changes: () => [],
  locate: () => ({ column: null, property: "" }),
};

async function leave(rows: number, prepare: (ledger: Ledger) => void, limit: number | null = null, forGood = true) {
  const ledger = folder.keep(openLedger(await folder.dir()));
  prepare(ledger);
  const before = new Set([...ledger.outcomes()].map(({ row }) => row));
  const file = Array.from({ length: rows }, (_, i) => cells(i + 1, `csta_${i + 1}`));
  const read = await leaveRows(readerOf(["customerId"], file, 4), plan, ledger, limit, forGood, makeFakeClock());
  return { read, added: [...ledger.outcomes()].filter(({ row }) => !before.has(row)) };
}

describe("leaveRows", () => {
  test("ends rows unknown of which an exchange may have taken effect, and says nothing of rows that were not sent", async () => {
    const { read, added } = await leave(10, (ledger) => {
      ledger.write([outcome(1), outcome(4)]);
      ledger.writePast([
        [2, { tries: 1, requests: 2, ambiguous: true }],
        [4, { tries: 1, requests: 1, ambiguous: true }],
        [5, { tries: 3, requests: 3, ambiguous: false }],
        [7, { tries: 0, requests: 0, ambiguous: false }],
      ]);
    });
    expect(read).toBe(10);
    expect(added).toEqual([
      {
        ...{ row: 2, status: "unknown", attempts: 2, http: 0, at: AT, ambiguous: true, latency: 0 },
        cause: { code: "stopped" },
      },
    ]);
  });

  test("ends every row unknown that a Redis that was lost may have sent; an invalid one was not", async () => {
    const { added } = await leave(10, (ledger) => ledger.write([outcome(1)], [], { doubtful: "6" }));
    expect(added.map(({ row, status }) => [row, status])).toEqual([
      [2, "unknown"],
      [3, "rejected"],
      [4, "unknown"],
      [5, "unknown"],
      [6, "rejected"],
    ]);
  });

  test("of a run that goes on later gives no row an outcome, whatever is in doubt, and counts all", async () => {
    const doubtful = (ledger: Ledger) => ledger.write([outcome(1)], [], { doubtful: "6" });
    expect(await leave(10, doubtful, null, false)).toEqual({ read: 10, added: [] });
    expect(await leave(10, doubtful, 3, false)).toEqual({ read: 4, added: [] });
  });

  test("counts the rows of a limit as the run does that came to its end", async () => {
    for (const [limit, rows] of [
      [1, 1],
      [2, 2],
      [3, 4],
      [100, 10],
    ] as const) {
      expect((await leave(10, () => {}, limit)).read).toBe(rows);
    }
    const { added } = await leave(10, (ledger) => ledger.write([], [], { doubtful: "10" }), 3);
    expect(added.map(({ row }) => row)).toEqual([1, 2, 3, 4]);
  });
});
