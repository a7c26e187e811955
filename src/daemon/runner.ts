// A job's file in; run when it is its turn, counted and told of, and how that ended out.
import { basename } from "node:path";
import type { RunHooks, RunRequest } from "../begin.ts";
import type { Clock } from "../clock.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import { runFile } from "../pipeline.ts";
import type { Coordinator } from "../queue/coordinator.ts";
import { endpointFingerprint } from "../queue/epoch.ts";
import { isOpen, nextChange, windowText } from "../settings/time-window.ts";
import { STATUSES } from "../settle/outcome.ts";
import { timeIn } from "../watch-window.ts";
import { printable } from "../write/explain.ts";
import { thousands } from "../write/render.ts";
import type { Summary } from "../write/summary.ts";
import { isHeld } from "./fate.ts";
import type { Metrics } from "./metrics.ts";
import type { Ended, HowEnded } from "./schedule.ts";
import type { Turns } from "./turns.ts";
import { codeOf, systemFault } from "./watch-folders.ts";

/** All that is the same for every file of a job. */
export type JobRequest = Omit<RunRequest, "file" | "limit" | "again" | "retry">;

export type RunInput = Pick<RunRequest, "file" | "again">;

export interface RunnerContext {
  readonly turns: Turns;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** What a run is given beyond its own: log, worker, Redis. `stop` ends when the run does. */
  hooks(request: JobRequest, stop: AbortSignal): Omit<RunHooks, "confirm" | "confirmRest" | "observe" | "progress">;
  notice(line: string): void;
}

export interface RunEnd extends HowEnded {
  /** Null for a run that was refused, that failed, or whose turn did not come. */
  readonly summary: Summary | null;
  readonly error: unknown;
}

/** Never rejects. `hooks` are those of who started the run. */
export async function runInTurn(
  context: RunnerContext,
  request: JobRequest,
  { file, again }: RunInput,
  stop: AbortSignal,
  hooks: Partial<RunHooks> = {},
): Promise<RunEnd> {
  const { job, settings } = request;
  const { window } = settings;
  const may = () => window === null || isOpen(window, context.clock.wall());
  // The signal of a process has its listeners until it ends: each run takes its own back.
  const own = new AbortController();
  const end = () => own.abort();
  if (stop.aborted) end();
  stop.addEventListener("abort", end, { once: true });
  if (window !== null && !may()) {
    const at = timeIn(window, nextChange(window, context.clock.wall()));
    hooks.notice?.(`${printable(basename(file))} waits for its window ${windowText(window)}: it is run from ${at}`);
  }
  try {
    const turn = await context.turns.take({ endpoint: endpointFingerprint(settings), job, may }, own.signal);
    if (turn === null) return { ended: "interrupted", refused: null, summary: null, error: null };
    try {
      return await run(context, { ...request, file, again, limit: null }, own.signal, hooks, (live) => {
        turn.counts = () => live.state !== "paused";
      });
    } finally {
      turn.end();
    }
  } finally {
    stop.removeEventListener("abort", end);
  }
}

async function run(
  context: RunnerContext,
  request: RunRequest,
  stop: AbortSignal,
  given: Partial<RunHooks>,
  isLive: (live: Pick<Coordinator, "state">) => void,
): Promise<RunEnd> {
  const meter = context.metrics.meter(request.job);
  let began = false;
  const hooks: RunHooks = {
    ...{ ...context.hooks(request, stop), confirm: async () => {}, confirmRest: async () => true, progress() {} },
    ...given,
    began(run) {
      began = true;
      given.began?.(run);
    },
    observe: {
      live(run) {
        meter.live(run);
        isLive(run);
      },
      answered: meter.answered,
    },
  };
  try {
    const summary = await runFile(request, hooks, stop);
    meter.ended(summary.state);
    context.notice(endLine(summary));
    return { ended: endOf(summary, stop), refused: null, summary, error: null };
  } catch (error) {
    const known = error instanceof UpdraftError ? error : null;
    const fault = systemFault(error);
    const ended = known === null ? afterUnknown(fault, stop) : afterError(known, stop);
    const isRun = ended !== "done" && ended !== "interrupted" && !(known !== null && isHeld(known.code));
    meter.ended(isRun ? "failed" : null);
    if (known === null) hooks.log.error({ err: error }, "a run ended with an error");
    const unknown =
      ended === "interrupted" ? "cut off: the next start goes on with it" : "a mistake in the program itself";
    context.notice(`${printable(request.file)}: ${known?.message ?? fault ?? unknown}`);
    const refused = isRun && !began ? (known?.code ?? (fault === null ? "unexpected" : codeOf(error))) : null;
    return { ended, refused, summary: null, error };
  }
}

function endOf({ state }: Summary, stop: AbortSignal): Ended {
  if (state === "complete" || state === "cancelled") return "done";
  return stop.aborted ? "interrupted" : "left";
}

/** What the operating system failed may pass; a mistake in the program does not. What the end of this process cuts off is neither. */
function afterUnknown(fault: string | null, stop: AbortSignal): Ended {
  if (stop.aborted) return "interrupted";
  return fault === null ? "left" : "failed";
}

function afterError({ code, exit }: UpdraftError, stop: AbortSignal): Ended {
  if (code === "run-finished") return "done";
  if (stop.aborted) return "interrupted";
  return exit === EXIT.infrastructure || isHeld(code) ? "failed" : "left";
}

/** "customers.csv: complete: 980 updated, 20 failed; reports in …". */
function endLine({ file, run, state, stopped, counts, reports }: Summary): string {
  const told = STATUSES.filter((status) => counts[status] > 0).map(
    (status) => `${thousands(counts[status])} ${status}`,
  );
  const why = stopped === null ? "" : ` (${stopped.message})`;
  return `${printable(file.name)}, run ${run}: ${state}${why}: ${told.join(", ") || "no rows"}; reports in ${reports.dir}`;
}
