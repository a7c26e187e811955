// A run and what is wished of it in; the process that goes on with it told, or, where there is none, the run cancelled here, out.
import { existsSync } from "node:fs";
import { systemClock as clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { openInput } from "../input.ts";
import { mappingOfRun } from "../jobs.ts";
import { makeNotifier, memoryIn } from "../notify.ts";
import { findRedis, openRedis, type RedisHome } from "../queue/embedded.ts";
import { isOver, openKnownRun } from "../queue/open-run.ts";
import { loadKey } from "../queue/seal.ts";
import { askFor, isGranted, type LiveState, readStatuses, type Wish } from "../queue/status.ts";
import type { LocalSettings } from "../settings/settings.ts";
import { readOrigin } from "../settle/origin.ts";
import { listRuns, pickRun, type RunFolder, runFolder } from "../settle/run-folder.ts";
import type { Summary } from "../write/summary.ts";
import { type CancelHooks, endCancelled } from "./cancel.ts";
import { type KnownRun, toldBy } from "./list.ts";

/** For errors: there is nothing left to … */
const WORDS = { pause: "pause", resume: "resume", cancel: "cancel", rate: "change the rate of" } as const;

export interface AskRequest {
  /** A run's name, or the beginning of it. */
  readonly run: string;
  readonly wish: Wish;
  /** Where the run's file is now; null: where it was. Only a run that nobody goes on with needs it. */
  readonly file: string | null;
  readonly settings: LocalSettings;
}

export interface Answer {
  readonly run: string;
  /**
   * The state its process is in now; `ended`: it ended before it heard of the wish. A summary: nobody went on with the
   * run, and it was cancelled here.
   */
  readonly now: LiveState | "ended" | Summary;
  /** It was so before. */
  readonly already: boolean;
}

/** Throws `run-unknown`, `run-ambiguous`, `run-not-live`, `run-ended`, `run-silent`, and all that openRedis and openInput do. */
export async function askRun(request: AskRequest, hooks: CancelHooks): Promise<Answer> {
  const { wish, settings } = request;
  const { dataDir } = settings;
  await using closing = new AsyncDisposableStack();
  const join = async (home: Promise<RedisHome | null>) => closing.adopt(await home, (known) => known?.close());
  const found = await join(findRedis({ ...settings, clock }));
  const redis = found?.connect("control");
  const statuses = redis === undefined ? [] : await readStatuses(redis);
  const names = new Set([...statuses.map((status) => status.run), ...listRuns(dataDir)]);
  const run = pickRun([...names], request.run, dataDir);

  const live = statuses.find((status) => status.run === run);
  if (redis !== undefined && live !== undefined) {
    if (isGranted(wish, live)) return { run, now: live.state, already: true };
    const granted = await askFor(redis, live, wish, clock);
    // A process that was killed is told of for some seconds more, and one that stopped by itself hears of no wish: what they
    // left is cancelled here.
    const left = granted === null && wish.kind === "cancel" && isLeft(toldBy(runFolder(dataDir, run)).state);
    if (!left) return { run, now: granted?.state ?? "ended", already: false };
  }
  const folder = { run, dir: runFolder(dataDir, run) };
  const told = toldBy(folder.dir);
  if (isOver(told.state)) throw overBy(folder, told.state, told.since ?? null, wish);
  if (told.state === "running")
    throw new UpdraftError("run-held", { who: "a process that this Redis does not know", dir: folder.dir });
  if (wish.kind !== "cancel") throw new UpdraftError("run-not-live", { run, wish: WORDS[wish.kind] });
  const home = found ?? (await join(openRedis({ ...settings, clock })));
  if (home === null) throw new Error("a Redis that was opened is there");
  return { run, now: await cancelHere(folder, home, request, hooks), already: false };
}

function isLeft(state: KnownRun["state"] | undefined): boolean {
  return state === "interrupted" || state === "stopped";
}

function overBy({ run, dir }: RunFolder, state: string, end: string | null, wish: Wish): UpdraftError {
  return new UpdraftError("run-ended", { run, state, end: end ?? "", wish: WORDS[wish.kind], dir });
}

/** Takes over a run that nobody goes on with, and ends it. */
async function cancelHere(
  folder: RunFolder,
  home: RedisHome,
  { wish, file, settings }: AskRequest,
  hooks: CancelHooks,
): Promise<Summary> {
  const start = clock.wall();
  await using closing = new AsyncDisposableStack();
  const redis = home.connect("coordinator");
  const opened = closing.adopt(await openKnownRun(redis, folder, clock), (held) => held.close());
  const { run, ledger } = opened;
  // Another process went on with it, and to its end, before this one had it.
  const state = ledger.meta("state");
  if (isOver(state)) throw overBy(folder, state, ledger.meta("end"), wish);
  const origin = readOrigin(ledger);
  // A process died between making the folder and noting what it is for: nothing was sent.
  if (origin === null) throw new UpdraftError("run-unknown", { run, dir: folder.dir });
  const path = file ?? origin.path;
  const without = (problem: string) =>
    new UpdraftError("cancel-needs-file", { run, file: path ?? "standard input", problem, dir: folder.dir });
  if (path === null || (file === null && !existsSync(path))) throw without("is not there any more");
  const accept = ({ sha256 }: { readonly sha256: string }) => {
    if (sha256 !== origin.sha256) throw without("is another");
  };
  const mapping = mappingOfRun(run, origin, settings);
  const read = { ...settings, encoding: origin.encoding };
  const input = closing.adopt(await openInput({ file: path, mapping, settings: read, accept }), ({ source }) =>
    source.close(),
  );
  const key = loadKey(settings.key, settings.dataDir);
  hooks.notice(`nobody goes on with run ${run}: it is taken over and ended here`);
  const notifier = makeNotifier(settings, clock, hooks.log, AbortSignal.any([]));
  const { job, baseUrl } = origin;
  notifier.begin(
    { run, job, file: input.source.name, baseUrl },
    { read: 0, counts: ledger.counts() },
    memoryIn(ledger),
  );
  const { excel, jobs } = settings;
  return await notifier.ended(await endCancelled({ redis, key, opened, input, origin, excel, jobs, start }, hooks));
}
