// Jobs with a schedule or a watched folder in; each of their runs made, in one process, until it is told to stop, out.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Hooks } from "../begin.ts";
import type { Clock } from "../clock.ts";
import type { Environment } from "../config.ts";
import { UpdraftError } from "../errors.ts";
import type { Schedule, Watch } from "../plan/job.ts";
import { openRedis } from "../queue/embedded.ts";
import { endpointFingerprint } from "../queue/epoch.ts";
import { tryLock } from "../queue/file-lock.ts";
import { answers } from "../queue/redis.ts";
import { type SharedWorker, shareWorker } from "../send/share.ts";
import type { SpawnedWorker, spawnWorker } from "../send/spawn.ts";
import type { LocalSettings, Settings } from "../settings/settings.ts";
import { guard } from "../settle/ledger-file.ts";
import { runFolder } from "../settle/run-folder.ts";
import type { Note } from "./claim.ts";
import { type Told, watchInbox } from "./inbox.ts";
import { listen } from "./listen.ts";
import { ofJob } from "./look-folders.ts";
import { type Metrics, makeMetrics } from "./metrics.ts";
import { type JobRequest, type RunnerContext, runInTurn } from "./runner.ts";
import { type ScheduleService, scheduleService } from "./schedule.ts";
import { aborted, inOrder, makeService, type Service, stopWithin } from "./services.ts";
import { type Herald, makeHerald } from "./standing.ts";
import { lineOf, passOn } from "./told.ts";
import { makeTurns, type Turns } from "./turns.ts";
import { prepareFolders } from "./watch-folders.ts";

/** Together, and with what notices and Redis' clients are given after it, less than the 30 s after which who sent SIGTERM may send SIGKILL. */
const STOP_MS = 24_000;
const LAST_MS = 1_500;
/** A Redis that does not answer a question in this time is not ready. */
const PING_MS = 1_000;

export interface ServedJob {
  readonly request: JobRequest;
  readonly schedule: Schedule | null;
  readonly watch: Watch | null;
}

export interface ServeRequest {
  readonly jobs: readonly ServedJob[];
  /** Of the process; those of a job's runs are in its request. */
  readonly settings: LocalSettings;
  /** For commands that make files: without the secrets of this process. */
  readonly env: Environment;
}

export interface ServeHooks extends Omit<Hooks, "progress"> {
  readonly spawnWorker: typeof spawnWorker;
  readonly clock: Clock;
}

/** Throws `serve-running`, `job-watch-folder`, `listen-address`, and all that openRedis does. */
export async function serve(request: ServeRequest, hooks: ServeHooks, stop: AbortSignal): Promise<void> {
  const { jobs, settings } = request;
  const { clock, log, notice } = hooks;
  await using closing = new AsyncDisposableStack();
  closing.defer(lockFolder(settings.dataDir));
  // What is wrong with them is told before anything is served.
  for (const { request: of, watch } of jobs) if (watch !== null) await ofJob(of.job, prepareFolders(watch));
  const home = closing.adopt(await openRedis({ ...settings, clock }), (opened) => opened.close());
  const workers = closing.adopt(makeWorkers(jobs, hooks), (made) => made.end());
  const turns = makeTurns(settings.parallelRuns, clock);
  const redis = home.connect("serve");

  const heralds: Herald[] = [];
  closing.defer(() => Promise.all(heralds.map((herald) => herald.end())).then(() => {}));
  const schedules: ScheduleService[] = [];
  const watchers: Service[] = [];
  const metrics = metricsOf(jobs, schedules, turns, clock);
  const lend = (job: JobRequest, until: AbortSignal) => ({ ...hooks, redis: home, worker: workers.lend(job, until) });
  for (const { request: job, schedule, watch } of jobs) {
    const tell = (line: string) => notice(`${job.job}: ${line}`);
    const own = { log: log.child({ job: job.job }), notice: tell };
    const heraldOf = (way: string) => {
      const name = `${way}-${job.job}-${endpointFingerprint(job.settings)}`;
      const herald = makeHerald({ ...job, name, clock, log: own.log });
      heralds.push(herald);
      return herald;
    };
    const runner: RunnerContext = { turns, metrics, clock, notice: tell, hooks: lend };
    if (schedule !== null) {
      const name = `${job.job}-${endpointFingerprint(job.settings)}`;
      const again = mayReturn(schedule) && "changed";
      const herald = heraldOf("schedule");
      const run = (file: string, soft: AbortSignal) =>
        runInTurn(runner, job, { file, again }, AbortSignal.any([soft, stop]), { ...own, began: herald.begun });
      const { dataDir } = settings;
      schedules.push(scheduleService({ name, schedule, redis, dataDir, env: request.env, clock, ...own, herald, run }));
    }
    if (watch !== null) watchers.push(watcher(watch, job, { ...runner, notice() {} }, heraldOf("watch"), own, stop));
  }
  const all = inOrder("serve", [...schedules, ...watchers]);
  let ready = false;
  const listening = await listen(settings.listen, {
    async notReady() {
      if (stop.aborted) return "stopping";
      if (!ready) return "starting";
      return (await answers(redis, PING_MS, clock)) ? null : "Redis does not answer";
    },
    metrics: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
  });
  if (listening !== null) closing.adopt(listening, (opened) => opened.close());
  if (listening === null && settings.listen.host !== null)
    notice(`127.0.0.1, port ${settings.listen.port}, is taken: no metrics; --listen names another address`);

  try {
    const started = await Promise.race([all.start().then(() => true), aborted(stop)]);
    if (started !== true) return;
    ready = true;
    notice(
      `serving ${jobs.map(({ request: { job } }) => job).join(", ")}${listening === null ? "" : `; metrics at ${listening.url}/metrics`}`,
    );
    await Promise.race([aborted(stop), all.failed]);
  } finally {
    if (!(await stopWithin(all, STOP_MS, LAST_MS, clock)))
      notice("not all runs have ended in time: they go on at the next start");
  }
}

/**
 * An export that is again what it was some nights ago has changed since the last one. Not where all files of a folder are run: after a start
 * those of nights long ago are looked at, too, and each of them is a file of its own.
 */
function mayReturn({ input }: Schedule): boolean {
  return !("pick" in input && input.pick === "all");
}

/** The lines of the inbox say how each run ended: those of the runner would be a second time. */
function watcher(
  watch: Watch,
  job: JobRequest,
  runner: RunnerContext,
  herald: Herald,
  own: Pick<Hooks, "log" | "notice">,
  stop: AbortSignal,
): Service {
  return makeService(`watch ${job.job}`, async ({ soft }, ready) => {
    ready();
    const { clock } = runner;
    // All runs end at once when the process is to, not one service after the other.
    const end = AbortSignal.any([soft, stop]);
    const run: Parameters<typeof watchInbox>[0]["run"] = async (file, began) => {
      const { summary, error } = await runInTurn(runner, job, { file, again: false }, end, { ...own, began });
      if (error !== null) throw error;
      return summary;
    };
    const told = (what: Told) => {
      passOn(what, herald);
      const line = lineOf(what);
      if (line !== null) own.notice(line);
    };
    const isHere = ({ run: of }: Note) => existsSync(runFolder(job.settings.dataDir, of));
    await watchInbox({ watch, run, isHere, told, clock, log: own.log }, end);
  });
}

function lockFolder(dataDir: string): () => void {
  const release = guard(dataDir, () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    return tryLock(join(dataDir, "serve.lock"), "exclusive");
  });
  if (release === null) throw new UpdraftError("serve-running", { dir: dataDir });
  return release;
}

function metricsOf(
  jobs: readonly ServedJob[],
  schedules: readonly ScheduleService[],
  turns: Turns,
  clock: Clock,
): Metrics {
  const metered = jobs.map(({ request: { job, settings } }) => {
    const next = () =>
      schedules.find(({ name }) => name === `schedule ${job}-${endpointFingerprint(settings)}`)?.next() ?? null;
    return { name: job, window: settings.window, waiting: () => turns.waiting(job), next };
  });
  return makeMetrics(metered, clock);
}

/** One worker process for all runs of an endpoint, with the fewest requests at once that one of its jobs asks for. */
function makeWorkers(jobs: readonly ServedJob[], { spawnWorker: spawn, clock, log, notice }: ServeHooks) {
  const workers = new Map<string, SharedWorker>();
  const smallest = (endpoint: string): Settings["concurrency"] => {
    const asked = jobs.flatMap(({ request: { settings } }) =>
      endpointFingerprint(settings) === endpoint && settings.concurrency !== "auto" ? [settings.concurrency] : [],
    );
    return asked.length === 0 ? "auto" : Math.min(...asked);
  };
  return {
    lend({ settings }: JobRequest, until: AbortSignal): SpawnedWorker {
      const endpoint = endpointFingerprint(settings);
      const shared = workers.get(endpoint) ?? shareWorker(() => spawn(clock, log, notice));
      workers.set(endpoint, shared);
      const lent = shared.lend(until);
      const concurrency = smallest(endpoint);
      return { ...lent, start: (order) => lent.start({ ...order, settings: { ...order.settings, concurrency } }) };
    },
    async end() {
      await Promise.all([...workers.values()].map((worker) => worker.end()));
    },
  };
}
