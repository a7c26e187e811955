// The figures of a run that ended in; the object of summary.json (its shape: summary.schema.json) and an exit code out.
import { EXIT } from "../errors.ts";
import type { Format } from "../open/source.ts";
import type { Status } from "../settle/outcome.ts";
import type { StopRule } from "../settle/stop.ts";
import { makeFolder, openPartial, syncFolder } from "./file.ts";
import type { Forecast } from "./forecast.ts";
import type { ErrorGroup } from "./groups.ts";
import type { Histogram } from "./latency.ts";
import type { ReportFiles } from "./report.ts";

/** DESIGN.md, "States of a run"; `checked` is the end of `check`, which is no run. */
export const STATES = [
  "running",
  "paused",
  "waiting",
  "blocked",
  "stopped",
  "interrupted",
  "cancelled",
  "complete",
  "checked",
] as const;
export type State = (typeof STATES)[number];

export function isState(text: string): text is State {
  return STATES.some((state) => state === text);
}

/** What summary.json says is the same in the input and the summary. */
interface Told {
  /** Null for `check`. */
  readonly run: string | null;
  /** The run whose rows this one sent again; null where it is no retry. */
  readonly retryOf: string | null;
  /** Null where no job was named. */
  readonly job: string | null;
  /** Which, beside the job, decided what its rows became: words of the command line, with … for values. */
  readonly flags: readonly string[];
  /** `<run>-<n>`, first to last. */
  readonly epochs: readonly string[];
  readonly resumes: number;
  readonly file: {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly format: Format;
  };
  readonly state: State;
  /** Why it is in state `stopped`; null in any other. */
  readonly stopped: {
    readonly rule: StopRule;
    readonly message: string;
    /** Rows that brought it about, the last ones; `code` null where a row had no outcome. */
    readonly rows: readonly { readonly row: number; readonly code: string | null }[];
  } | null;
  readonly read: number;
  readonly counts: Readonly<Record<Status, number>>;
  readonly requests: { readonly sent: number; readonly retried: number };
  /** What a run would take; null for a run. */
  readonly forecast: Forecast | null;
  /** Rows that ended `updated` after an exchange that may have taken effect without our knowing. */
  readonly ambiguousUpdated: number;
  /** Rows of the errors and unsent files whose customer has a later row that was updated. */
  readonly superseded: number;
  readonly durationMs: number;
  readonly settings: {
    /** Rows per second; null for none. */
    readonly rate: number | null;
    readonly concurrency: number | "auto";
    readonly attempts: number;
    readonly timeoutMs: number;
  };
  /** How the file was read, where that is not plain to see, and what of it is no record. */
  readonly about: readonly string[];
  readonly warnings: readonly string[];
}

export interface SummaryInput extends Told {
  /** Only its host gets into the summary; null for `check` without an endpoint. */
  readonly baseUrl: string | null;
  /** Wall clock, milliseconds since 1970; `end` null while the run is not over. */
  readonly start: number;
  readonly end: number | null;
  /** Rows that got their outcome during `durationMs`: after a resume fewer than there are outcomes. */
  readonly answered: number;
  readonly latency: Histogram;
  readonly groups: readonly ErrorGroup[];
  readonly reports: { readonly dir: string; readonly files: ReportFiles };
}

export interface Summary extends Told {
  readonly version: 1;
  readonly endpoint: string | null;
  readonly start: string;
  readonly end: string | null;
  /** Every row read is answered for; `unsent` is an answer for every state but `complete`. */
  readonly balanced: boolean;
  /** Of the last exchange of each row; null where there was none. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number } | null;
  readonly rowsPerSecond: number;
  readonly errors: readonly ErrorGroup[];
  readonly reports: ReportFiles & { readonly dir: string };
}

export function makeSummary(input: SummaryInput): Summary {
  const { run, retryOf, job, flags, epochs, resumes, file, state, read, counts, requests } = input;
  const { stopped, forecast, ambiguousUpdated, superseded, settings, about, warnings } = input;
  return {
    version: 1,
    run,
    retryOf,
    job,
    flags,
    epochs,
    resumes,
    file: { name: file.name, bytes: file.bytes, sha256: file.sha256, format: file.format },
    endpoint: input.baseUrl === null ? null : new URL(input.baseUrl).host,
    start: new Date(input.start).toISOString(),
    end: input.end === null ? null : new Date(input.end).toISOString(),
    state,
    stopped,
    read,
    counts,
    balanced: isBalanced(state, read, counts),
    requests,
    forecast,
    ambiguousUpdated,
    superseded,
    latencyMs: latencyOf(input.latency),
    durationMs: Math.round(input.durationMs),
    rowsPerSecond: input.durationMs > 0 ? rounded((input.answered * 1000) / input.durationMs, 1) : 0,
    settings,
    errors: input.groups,
    about,
    warnings,
    reports: { dir: input.reports.dir, ...input.reports.files },
  };
}

/** DESIGN.md's first promise, as a sum. */
export function isBalanced(state: State, read: number, counts: Readonly<Record<Status, number>>): boolean {
  const { updated, unchanged, rejected, failed, unknown, unsent } = counts;
  const answered = updated + unchanged + rejected + failed + unknown;
  return state === "complete" ? read === answered && unsent === 0 : read === answered + unsent;
}

/** DESIGN.md's table of states. A process that ends while its run goes on was interrupted. */
export function exitCodeOf({ state, balanced, counts }: Pick<Summary, "state" | "balanced" | "counts">): number {
  switch (state) {
    case "complete":
    case "checked":
      if (!balanced) return EXIT.infrastructure;
      return counts.rejected + counts.failed + counts.unknown > 0 ? EXIT.rowsFailed : EXIT.ok;
    case "stopped":
    case "cancelled":
      return EXIT.stopped;
    case "blocked":
      return EXIT.blocked;
    case "interrupted":
    case "running":
    case "paused":
    case "waiting":
      return EXIT.interrupted;
    default:
      throw new Error(`no such state: ${state satisfies never}`);
  }
}

/** Writes `summary.json` whole or not at all, after the reports: where it is, they are. Returns its path. */
export async function writeSummary(dir: string, summary: Summary): Promise<string> {
  await makeFolder(dir);
  const file = await openPartial(dir, "summary.json");
  try {
    file.add(`${JSON.stringify(summary, null, 2)}\n`);
    await file.finish();
    const path = await file.publish();
    await syncFolder(dir);
    return path;
  } finally {
    await file.abandon();
  }
}

function latencyOf(latency: Histogram): Summary["latencyMs"] {
  if (latency.count() === 0) return null;
  const at = (q: number) => rounded(latency.quantile(q), 2);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: rounded(latency.max(), 2) };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
