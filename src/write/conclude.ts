// A run that has ended, or a check, in; its reports and its summary out.

import type { Clock } from "../clock.ts";
import type { Progress } from "../events.ts";
import type { Source } from "../open/source.ts";
import type { Reader } from "../parse/row.ts";
import type { MappingSettings, Plan } from "../plan/plan.ts";
import type { Rate } from "../settings/amounts.ts";
import type { Settings } from "../settings/settings.ts";
import type { Refusal } from "../settle/entry.ts";
import type { Ledger } from "../settle/ledger.ts";
import { codeOf, type Outcome, unsent } from "../settle/outcome.ts";
import { pastByRow } from "../settle/past.ts";
import { readRetry } from "../settle/retry.ts";
import { packStopped, type Stopped } from "../settle/stop.ts";
import type { Checked } from "./check.ts";
import { type Follow, makeFollow } from "./follow.ts";
import { foretell } from "./forecast.ts";
import { type Histogram, makeHistogram } from "./latency.ts";
import { type ReportResult, type ReportSettings, writeReport } from "./report.ts";
import { makeSummary, type State, type Summary, writeSummary } from "./summary.ts";

const GO_ON = "then run the same command again; it goes on where it stopped";
/** What the warnings of a run that is blocked say. */
export const REFUSED: Readonly<Record<Refusal, string>> = {
  credentials: `the endpoint refused the credentials (401): check CONNECTFI_LOGIN and CONNECTFI_PASSWORD for this host, ${GO_ON}`,
  forbidden: `the endpoint forbids this login every update (403): have it allowed to update customers, or check CONNECTFI_LOGIN and the base URL, ${GO_ON}`,
};

export interface EndedRun {
  readonly job: string;
  /** The folder of jobs that was named; null: the usual one. */
  readonly jobs: string | null;
  readonly mapping: Pick<MappingSettings, "set" | "ignoreColumns" | "refuse">;
  readonly baseUrl: string;
  readonly settings: Summary["settings"];
  readonly source: Source;
  readonly reader: Reader;
  readonly plan: Plan;
  readonly run: string;
  readonly dir: string;
  readonly ledger: Ledger;
  /** Rows that an earlier spell had answered. */
  readonly answeredBefore: number;
  /** Rows read by this spell; of a run that was stopped or cancelled, all rows it has. */
  readonly read: number;
  /** The file, or `--limit`, was read to its end. */
  readonly finished: boolean;
  /** Why the credentials were refused; null where they were not. */
  readonly blocked: Refusal | null;
  /** A rule ended it before its end. */
  readonly stopped: Stopped | null;
  readonly cancelled: boolean;
  /** What is to be told of the endpoint. */
  readonly notes: readonly string[];
  readonly start: number;
  /** The same moment on the monotonic clock: the other may be set anew meanwhile. */
  readonly began: number;
  readonly clock: Clock;
  progress(progress: Progress): void;
}

/** What the summary tells of a run's settings. */
export function summarySettings({
  rate,
  concurrency,
  attempts,
  timeout,
}: Pick<Settings, "rate" | "concurrency" | "attempts" | "timeout">): Summary["settings"] {
  return { rate: rate?.perSecond ?? null, concurrency, attempts, timeoutMs: timeout };
}

/** A report on its way behind the run. */
export interface Reporting {
  readonly follow: Follow;
  readonly latency: Histogram;
  readonly written: Promise<ReportResult>;
}

/** @param firstOpen the first row read that has no outcome yet; `read()` plus one where all have theirs */
export function startReport(
  input: Pick<EndedRun, "reader" | "plan" | "dir" | "ledger" | "source" | "clock" | "progress"> &
    Pick<ReportSettings, "showChanges" | "excel">,
  firstOpen: () => number,
): Reporting {
  const { ledger, source, clock, progress, ...rest } = input;
  const follow = makeFollow(() => firstOpen() - 1, clock);
  const latency = makeHistogram();
  const outcomes = withLatency(ledger.outcomes(follow.upTo), latency);
  const onRows = (rows: number) => {
    const { rows: read } = follow.extent();
    if (read < Number.MAX_SAFE_INTEGER) progress(reporting(rows, read, ledger.counts()));
  };
  const written = writeReport({ ...rest, format: source.format, outcomes, follow, onRows });
  // What goes wrong is met when the run has ended.
  written.catch(() => {});
  return { follow, latency, written };
}

/** Brings the reports to their end, writes the summary, and notes in the ledger how the run ended. */
export async function conclude(ended: EndedRun, { follow, latency, written }: Reporting): Promise<Summary> {
  const { ledger, clock, source, settings, dir, plan } = ended;
  const read = Math.max(ended.read, Number(ledger.meta("read") ?? "0"));
  const counts = ledger.counts();
  // One that was stopped at its last row has nothing left to go on with.
  const answered = (ended.finished || ended.stopped !== null) && ledger.size() === read;
  const state = stateOf(ended, answered, counts.unsent);
  const stopped = state === "stopped" ? ended.stopped : null;
  counts.unsent += read - ledger.size();
  const past = pastByRow(ledger);
  const restUnsent = (row: number) => unsent(row, past(row)?.requests ?? 0);
  const isUnsent = state === "stopped" || state === "cancelled";
  follow.end({ rows: read, without: answered ? "mistake" : isUnsent ? restUnsent : "later" });
  const { files, groups, superseded } = await written;
  const end = clock.wall();
  const begun = Number(ledger.meta("start") ?? ended.start);
  const { sent, retried, ambiguousUpdated } = ledger.requests();
  const summary = makeSummary({
    run: ended.run,
    retryOf: readRetry(ledger)?.of ?? null,
    job: jobIn(ended.job),
    flags: flagsOf(ended),
    epochs: Array.from({ length: Number(ledger.meta("epoch") ?? "0") }, (_, i) => `${ended.run}-${i + 1}`),
    resumes: Number(ledger.meta("spells") ?? "1") - 1,
    file: { name: source.name, bytes: source.bytes, sha256: source.sha256, format: source.format },
    state,
    stopped: stopped && { ...stopped, rows: stopped.rows.map((row) => ({ row, code: codeIn(ledger, row) })) },
    read,
    counts,
    requests: { sent, retried },
    forecast: null,
    ambiguousUpdated,
    superseded,
    durationMs: clock.now() - ended.began,
    settings,
    about: ended.reader.about,
    warnings: [...plan.warnings, ...ended.notes, ...(ended.blocked === null ? [] : [REFUSED[ended.blocked]])],
    baseUrl: ended.baseUrl,
    start: begun,
    end,
    answered: ledger.size() - ended.answeredBefore,
    latency,
    groups,
    reports: { dir, files },
  });
  await writeSummary(dir, summary);
  const why = stopped === null ? {} : { stopped: packStopped(stopped) };
  ledger.write([], [], { state, end: new Date(end).toISOString(), read: String(read), ...why });
  return summary;
}

/** Without a job, runs are those of one that has no file. */
function jobIn(name: string): string | null {
  return name === "default" ? null : name;
}

/** A value may be a customer's. */
function flagsOf({ job, jobs = null, mapping }: Pick<EndedRun, "job" | "jobs" | "mapping">): string[] {
  const { set, ignoreColumns, refuse = [] } = mapping;
  return [
    ...(jobs === null || jobIn(job) === null ? [] : ["--jobs", jobs]),
    ...Object.keys(set).flatMap((property) => ["--set", `${property}=…`]),
    ...ignoreColumns.flatMap((name) => ["--ignore-column", name]),
    ...(refuse.some((damage) => damage !== "double-encoded") ? ["--strict"] : []),
    ...(refuse.includes("double-encoded") ? ["--strict-text"] : []),
  ];
}

function stateOf({ cancelled, stopped, blocked }: EndedRun, answered: boolean, unsent: number): State {
  if (answered && unsent === 0) return "complete";
  // A retry leaves rows unsent that it was not asked for: what was cancelled before it still is.
  if (cancelled || answered) return "cancelled";
  if (stopped !== null) return "stopped";
  return blocked ? "blocked" : "interrupted";
}

function codeIn(ledger: Ledger, row: number): string | null {
  const cause = ledger.history(row).outcome?.cause;
  return cause ? codeOf(cause) : null;
}

/** Null: the check was stopped. Valid rows count as unsent: a run would send them. */
export function summarizeCheck(
  job: string,
  mapping: EndedRun["mapping"],
  checked: Checked | null,
  { source, reader: { about }, plan, jobs }: Pick<EndedRun, "source" | "reader" | "plan" | "jobs">,
  warnings: readonly string[],
  dir: string,
  paces: readonly (Rate | null)[],
  start: number,
  began: number,
  clock: Clock,
): Summary {
  const end = clock.wall();
  const read = checked?.read ?? 0;
  const rejected = checked?.rejected ?? 0;
  return makeSummary({
    run: null,
    retryOf: null,
    job: jobIn(job),
    flags: flagsOf({ job, jobs, mapping }),
    epochs: [],
    resumes: 0,
    file: { name: source.name, bytes: source.bytes, sha256: source.sha256, format: source.format },
    state: checked ? "checked" : "interrupted",
    stopped: null,
    read,
    counts: { updated: 0, unchanged: 0, rejected, failed: 0, unknown: 0, unsent: read - rejected },
    requests: { sent: 0, retried: 0 },
    forecast: checked && foretell(checked, paces, end),
    ambiguousUpdated: 0,
    superseded: 0,
    durationMs: clock.now() - began,
    settings: { rate: null, concurrency: 0, attempts: 0, timeoutMs: 0 },
    about,
    warnings: [...plan.warnings, ...warnings],
    baseUrl: null,
    start,
    end,
    answered: read,
    latency: makeHistogram(),
    groups: checked?.groups ?? [],
    reports: { dir, files: checked?.files ?? { success: null, errors: null, unsent: null } },
  });
}

function* withLatency(outcomes: Iterable<Outcome>, latency: Histogram): Generator<Outcome, void, undefined> {
  for (const outcome of outcomes) {
    if (outcome.attempts > 0) latency.add(outcome.latency);
    yield outcome;
  }
}

/** Passing over the file a second time. */
export function reporting(rows: number, total: number, counts: Progress["counts"]): Progress {
  const limitedBy = "reports";
  return { phase: "reporting", read: rows, total, counts, underway: 0, rowsPerSecond: 0, secondsLeft: null, limitedBy };
}
