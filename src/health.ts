// A file that was opened in; what is damaged in it, and how far it is from the last files of its job, told before anything is sent.
import { setImmediate } from "node:timers/promises";
import * as z from "zod";
import { UpdraftError } from "./errors.ts";
import type { Input } from "./input.ts";
import { isReport } from "./parse/report.ts";
import { type Compared, compareHealth, type Health, healthOf, healthTable } from "./plan/health.ts";
import { makeProfiler, type Profiler, sentenceOf } from "./plan/profile.ts";
import type { LocalSettings } from "./settings/settings.ts";
import { addHealth, healthSchema, readHealth } from "./settle/health-file.ts";
import type { Peeked } from "./settle/peek.ts";
import { printable } from "./write/explain.ts";
import type { Summary } from "./write/summary.ts";

export interface Examined {
  readonly rows: number;
  /** A sentence each, for the terminal and the summary. */
  readonly warnings: readonly string[];
  /** Kept if the run accepts the file; null where no job looks back on its files. */
  readonly health: Health | null;
}

export interface HealthRequest {
  readonly job: string;
  readonly settings: Pick<LocalSettings, "dataDir" | "health">;
}

const noted = z.object({
  warnings: z.array(z.string()),
  health: healthSchema.nullable(),
});

/** In a run's ledger. */
const NOTE = "examined";

/** Without a job the files have nothing in common. A report given back is what is left of one, and no measure for others. */
function looksBack({ plan }: Pick<Input, "plan">, { job, settings }: HealthRequest): boolean {
  return job !== "default" && settings.health !== "off" && !isReport(plan.mapping.columns);
}

/** Looks at each row as it is read. */
export function profilerOf(input: Pick<Input, "plan">, request: HealthRequest): Profiler {
  return makeProfiler(input.plan.mapping, looksBack(input, request) ? input.plan.customerId : () => "");
}

/** Reads the file once, for a run. Throws `not-begun` once `stop` fires, `file-unhealthy` and `health-broken`. */
export async function examineFile(
  input: Input,
  request: HealthRequest,
  notice: (line: string) => void,
  stop: AbortSignal,
): Promise<Examined> {
  const profiler = profilerOf(input, request);
  for await (const block of input.reader.blocks()) {
    for (const row of block) profiler.add(row);
    if (stop.aborted) throw new UpdraftError("not-begun", { file: input.source.name });
    // A signal and the worker's beginning want their turn.
    await setImmediate();
  }
  const { refused, ...examined } = judge(profiler, input, request, notice);
  if (refused !== null) throw refused;
  return examined;
}

/** `refused`: why it must not be sent, where the job's files have to be alike and this one is not. Throws `health-broken`. */
export function judge(
  profiler: Profiler,
  input: Pick<Input, "plan" | "source">,
  request: HealthRequest,
  tell: (line: string) => void,
): Examined & { readonly refused: UpdraftError | null } {
  // Names of columns are the file's own.
  const notice = (line: string) => tell(printable(line));
  const profile = profiler.profile();
  const damaged = profile.findings.map(sentenceOf);
  for (const sentence of damaged) notice(`warning: ${sentence}`);
  if (!looksBack(input, request)) return { rows: profile.rows, warnings: damaged, health: null, refused: null };
  const { job, settings } = request;
  const { name: file } = input.source;
  const health = healthOf(profile);
  const before = readHealth(settings.dataDir, job);
  const compared = compareHealth(health, before);
  const outside = compared.filter((one) => one.outside);
  if (outside.length > 0) {
    notice(`${file} is not like the last files of job ${job}:`);
    for (const line of healthTable(compared, before.length)) notice(`  ${line}`);
  }
  const unlike = outside.map((one) => `not like the last files of the job: ${figureOf(one)}`);
  const refused =
    outside.length > 0 && settings.health === "stop"
      ? new UpdraftError("file-unhealthy", { file, job, figures: figuresOf(outside) })
      : null;
  return { rows: profile.rows, warnings: [...damaged, ...unlike], health, refused };
}

function figureOf({ figure, now, before }: Compared): string {
  return `${figure}: ${now}, was ${before}`;
}

function figuresOf(outside: readonly Compared[]): string {
  const [first, second, ...more] = outside.map(figureOf);
  return [first, second, more.length === 0 ? undefined : `and ${more.length} more`].filter(Boolean).join("; ");
}

/** As entries of a ledger. */
export function noteExamined({ warnings, health }: Examined): Record<string, string> {
  return { [NOTE]: JSON.stringify({ warnings, health }) };
}

/** Null where the run has not come so far. */
export function readExamined(ledger: Pick<Peeked, "meta">): Pick<Examined, "warnings" | "health"> | null {
  const text = ledger.meta(NOTE);
  return text === null ? null : noted.parse(JSON.parse(text));
}

/**
 * A file counts among those that the next ones are compared with if its run came to its end and most of its rows were good. Where
 * that cannot be kept it is only said: the run is complete all the same.
 */
export function rememberHealth(
  { job, settings }: HealthRequest,
  { run, state, read, counts }: Pick<Summary, "run" | "state" | "read" | "counts">,
  health: Health | null,
  notice: (line: string) => void,
): void {
  if (health === null || run === null || state !== "complete") return;
  if ((counts.updated + counts.unchanged) * 2 <= read) return;
  try {
    addHealth(settings.dataDir, job, run, health);
  } catch (error) {
    if (!(error instanceof UpdraftError)) throw error;
    notice(`what the file is like is not kept for the next ones: ${error.message}`);
  }
}
