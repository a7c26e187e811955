// A run's ledger and file in; its reports, its latencies and its sums out.
import type { Format } from "../open/source.ts";
import type { Reader } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Outcome } from "../settle/outcome.ts";
import { type Histogram, makeHistogram } from "./latency.ts";
import { openReport, type ReportResult } from "./report.ts";

export interface ConclusionInput {
  readonly reader: Reader;
  readonly plan: Plan;
  readonly format: Format;
  readonly dir: string;
  /** Ascending by row. Every row has one if the run is complete. */
  readonly outcomes: Iterable<Outcome>;
  /** Rows read by the run: the file may have more (`--limit`, interruption). */
  readonly rows: number;
  readonly complete: boolean;
  onRows(rows: number): void;
}

export interface Conclusion extends ReportResult {
  readonly latency: Histogram;
}

/**
 * One streaming pass over the file, merged with the ledger. Of a run that is not complete, rows without an outcome are
 * left out. Throws a plain Error where a complete run lacks one: that report must not be written.
 */
export async function conclude(input: ConclusionInput): Promise<Conclusion> {
  const { reader, plan, format, dir, rows, complete } = input;
  const latency = makeHistogram();
  const report = await openReport({ columns: reader.columns, plan, format, dir });
  const ledger = input.outcomes[Symbol.iterator]();
  try {
    let next = ledger.next();
    let written = 0;
    reading: for await (const block of reader.blocks()) {
      for (const row of block) {
        if (row.row > rows) break reading;
        if (next.done || next.value.row !== row.row) {
          if (complete) throw new Error(`row ${row.row} has no outcome`);
          continue;
        }
        const outcome = next.value;
        if (outcome.attempts > 0) latency.add(outcome.latency);
        report.add(row, outcome);
        next = ledger.next();
        written++;
        if (report.full()) await report.flush();
      }
      input.onRows(written);
      if (next.done && !complete) break;
    }
    if (!next.done) throw new Error(`row ${next.value.row} has an outcome, but the file has no such row`);
    return { ...(await report.finish()), latency };
  } finally {
    ledger.return?.();
    await report.abandon();
  }
}
