// Outcomes in the order in which they came in; the word that too many of them are bad, with the rule and the rows, out.
import { codeOf, type Outcome } from "./outcome.ts";
import { MOST_ROWS, type Stopped } from "./stop.ts";

/** A share of bad rows is that of the last ones. */
const LATEST = 1_000;
/** And is judged no sooner: one bad row of three says little. */
const FIRST = 100;

/** When to stop; null: never for this reason. */
export interface Limits {
  /** So many bad rows. */
  readonly rows: number | null;
  /** So many of a hundred among the latest rows. */
  readonly percent: number | null;
  /** So many rows one after the other that ended with the same code. */
  readonly same: number | null;
}

export interface Budget {
  /** Told of each row once. Rows that were never sent do not count. */
  add(outcome: Outcome): Stopped | null;
}

/** Of one spell. A row is bad that was sent and ended `failed` or `unknown`. */
export function makeBudget({ rows, percent, same }: Limits): Budget {
  const bad: number[] = [];
  /** A ring; 1 where the row was bad. */
  const latest = new Uint8Array(percent === null ? 0 : LATEST);
  let answered = 0;
  let badAmongLatest = 0;
  let badInAll = 0;
  let code = "";
  let inRow = 0;

  function note(isBad: 0 | 1): void {
    answered++;
    if (percent === null) return;
    const place = answered % LATEST;
    badAmongLatest += isBad - (latest[place] ?? 0);
    latest[place] = isBad;
  }

  function judge(): Stopped | null {
    if (rows !== null && badInAll >= rows) {
      const message = `${told(badInAll)} ${ended(badInAll)} failed or unknown in this spell: --stop-after ${rows}`;
      return { rule: "stop-after", message, rows: bad.slice(-MOST_ROWS) };
    }
    const of = Math.min(answered, LATEST);
    if (percent !== null && of >= FIRST && badAmongLatest * 100 >= percent * of) {
      const message = `${told(badAmongLatest)} of the last ${told(of)} rows that were answered ended failed or unknown: --stop-after ${percent}%`;
      return { rule: "stop-after", message, rows: bad.slice(-Math.min(MOST_ROWS, badAmongLatest)) };
    }
    if (same !== null && inRow >= same) {
      const message = `${told(inRow)} ${ended(inRow)} one after the other with the same code, ${code}: --stop-after-same ${same}`;
      return { rule: "same-error", message, rows: bad.slice(-Math.min(MOST_ROWS, inRow)) };
    }
    return null;
  }

  return {
    add({ row, status, cause }) {
      if (status === "updated") {
        note(0);
        inRow = 0;
        // The row that makes them enough to be judged may be a good one.
        return percent === null ? null : judge();
      }
      if (status !== "failed" && status !== "unknown") return null;
      note(1);
      badInAll++;
      if (bad.push(row) > 2 * MOST_ROWS) bad.splice(0, MOST_ROWS);
      const its = cause === null ? "no-reason" : codeOf(cause);
      inRow = its === code ? inRow + 1 : 1;
      code = its;
      return judge();
    },
  };
}

function told(figure: number): string {
  return figure.toLocaleString("en-US");
}

function ended(count: number): string {
  return count === 1 ? "row ended" : "rows ended";
}
