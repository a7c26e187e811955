// The whole path on one screen: open → parse → plan → queue, the worker send → settle, the coordinator → write.
import { join } from "node:path";
import { type Begun, beginRun, type CheckRequest, type Hooks, type RunHooks, type RunRequest } from "./begin.ts";
import { endCancelled } from "./cancel.ts";
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import { UpdraftError } from "./errors.ts";
import { openInput } from "./input.ts";
import { makeNotifier, type Notifier } from "./notify.ts";
import { type DescribedColumn, describeMapping } from "./plan/describe.ts";
import { repeatsOf } from "./plan/repeats.ts";
import { makeCanary } from "./queue/canary.ts";
import { carryRows } from "./queue/carry.ts";
import { openCoordinator } from "./queue/coordinator.ts";
import { openRedis } from "./queue/embedded.ts";
import { recordOf } from "./queue/epoch.ts";
import { leaveRows } from "./queue/leave.ts";
import { isOver } from "./queue/open-run.ts";
import { progressOf } from "./queue/progress.ts";
import { startPulse } from "./queue/pulse.ts";
import { loadKey } from "./queue/seal.ts";
import type { Settings } from "./settings.ts";
import { isOpen } from "./time-window.ts";
import { watchEndpoint } from "./watch.ts";
import { watchWindow } from "./watch-window.ts";
import { checkRows } from "./write/check.ts";
import { conclude, startReport, summarizeCheck } from "./write/conclude.ts";
import { makeSampler, type Sampler } from "./write/mapping-table.ts";
import type { Summary } from "./write/summary.ts";

const PROGRESS_MS = 250;

/** Carries every row of a file to the endpoint: when it returns, each row read is answered for in the reports. */
export async function runFile(request: RunRequest, hooks: RunHooks, stop: AbortSignal): Promise<Summary> {
  const notifier = makeNotifier(request.settings, clock, hooks.log);
  try {
    return await carryFile(request, hooks, stop, notifier);
  } catch (error) {
    await notifier.failed(error);
    throw error;
  }
}

async function carryFile(
  request: RunRequest,
  hooks: RunHooks,
  stop: AbortSignal,
  notifier: Notifier,
): Promise<Summary> {
  const { settings, limit } = request;
  const [start, began] = [clock.wall(), clock.now()];
  await using closing = new AsyncDisposableStack();
  const begun = await beginRun(request, hooks, closing);
  const { input, opened, redis, control, key, accepted, worker } = begun;
  const { window } = settings;
  const { source, reader, plan } = input;
  const { run, ledger, holder } = opened;
  const subject = { run, job: request.job, file: source.name, baseUrl: settings.baseUrl };
  notifier.begin(subject, { read: Number(ledger.meta("read") ?? "0"), counts: ledger.counts() });
  // A process died while it ended the run that a person had cancelled.
  if (ledger.meta("cancel") !== null)
    return await notifier.ended(await endCancelled({ ...begun, redis: control, start }, hooks));
  begun.start(start);

  const record = recordOf(run, contract.name, settings, key);
  const limits = { ...settings.stopAfter, same: settings.stopAfterSame };
  const stream = redis.connect("outcomes");
  const coordinator = await openCoordinator({
    ...{ redis: control, stream, key, ledger, accepted, holder, record, limits, clock, log: hooks.log, stop },
    shut: window !== null && !isOpen(window, clock.wall()),
    answered: hooks.observe?.answered,
  });
  hooks.observe?.live(coordinator);
  const about = { ...hooks, redis: control, coordinator, clock };
  const watch = closing.adopt(
    await watchEndpoint({ ...about, ...settings, ...record, news: redis.connect("coordinator-news") }).catch(
      async (error: unknown) => {
        await coordinator.end();
        throw error;
      },
    ),
    (started) => started.stop(),
  );
  const hours = window && closing.adopt(watchWindow({ ...about, window }), (started) => started.stop());
  const canary = makeCanary(settings.canary, coordinator, ledger, (updated, signal) =>
    hooks.confirmRest({ updated, countOthers: () => countOthers(begun, limit) }, signal),
  );
  const findRepeats = repeatsOf(settings.duplicates, { reader, plan, limit, dir: opened.dir });
  const carrying = carryRows({ reader, plan, coordinator, ledger, limit, canary, accepted, findRepeats, clock });
  const reporting = startReport(
    { ...opened, ...input, clock, progress: hooks.progress, showChanges: request.showChanges === true },
    () => coordinator.firstOpen() ?? carrying.read + 1,
  );
  const progress = () => progressOf(source, ledger, carrying, coordinator, limit);
  const finished = () => isOver(ledger.meta("state"));
  const first = Number(ledger.meta("start") ?? start);
  closing.defer(startPulse({ ...about, run, token: holder.token, start: first, progress, finished }));
  // Both end beside each other: what it has in flight, and what the coordinator waits for, is the same.
  const stopWorker = () => void worker.stop();
  stop.addEventListener("abort", stopWorker, { once: true });
  // The signal may be that of a process that has many runs.
  closing.defer(() => stop.removeEventListener("abort", stopWorker));
  const ticking = setInterval(() => {
    const now = progress();
    hooks.progress(now);
    notifier.look(coordinator.state, now);
  }, PROGRESS_MS);
  try {
    await carrying.done.finally(coordinator.end);
  } catch (error) {
    // It waits for Redis as well, with requests that are over by now.
    if (error instanceof UpdraftError && error.code === "redis-silent") worker.kill();
    reporting.follow.fail(error);
    await reporting.written.catch(() => {});
    throw error;
  } finally {
    clearInterval(ticking);
  }
  const gone = worker.stop();
  const { blocked, stopped, state } = coordinator;
  const cancelled = state === "cancelled";
  const whole = cancelled || stopped !== null;
  const read = whole ? await leaveRows(reader, plan, ledger, limit, cancelled, clock) : carrying.read;
  const how = { read, finished: carrying.finished, blocked, stopped, cancelled, answeredBefore: opened.answered };
  const ended = {
    ...opened,
    ...begun.origin,
    ...input,
    ...how,
    settings: begun.told,
    notes: [...watch.warnings(), ...(hours?.warnings() ?? [])],
  };
  const summary = await conclude({ ...ended, start, began, clock, progress: hooks.progress }, reporting);
  await gone;
  return await notifier.ended(summary);
}

/** Rows that a canary leaves to be sent, at most. */
async function countOthers({ opened, count }: Begun, limit: number | null): Promise<number> {
  const left = (await count()) - opened.ledger.size();
  const { updated, unchanged, failed, unknown } = opened.ledger.counts();
  return limit === null ? left : Math.min(left, limit - updated - unchanged - failed - unknown);
}

export interface CheckedFile {
  readonly summary: Summary;
  readonly columns: readonly DescribedColumn[];
  /** How the first values of each column are written. */
  readonly shapes: ReturnType<Sampler["shapes"]>;
}

/** Reads, maps and validates every row as a run would; sends nothing. */
export async function checkFile(request: CheckRequest, hooks: Hooks, stop: AbortSignal): Promise<CheckedFile> {
  const [start, began] = [clock.wall(), clock.now()];
  const { dataDir, rate, endpointRate, duplicates } = request.settings;
  await using closing = new AsyncDisposableStack();
  const { source, reader, plan } = closing.adopt(await openInput(request), (input) => input.source.close());
  const stamp = new Date(start).toISOString().replace(/[:.]/g, "-");
  const dir = request.out ?? join(dataDir, "checks", `${source.name}-${stamp}`);
  const findRepeats = repeatsOf(duplicates, { reader, plan, limit: null, dir });
  const sampler = makeSampler(reader.columns);
  const checked = await checkRows({
    reader,
    plan,
    findRepeats,
    format: source.format,
    dir,
    lines: source.lines,
    showChanges: request.showChanges === true,
    look: sampler.add,
    clock,
    stop,
    progress: hooks.progress,
  });
  const paces = [rate, endpointRate];
  const summary = summarizeCheck(request.job, checked, { source, reader, plan }, dir, paces, start, began, clock);
  return { summary, columns: describeMapping(plan), shapes: sampler.shapes() };
}

/** Sends rows of every run that these settings fit, until `soft` fires and what is in flight has ended. */
export async function work(
  settings: Settings,
  hooks: Omit<Hooks, "progress">,
  soft: AbortSignal,
  hard: AbortSignal,
): Promise<void> {
  const key = loadKey(settings.key, settings.dataDir);
  await using closing = new AsyncDisposableStack();
  const redis = closing.adopt(await openRedis({ ...settings, clock }), (home) => home.close());
  // What a run leaves to its worker process: it starts sooner without.
  const { runWorker } = await import("./send/worker.ts");
  await runWorker({ ...hooks, redis, key, contract, settings, run: null, clock }, soft, hard);
}
