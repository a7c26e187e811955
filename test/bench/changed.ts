// A number of rows in; a file of them sent once, then with a share of its rows changed, each run measured, out.
import { join } from "node:path";
import { type Bar, count, type Figures, MB } from "./figures.ts";
import { makeRow, type Row, writeRows } from "./rows.ts";
import { countUpdates, type Measured, measureUpdraft } from "./variants.ts";

/** One row of so many changes from file to file. */
export const CHANGED_EVERY = 100;
const BARS = { rowsPerSecond: 30_000, peakMb: 300 };

export interface ChangedRuns {
  /** Nothing was known before. */
  readonly first: Measured;
  readonly next: readonly Measured[];
}

/** One data folder for all of them; each file has another value in every hundredth row, and in those alone, than the one before. */
export async function measureChanged(
  base: string,
  folder: string,
  rows: number,
  rounds: number,
  done: (run: Measured) => void,
): Promise<ChangedRuns> {
  const runs: Measured[] = [];
  for (let round = 0; round <= rounds; round++) {
    const file = join(folder, `changed-${round}.csv`);
    await writeRows(file, rows, 0, (n) => changedRow(n, round));
    const before = await countUpdates(base);
    const { ended, ...own } = await measureUpdraft({ base, file, args: ["--changed-only"] }, folder);
    const sent = (await countUpdates(base)) - before;
    const run = { rows, sent, ...own, wallMs: ended[0]?.wallMs ?? 0, costs: ended.flatMap((one) => one.costs) };
    const due = round === 0 ? rows : changedRows(rows);
    if (sent !== due || own.answered !== rows)
      throw new Error(
        `answered ${own.answered} of ${rows} rows, and the endpoint received ${sent} updates instead of ${due}`,
      );
    done(run);
    runs.push(run);
  }
  const [first, ...next] = runs;
  if (!first) throw new Error("nothing was measured");
  return { first, next };
}

export function changedRows(rows: number): number {
  return Math.floor(rows / CHANGED_EVERY);
}

function changedRow(n: number, round: number): Row {
  const row = makeRow(n);
  return n % CHANGED_EVERY === CHANGED_EVERY - 1 ? { ...row, city: `${row.city} ${round}` } : row;
}

export function changedBars({ rowsPerSecond, peaks }: Figures): Bar[] {
  const largest = peaks.size === 0 ? Number.NaN : Math.max(...peaks.values());
  return [
    {
      ...{ name: "rows/s, reports included", needed: `≥ ${count(BARS.rowsPerSecond)}`, reached: count(rowsPerSecond) },
      met: rowsPerSecond >= BARS.rowsPerSecond,
    },
    // Not measured is not met.
    {
      ...{ name: "largest process, peak", needed: `≤ ${BARS.peakMb} MB`, reached: `${count(largest / MB)} MB` },
      met: largest <= BARS.peakMb * MB,
    },
  ];
}
