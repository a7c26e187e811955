// A run that ends before its file does in; how many rows it has in all, and of one that was cancelled those that may have been
// sent ended `unknown`, out.
import type { Clock } from "../clock.ts";
import type { Reader } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Ledger } from "../settle/ledger.ts";
import { type Outcome, rejected, stopped } from "../settle/outcome.ts";
import { NOTHING_TRIED, pastByRow } from "../settle/past.ts";

/** Outcomes written in one transaction. */
const MANY = 5_000;

/**
 * One pass over the file. Rows that were surely not sent get no outcome: those that the ledger lacks are the unsent ones, and a
 * million of them cost nothing.
 * @param forGood nobody will go on with it; otherwise no row gets an outcome here: what is in doubt is so for the next spell
 * @param limit as the run had it: rows after so many valid ones are not its
 */
export async function leaveRows(
  reader: Reader,
  plan: Plan,
  ledger: Ledger,
  limit: number | null,
  forGood: boolean,
  clock: Clock,
): Promise<number> {
  const answered = ledger.answered();
  const past = pastByRow(ledger);
  const doubtful = Number(ledger.meta("doubtful") ?? "0");
  let outcomes: Outcome[] = [];
  let rows = 0;
  let valid = 0;

  for await (const block of reader.blocks()) {
    for (const row of block) {
      if (limit !== null && valid >= limit) break;
      rows = row.row;
      const known = ((answered[rows >> 3] ?? 0) & (1 << (rows & 7))) !== 0;
      const tried = past(rows) ?? NOTHING_TRIED;
      const doubt = forGood && !known && (tried.ambiguous || rows <= doubtful);
      if (!doubt && limit === null) continue;
      const planned = plan.plan(row);
      if (planned.kind === "update") valid++;
      if (!doubt) continue;
      const { requests } = tried;
      // Whatever was lost, an invalid row was never sent.
      outcomes.push(
        planned.kind === "update"
          ? stopped(rows, requests, clock.wall())
          : rejected(rows, planned.problems, clock.wall()),
      );
    }
    if (outcomes.length >= MANY) {
      ledger.write(outcomes);
      outcomes = [];
    }
    if (limit !== null && valid >= limit) break;
  }
  ledger.write(outcomes);
  await ledger.sync();
  return rows;
}
