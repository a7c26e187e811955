// The whole path on one screen: open → parse → plan → queue, the worker send → settle, the coordinator → write.
import { accompany, watchRun } from "./accompany.ts";
import { type Begun, beginRun, type Hooks, type RunHooks, type RunRequest } from "./begin.ts";
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import { UpdraftError } from "./errors.ts";
import { readExamined, rememberHealth } from "./health.ts";
import { makeNotifier, memoryIn, type Notifier } from "./notify.ts";
import { repeatsOf } from "./plan/repeats.ts";
import { makeCanary } from "./queue/canary.ts";
import { type Carrying, carryRows } from "./queue/carry.ts";
import { type Coordinator, openCoordinator } from "./queue/coordinator.ts";
import { openRedis } from "./queue/embedded.ts";
import { recordOf } from "./queue/epoch.ts";
import { leaveRows } from "./queue/leave.ts";
import { loadKey } from "./queue/seal.ts";
import { endCancelled } from "./runs/cancel.ts";
import type { Settings } from "./settings/settings.ts";
import { isOpen } from "./settings/time-window.ts";
import { conclude, startReport } from "./write/conclude.ts";
import type { Summary } from "./write/summary.ts";

/** Carries every row of a file to the endpoint: when it returns, each row read is answered for in the reports. */
export async function runFile(request: RunRequest, hooks: RunHooks, stop: AbortSignal): Promise<Summary> {
  const notifier = makeNotifier(request.settings, clock, hooks.log, stop);
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
  const begun = await beginRun(request, hooks, closing, stop);
  const { input, opened, redis, control, key, accepted, worker } = begun;
  const { source, reader, plan } = input;
  const { run, ledger, holder, dir } = opened;
  const subject = { run, job: request.job, file: source.name, baseUrl: settings.baseUrl };
  notifier.begin(subject, { read: Number(ledger.meta("read") ?? "0"), counts: ledger.counts() }, memoryIn(ledger));
  // A process died while it ended the run that a person had cancelled.
  if (ledger.meta("cancel") !== null)
    return await notifier.ended(
      await endCancelled({ ...begun, redis: control, excel: settings.excel, jobs: settings.jobs, start }, hooks),
    );
  begun.start(start);

  const record = recordOf(run, contract.name, settings, key);
  const coordinator = await openCoordinator({
    ...{ redis: control, stream: redis.connect("outcomes"), key, ledger, accepted, holder, record, clock, stop },
    ...{ log: hooks.log, answered: hooks.observe?.answered },
    limits: { ...settings.stopAfter, same: settings.stopAfterSame },
    shut: settings.window !== null && !isOpen(settings.window, clock.wall()),
  });
  hooks.observe?.live(coordinator);
  const going = { request, hooks, begun, coordinator, closing };
  const watch = await watchRun(going, record);
  const canary = makeCanary(settings.canary, coordinator, ledger, (updated, signal) =>
    hooks.confirmRest({ updated, countOthers: () => countOthers(begun, limit) }, signal),
  );
  const findRepeats = repeatsOf(settings.duplicates, { reader, plan, limit, dir });
  const carrying = carryRows({ reader, plan, coordinator, ledger, limit, canary, accepted, findRepeats, clock });
  const { progress } = hooks;
  const reporting = startReport(
    { ...opened, ...input, clock, progress, showChanges: request.showChanges === true, excel: settings.excel },
    () => coordinator.firstOpen() ?? carrying.read + 1,
  );
  const quiet = accompany(going, carrying, notifier, start, stop);
  try {
    await carrying.done.finally(coordinator.end);
  } catch (error) {
    // It waits for Redis as well, with requests that are over by now.
    if (error instanceof UpdraftError && error.code === "redis-silent") worker.kill();
    reporting.follow.fail(error);
    await reporting.written.catch(() => {});
    throw error;
  } finally {
    quiet();
  }
  await begun.ended();
  const gone = worker.stop();
  const how = await howItEnded(begun, coordinator, carrying, limit);
  const examined = readExamined(ledger);
  const notes = [...(examined?.warnings ?? []), ...watch.warnings()];
  const ended = { ...opened, ...begun.origin, ...input, ...how, settings: begun.told, jobs: settings.jobs, notes };
  const summary = await conclude({ ...ended, start, began, clock, progress }, reporting);
  if (!request.retry && limit === null) rememberHealth(request, summary, examined?.health ?? null, hooks.notice);
  await gone;
  return await notifier.ended(summary);
}

/** One that was stopped or cancelled tells of all its rows: those that it has not read are passed over once. */
async function howItEnded(
  { input, opened }: Begun,
  coordinator: Coordinator,
  carrying: Carrying,
  limit: number | null,
) {
  const { blocked, stopped, state } = coordinator;
  const cancelled = state === "cancelled";
  const whole = cancelled || stopped !== null;
  const read = whole
    ? await leaveRows(input.reader, input.plan, opened.ledger, limit, cancelled, clock)
    : carrying.read;
  return { read, finished: carrying.finished, blocked, stopped, cancelled, answeredBefore: opened.answered };
}

/** Rows that a canary leaves to be sent, at most. */
async function countOthers({ opened, count }: Begun, limit: number | null): Promise<number> {
  const left = (await count()) - opened.ledger.size();
  const { updated, unchanged, failed, unknown } = opened.ledger.counts();
  return limit === null ? left : Math.min(left, limit - updated - unchanged - failed - unknown);
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
  hooks.notice(`waiting for rows of runs to ${new URL(settings.baseUrl).host}, on the Redis at ${redis.address}`);
  await runWorker({ ...hooks, redis, key, contract, settings, run: null, clock }, soft, hard);
}
