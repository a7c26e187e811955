// A run that has ended and which of its rows are to be sent again in; those that a later row has superseded, and a list of them, out.
import type { Reader } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Outcome, Status } from "../settle/outcome.ts";
import { openPartial } from "./file.ts";
import type { Finder, Superseded } from "./superseded.ts";

export interface EndedRows {
  readonly reader: Reader;
  readonly plan: Plan;
  /** Ascending; a row without one is unsent. */
  readonly outcomes: Iterable<Outcome>;
  /** Rows that the run read. */
  readonly read: number;
}

/** One pass over the file. A row that is not sent again stands if it took effect, or may have: `unknown`. */
export async function findLeftOut(
  rows: EndedRows,
  isAgain: (status: Status) => boolean,
  finder: Finder,
): Promise<void> {
  const { reader, plan, outcomes, read } = rows;
  const ledger = outcomes[Symbol.iterator]();
  let next = ledger.next();
  for await (const block of reader.blocks()) {
    for (const row of block) {
      if (row.row > read) return;
      let status: Status = "unsent";
      if (!next.done && next.value.row === row.row) {
        ({ status } = next.value);
        next = ledger.next();
      }
      if (isAgain(status)) finder.again(row, status, plan.customerId(row), 0);
      else if (status === "updated" || status === "unchanged" || status === "unknown")
        finder.stands(row, status, plan.customerId(row));
    }
  }
}

/** Writes `superseded.csv`. */
export async function writeLeftOut(dir: string, leftOut: Iterable<Superseded>): Promise<void> {
  const file = await openPartial(dir, "superseded.csv");
  try {
    file.add("updraft_row,updraft_line,updraft_status,later_row,later_line,later_status\n");
    for (const { row, line, status, by } of leftOut) {
      file.add(`${row},${line},${status},${by.row},${by.line},${by.status}\n`);
      if (file.full()) await file.flush();
    }
    await file.finish();
    await file.publish();
  } finally {
    await file.abandon();
  }
}
