// A file and its plan in; the errors file and the counts that a run would start from out. One pass, nothing sent.
import type { Clock } from "../clock.ts";
import { makeSpeed, type Progress } from "../events.ts";
import type { Format } from "../open/source.ts";
import type { Reader, Row } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Repeats } from "../plan/repeats.ts";
import { rejected } from "../settle/outcome.ts";
import { openReport, type ReportResult } from "./report.ts";

const PROGRESS_MS = 250;

export interface Checked extends ReportResult {
  readonly read: number;
  readonly rejected: number;
}

export interface CheckInput {
  readonly reader: Reader;
  readonly plan: Plan;
  /** Looks for customers that have several rows; null where each of them would be sent. */
  readonly findRepeats: ((stop: AbortSignal) => Promise<Repeats>) | null;
  readonly format: Format;
  readonly dir: string;
  readonly showChanges: boolean;
  readonly excel: boolean;
  /** Each row as it is read. */
  look(row: Row): void;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  progress(progress: Progress): void;
}

/** Stops early, without a report, when the signal fires: then `null`. */
export async function checkRows(input: CheckInput): Promise<Checked | null> {
  const { reader, plan, format, dir, clock, stop, showChanges, excel } = input;
  const speed = makeSpeed(clock);
  const report = await openReport({ reader, plan, format, dir, errorsOnly: true, showChanges, excel });
  let repeats: Repeats | null = null;
  try {
    repeats = (await input.findRepeats?.(stop)) ?? null;
    if (stop.aborted) return null;
    let read = 0;
    let refused = 0;
    let told = clock.now();
    for await (const block of reader.blocks()) {
      for (const row of block) {
        input.look(row);
        const planned = plan.plan(row);
        const repeated = planned.kind === "update" ? (repeats?.problemOf(row.row) ?? null) : null;
        const problems = planned.kind === "rejection" ? planned.problems : repeated === null ? [] : [repeated];
        if (problems.length === 0) {
          report.pass(row);
          continue;
        }
        refused++;
        report.add(row, rejected(row.row, problems, clock.wall()));
        if (report.full()) await report.flush();
      }
      read += block.length;
      speed.add(block.length);
      if (clock.now() - told >= PROGRESS_MS) {
        told = clock.now();
        input.progress(progressOf(read, refused, reader.rows, speed.perSecond()));
      }
      if (stop.aborted) return null;
    }
    return { ...(await report.finish()), read, rejected: refused };
  } finally {
    repeats?.close();
    await report.abandon();
  }
}

function progressOf(read: number, rejected: number, rows: number, rowsPerSecond: number): Progress {
  const total = Math.max(read, rows);
  return {
    phase: "sending",
    read,
    total,
    counts: { updated: 0, unchanged: 0, rejected, failed: 0, unknown: 0, unsent: read - rejected },
    underway: 0,
    rowsPerSecond,
    secondsLeft: rowsPerSecond > 0 ? (total - read) / rowsPerSecond : null,
    limitedBy: "reading",
  };
}
