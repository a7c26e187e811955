// A data folder and a Redis in; what is known of each of their runs, living or ended, without holding any, out.
import { systemClock as clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { findRedis, type RedisHome } from "../queue/embedded.ts";
import { isOver } from "../queue/open-run.ts";
import { type RunStatus, readStatuses } from "../queue/status.ts";
import { readOrigin } from "../settle/origin.ts";
import type { Status } from "../settle/outcome.ts";
import { notedInput, type Peeked, peekLedger } from "../settle/peek.ts";
import { listRuns, pickRun, runFolder } from "../settle/run-folder.ts";
import { readStopped } from "../settle/stop.ts";
import { readSummary } from "../write/recount.ts";
import { isState, type State } from "../write/summary.ts";

/** What is known of a run; null where it is not. */
export interface KnownRun {
  readonly run: string;
  /** `unreadable`: its folder holds no ledger that can be read. */
  readonly state: State | "unreadable";
  readonly start: string | null;
  /** Since when it is in its state; of a run that ended, when. */
  readonly since: string | null;
  /** Of a run that is stopped: which rule did it. */
  readonly why: string | null;
  readonly file: string | null;
  readonly endpoint: string | null;
  /** Rows read so far. */
  readonly read: number | null;
  readonly counts: Readonly<Record<Status, number>> | null;
  /** Of a run that a process goes on with. */
  readonly live: Pick<
    RunStatus,
    "epoch" | "host" | "pid" | "total" | "rate" | "rowsPerSecond" | "secondsLeft" | "limitedBy"
  > | null;
  /** Its folder in this data folder. */
  readonly dir: string | null;
}

export interface RunsRequest {
  readonly redisUrl: string | null;
  readonly dataDir: string;
}

export interface Known {
  readonly runs: readonly KnownRun[];
  /** Why living runs could not be asked for; null where they were. */
  readonly trouble: UpdraftError | null;
}

/** All runs, newest first. A Redis that cannot be reached hides the living ones only. */
export async function knownRuns(settings: RunsRequest): Promise<Known> {
  const { statuses, trouble } = await living(settings);
  const here = listRuns(settings.dataDir);
  const names = new Set([...statuses.keys(), ...here]);
  const runs = [...names].map((run) => about(run, statuses.get(run), here.includes(run), settings.dataDir));
  return { runs: runs.sort((a, b) => (b.start ?? "").localeCompare(a.start ?? "")), trouble };
}

/** @param name the run's, or the beginning of it. Throws `run-unknown` and `run-ambiguous`. */
export async function knownRun(
  settings: RunsRequest,
  name: string,
): Promise<{ readonly run: KnownRun; readonly trouble: UpdraftError | null }> {
  const { statuses, trouble } = await living(settings);
  const here = listRuns(settings.dataDir);
  const run = pickRun([...new Set([...statuses.keys(), ...here])], name, settings.dataDir);
  return { run: about(run, statuses.get(run), here.includes(run), settings.dataDir), trouble };
}

async function living(settings: RunsRequest) {
  let home: RedisHome | null = null;
  try {
    home = await findRedis({ ...settings, clock });
    const found = home === null ? [] : await readStatuses(home.connect("runs"));
    return { statuses: new Map(found.map((status) => [status.run, status])), trouble: null };
  } catch (error) {
    if (!(error instanceof UpdraftError)) throw error;
    return { statuses: new Map<string, RunStatus>(), trouble: error };
  } finally {
    await home?.close();
  }
}

function about(run: string, status: RunStatus | undefined, here: boolean, dataDir: string): KnownRun {
  const nothing = {
    start: null,
    since: null,
    why: null,
    file: null,
    endpoint: null,
    read: null,
    counts: null,
    live: null,
  };
  const dir = here ? runFolder(dataDir, run) : null;
  const told = dir === null ? {} : toldBy(dir);
  if (status === undefined) return { run, state: "unreadable", ...nothing, ...told, dir };
  const { state, start, since, read, counts, epoch, host, pid, total, rate, rowsPerSecond, secondsLeft, limitedBy } =
    status;
  const live = { epoch, host, pid, total, rate, rowsPerSecond, secondsLeft, limitedBy };
  return { run, ...nothing, ...told, state, start, since, read, counts, live, dir };
}

/** Of a run that is over, its summary; of another its ledger: what an earlier spell summed up is old. */
export function toldBy(dir: string): Partial<KnownRun> {
  const summary = readSummary(dir);
  if (summary !== null && summary !== "broken" && isOver(summary.state)) {
    const { state, start, end, file, endpoint, read, counts } = summary;
    return { state: isState(state) ? state : "unreadable", start, since: end, file: file.name, endpoint, read, counts };
  }
  try {
    // A process that this Redis does not know of goes on with it, or is about to tell of it.
    return peekLedger(dir, readLedger) ?? { state: "running", file: notedInput(dir) };
  } catch (error) {
    if (error instanceof UpdraftError) return { state: "unreadable" };
    throw error;
  }
}

function readLedger(ledger: Peeked): Partial<KnownRun> {
  const origin = readOrigin(ledger);
  const noted = ledger.meta("state") ?? "";
  const begun = ledger.meta("start");
  // Nobody goes on with it: what it was doing is over.
  const state = isState(noted) && !["running", "paused", "waiting"].includes(noted) ? noted : "interrupted";
  const read = Math.max(Number(ledger.meta("read") ?? "0"), ledger.size());
  return {
    state,
    start: begun === null ? null : new Date(Number(begun)).toISOString(),
    since: state === noted ? ledger.meta("end") : null,
    why: state === "stopped" ? (readStopped(ledger.meta("stopped"))?.message ?? null) : null,
    file: origin?.name ?? null,
    endpoint: origin === null ? null : new URL(origin.baseUrl).host,
    read,
    counts: { ...ledger.counts(), unsent: read - ledger.size() },
  };
}
