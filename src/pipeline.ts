// The whole path on one screen: open → parse → plan → queue, the worker send → settle, the coordinator → write.
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { endCancelled } from "./cancel.ts";
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import { UpdraftError } from "./errors.ts";
import type { Progress } from "./events.ts";
import { type Input, openInput } from "./input.ts";
import type { Source } from "./open/source.ts";
import { countRows } from "./parse/reader.ts";
import type { MappingSettings } from "./plan/plan.ts";
import { tidyUp } from "./prune.ts";
import { makeCanary } from "./queue/canary.ts";
import { carryRows } from "./queue/carry.ts";
import { openCoordinator } from "./queue/coordinator.ts";
import { openRedis } from "./queue/embedded.ts";
import { recordOf } from "./queue/epoch.ts";
import { leaveRows } from "./queue/leave.ts";
import { isOver, openRun } from "./queue/open-run.ts";
import { progressOf } from "./queue/progress.ts";
import { startPulse } from "./queue/pulse.ts";
import { loadKey } from "./queue/seal.ts";
import { findProxy } from "./send/proxy.ts";
import { type SpawnedWorker, spawnWorker } from "./send/spawn.ts";
import type { LocalSettings, Settings } from "./settings.ts";
import { type Origin, writeOrigin } from "./settle/origin.ts";
import { noteInput } from "./settle/peek.ts";
import { runId } from "./settle/run-folder.ts";
import { noteUnfinished, refuseLeftBehind } from "./settle/unfinished.ts";
import { watchEndpoint } from "./watch.ts";
import { checkRows } from "./write/check.ts";
import { conclude, startReport, summarizeCheck, summarySettings } from "./write/conclude.ts";
import { thousands } from "./write/render.ts";
import type { Summary } from "./write/summary.ts";

const PROGRESS_MS = 250;

export interface CheckRequest {
  /** A path; `-` for standard input. */
  readonly file: string;
  readonly job: string;
  readonly mapping: MappingSettings;
  readonly settings: LocalSettings;
  /** Folder of the errors file; null: one beside the runs. */
  readonly out: string | null;
}

export interface RunRequest extends Omit<CheckRequest, "out"> {
  readonly settings: Settings;
  /** Only the first `limit` valid rows are sent; null for all. */
  readonly limit: number | null;
  /** Applies a file anew whose run is complete. */
  readonly again: boolean;
  /** A run that is there already, with its file open: a retry. Without it the file's content names the run. */
  readonly retry?: { readonly run: string; readonly input: Input };
}

export interface Hooks {
  readonly log: Logger;
  progress(progress: Progress): void;
  notice(line: string): void;
}

export interface RunHooks extends Hooks {
  /** The run's worker process, if it was started ahead; runFile ends it in any case. */
  readonly worker?: SpawnedWorker;
  /** Throws to decline. */
  confirm(facts: { run: string; host: string; countRows(): Promise<number> }): Promise<unknown>;
  /** The canary's rows were all updated: whether the others are sent. Of no matter once the signal is aborted. */
  confirmRest(facts: { updated: number; countOthers(): Promise<number> }, signal: AbortSignal): Promise<boolean>;
}

/** Carries every row of a file to the endpoint: when it returns, each row read is answered for in the reports. */
export async function runFile(request: RunRequest, hooks: RunHooks, stop: AbortSignal): Promise<Summary> {
  const { job, settings, limit } = request;
  const [start, began] = [clock.wall(), clock.now()];
  await using closing = new AsyncDisposableStack();
  const worker = closing.adopt(hooks.worker ?? spawnWorker(clock, hooks.log, hooks.notice), (spawned) =>
    spawned.stop(),
  );
  findProxy(settings.baseUrl);

  // Both take a while, and neither needs the other; a file that cannot be run is told first.
  const starting = openRedis({ ...settings, clock });
  closing.defer(() => starting.then((home) => home.close()).catch(() => {}));
  starting.catch(() => {});
  const input = closing.adopt(request.retry?.input ?? (await openInput(request)), (opened) => opened.source.close());
  const { source, reader, plan } = input;
  const about = { job, plan: plan.fingerprint, contract: contract.name, content: source.sha256, limit };
  const id = request.retry?.run ?? runId({ ...settings, ...about });
  const { path } = originOf(request, source);
  const purpose = path === null || request.retry ? null : { ...settings, path, job };
  if (purpose !== null) refuseLeftBehind(settings.dataDir, purpose, source.sha256);
  let rows: number | null = null;
  const count = async () => {
    rows = await countRows(reader);
    return rows;
  };
  await hooks.confirm({ run: id, host: new URL(settings.baseUrl).host, countRows: count });

  const key = loadKey(settings.key, settings.dataDir);
  const redis = await starting;
  const control = redis.connect("coordinator");
  const opened = await openRun(control, settings.dataDir, id, request.again, clock);
  const { run, ledger } = closing.adopt(opened, (held) => held.close());
  if (purpose !== null) noteUnfinished(settings.dataDir, purpose, run, source.sha256);
  closing.defer(() => tidyUp(settings, run, ledger, hooks.log, clock));
  const origin = originOf(request, source);
  const told = summarySettings(settings);
  ledger.write([], [], { settings: JSON.stringify(told) });
  writeOrigin(ledger, origin);
  noteInput(opened.dir, source.name);
  // A process died while it ended the run that a person had cancelled.
  if (ledger.meta("cancel") !== null)
    return await endCancelled({ redis: control, key, opened, input: { source, reader, plan }, origin, start }, hooks);
  const spell = ledger.begin(start);
  if (spell > 1)
    hooks.notice(`resuming run ${run}: ${thousands(opened.answered)} of ${rowsOf(source, rows)} rows answered`);
  worker.start({ settings, key: key.toString("hex"), run });

  const record = recordOf(run, contract.name, settings, key);
  const coordinator = await openCoordinator({
    ...{
      redis: control,
      stream: redis.connect("outcomes"),
      key,
      ledger,
      holder: opened.holder,
      clock,
      log: hooks.log,
      limits: { ...settings.stopAfter, same: settings.stopAfterSame },
      stop,
    },
    record,
  });
  const countOthers = async () => {
    const left = (rows ?? (await count())) - ledger.size();
    const { updated, failed, unknown } = ledger.counts();
    return limit === null ? left : Math.min(left, limit - updated - failed - unknown);
  };
  const canary = makeCanary(settings.canary, coordinator, ledger, (updated, signal) =>
    hooks.confirmRest({ updated, countOthers }, signal),
  );
  const watch = closing.adopt(
    await watchEndpoint({
      ...{ ...hooks, redis: control, news: redis.connect("coordinator-news"), coordinator, clock },
      ...{ endpoint: record.endpoint, host: new URL(settings.baseUrl).host, giveUpAfter: settings.giveUpAfter },
    }),
    (started) => started.stop(),
  );
  const carrying = carryRows(reader, plan, coordinator, ledger, limit, canary, clock);
  const reporting = startReport(
    { ...opened, reader, plan, source, clock, progress: hooks.progress },
    () => coordinator.firstOpen() ?? carrying.read + 1,
  );
  const progress = () => progressOf(source, ledger, carrying, coordinator, limit);
  const begun = Number(ledger.meta("start") ?? start);
  closing.defer(
    startPulse({
      ...hooks,
      redis: control,
      run,
      token: opened.holder.token,
      start: begun,
      coordinator,
      clock,
      progress,
      finished: () => isOver(ledger.meta("state")),
    }),
  );
  // Both end beside each other: what it has in flight, and what the coordinator waits for, is the same.
  stop.addEventListener("abort", () => void worker.stop(), { once: true });
  const ticking = setInterval(() => hooks.progress(progress()), PROGRESS_MS);
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
  const { finished } = carrying;
  const { blocked, stopped } = coordinator;
  const cancelled = coordinator.state === "cancelled";
  const whole = cancelled || stopped !== null;
  const read = whole ? await leaveRows(reader, plan, ledger, limit, cancelled, clock) : carrying.read;
  const how = { read, finished, blocked, stopped, cancelled, answeredBefore: opened.answered };
  const ended = { ...opened, ...origin, settings: told, source, reader, plan, ...how, notes: watch.warnings() };
  const summary = await conclude({ ...ended, start, began, clock, progress: hooks.progress }, reporting);
  await gone;
  return summary;
}

/** Reads, maps and validates every row as a run would; sends nothing. */
export async function checkFile(request: CheckRequest, hooks: Hooks, stop: AbortSignal): Promise<Summary> {
  const [start, began] = [clock.wall(), clock.now()];
  const { dataDir, rate, endpointRate } = request.settings;
  await using closing = new AsyncDisposableStack();
  const { source, reader, plan } = closing.adopt(await openInput(request), (input) => input.source.close());
  const stamp = new Date(start).toISOString().replace(/[:.]/g, "-");
  const dir = request.out ?? join(dataDir, "checks", `${source.name}-${stamp}`);
  const checked = await checkRows({
    reader,
    plan,
    format: source.format,
    dir,
    lines: source.lines,
    clock,
    stop,
    progress: hooks.progress,
  });
  return summarizeCheck(checked, source, plan, dir, [rate, endpointRate], start, began, clock);
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

/** The number of a file's rows, as far as it is known. */
function rowsOf({ lines, format }: Source, counted: number | null): string {
  return counted === null ? `about ${thousands(Math.max(1, lines - (format === "csv" ? 1 : 0)))}` : thousands(counted);
}

function originOf({ file, job, mapping, limit, settings }: RunRequest, source: Source): Origin {
  const { name, format, bytes, sha256 } = source;
  const { set, ignoreColumns } = mapping;
  const path = file === "-" ? null : resolve(file);
  const from = { path, name, format, bytes, sha256 };
  return { v: 1, ...from, job, mapping: { set, ignoreColumns: [...ignoreColumns] }, limit, baseUrl: settings.baseUrl };
}
