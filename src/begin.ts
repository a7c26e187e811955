// A request to run a file in; its rows at hand, its run found, held and noted, its worker and its Redis ready, out.
import { resolve } from "node:path";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { judgeReturn } from "./again.ts";
import { acceptedBy, enterAccepted } from "./changed-only.ts";
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import type { Progress } from "./events.ts";
import { examineFile, noteExamined, readExamined } from "./health.ts";
import { type Input, openInput } from "./input.ts";
import { sayEncoding } from "./open/encoding.ts";
import { countRows } from "./parse/reader.ts";
import type { Reader } from "./parse/row.ts";
import { strictly } from "./plan/damage.ts";
import { sketchJob } from "./plan/job-mapping.ts";
import type { MappingSettings } from "./plan/plan.ts";
import type { Coordinator } from "./queue/coordinator.ts";
import { openRedis, type RedisHome, visitRedis } from "./queue/embedded.ts";
import { type OpenedRun, openRun } from "./queue/open-run.ts";
import { loadKey } from "./queue/seal.ts";
import { tidyUp } from "./runs/prune.ts";
import { takeBack } from "./runs/take-back.ts";
import { findProxy } from "./send/proxy.ts";
import { type SpawnedWorker, spawnWorker } from "./send/spawn.ts";
import type { LocalSettings, Settings } from "./settings/settings.ts";
import type { Accepted } from "./settle/accepted.ts";
import { type Origin, writeOrigin } from "./settle/origin.ts";
import type { Outcome } from "./settle/outcome.ts";
import { noteInput, peekRun } from "./settle/peek.ts";
import { findRun, type RunFolder, runId } from "./settle/run-folder.ts";
import { farOf, findLeftBehind, forgetUnfinished, noteUnfinished, refuseLeftBehind } from "./settle/unfinished.ts";
import { summarySettings } from "./write/conclude.ts";
import { printable } from "./write/explain.ts";
import { thousands } from "./write/render.ts";
import type { Summary } from "./write/summary.ts";

export interface CheckRequest {
  /** A path; `-` for standard input. */
  readonly file: string;
  readonly job: string;
  readonly mapping: MappingSettings;
  readonly settings: LocalSettings;
  /** Lists in a file of its own what the job's transforms change. */
  readonly showChanges?: boolean;
  /** Folder of the errors file; null: one beside the runs. */
  readonly out: string | null;
}

export interface RunRequest extends Omit<CheckRequest, "out"> {
  readonly settings: Settings;
  /** Only the first `limit` valid rows are sent; null for all. */
  readonly limit: number | null;
  /**
   * Applies a file anew whose run is complete. `changed`, for a job that is run again and again with all there is at that time: if it has
   * sent something else since, and then one whose run is unfinished, too; what the file was before is left behind.
   */
  readonly again: boolean | "changed";
  /** Sends what has not changed, too, and notes what is accepted. */
  readonly full?: boolean;
  /** A run that is there already, with its file open: a retry. Without it the file's content names the run. */
  readonly retry?: { readonly run: string; readonly input: Input };
}

export interface Hooks {
  readonly log: Logger;
  progress(progress: Progress): void;
  notice(line: string): void;
}

/** Who counts what runs do. Told of no value of a row. */
export interface RunObserver {
  /** The run goes on from here. */
  live(run: Pick<Coordinator, "state" | "rate" | "rowsPerSecond" | "underway">): void;
  answered(outcome: Outcome): void;
}

export interface RunHooks extends Hooks {
  readonly observe?: RunObserver;
  /** The run's worker process, if it was started ahead; runFile ends it in any case. */
  readonly worker?: SpawnedWorker;
  /** The Redis that this process has open already, for many runs; without it each opens its own. */
  readonly redis?: RedisHome;
  /** The run is this process's, noted and locked, and nothing of it has been sent in this spell. */
  began?(run: RunFolder): void;
  /** Throws to decline. */
  confirm(facts: { run: string; host: string; countRows(): Promise<number> }): Promise<unknown>;
  /** The canary's rows were all updated: whether the others are sent. Of no matter once the signal is aborted. */
  confirmRest(facts: { updated: number; countOthers(): Promise<number> }, signal: AbortSignal): Promise<boolean>;
}

/** A run that this process has; the stack that was given closes all of it. */
export interface Begun {
  readonly input: Input;
  readonly origin: Origin;
  /** What the summary tells of the settings. */
  readonly told: Summary["settings"];
  readonly opened: OpenedRun;
  readonly redis: RedisHome;
  /** The coordinator's connection. */
  readonly control: Redis;
  readonly key: Buffer;
  /** What this endpoint has accepted from the job; null where nothing is compared with that, and nothing was before. */
  readonly accepted: Accepted | null;
  readonly worker: SpawnedWorker;
  /** Rows of the file; it is read for that once. */
  count(): Promise<number>;
  /** No worker has anything of the run any more. */
  ended(): Promise<void>;
  /** Notes that a spell begins (wall clock), and lets the worker begin. */
  start(at: number): void;
}

/** Throws all that openInput, openRedis and openRun do, `file-left-behind` and what `confirm` throws. */
export async function beginRun(
  request: RunRequest,
  hooks: RunHooks,
  closing: AsyncDisposableStack,
  stop: AbortSignal,
): Promise<Begun> {
  const { job, settings, limit } = request;
  // A retry judges its rows as its run did.
  const mapping = request.retry ? request.mapping : strictly(request.mapping, settings);
  const worker = closing.adopt(hooks.worker ?? spawnWorker(clock, hooks.log, hooks.notice), (spawned) =>
    spawned.stop(),
  );
  findProxy(settings.baseUrl);

  // Both take a while, and neither needs the other; a file that cannot be run is told first.
  const starting = hooks.redis === undefined ? openRedis({ ...settings, clock }) : visitRedis(hooks.redis, clock);
  closing.defer(() => starting.then((home) => home.close()).catch(() => {}));
  starting.catch(() => {});
  const input = closing.adopt(request.retry?.input ?? (await openInput({ ...request, mapping, stop })), (opened) =>
    opened.source.close(),
  );
  const { source, reader, plan } = input;
  const read = sayEncoding(source.encoding);
  if (read !== null) hooks.notice(`${printable(source.name)}: ${read}`);
  const about = { job, plan: plan.fingerprint, contract: contract.name, content: source.sha256, limit };
  const encoding = source.encoding.name;
  const id = request.retry?.run ?? runId({ ...settings, ...about, encoding });
  const origin = originOf({ ...request, mapping }, input);
  const { path } = origin;
  const purpose = path === null || request.retry ? null : { ...settings, path, job };
  if (purpose !== null && request.again !== "changed") refuseLeftBehind(settings.dataDir, purpose, source.sha256);
  let rows: number | null = null;
  const count = async () => {
    rows ??= await countRows(reader);
    return rows;
  };
  const again =
    request.again === "changed" ? await judgeReturn({ ...request.settings, job }, id, await starting) : request.again;
  const known = request.retry || again ? null : peekRun(findRun(settings.dataDir, id, false).dir, readExamined);
  const examined = request.retry || known ? null : await examineFile(input, request, hooks.notice, stop);
  rows = examined?.rows ?? null;
  await hooks.confirm({ run: id, host: new URL(settings.baseUrl).host, countRows: count });

  const key = loadKey(settings.key, settings.dataDir);
  const redis = await starting;
  const control = redis.connect("coordinator");
  const opened = await openRun(control, settings.dataDir, id, again, clock);
  const { run, ledger } = closing.adopt(opened, (held) => held.close());
  const accepted = closing.adopt(acceptedBy(request, key), (file) => file?.close());
  await accepted?.dropExpired();
  const context = { redis: control, key, dataDir: settings.dataDir, clock, log: hooks.log };
  if (purpose !== null) {
    if (request.again === "changed")
      for (const left of findLeftBehind(settings.dataDir, purpose, (one) => one.run !== run)) {
        hooks.notice(
          `run ${left.run}, of what ${printable(source.name)} was before, is left behind (${farOf(left)}): what it has not sent is sent if it is in the file as it is now`,
        );
        await takeBack(context, left.run);
        forgetUnfinished(settings.dataDir, left.run);
      }
    noteUnfinished(settings.dataDir, purpose, run, source.sha256);
  }
  closing.defer(() => tidyUp(settings, run, ledger, hooks.log, clock));
  const told = summarySettings(settings);
  ledger.write([], [], { settings: JSON.stringify(told), ...(examined && noteExamined(examined)) });
  writeOrigin(ledger, origin);
  noteInput(opened.dir, source.name);
  const ended = await enterAccepted(context, hooks.notice, request, run, accepted);
  hooks.began?.({ run, dir: opened.dir });

  return {
    ...{ input, origin, told, opened, redis, control, key, accepted, worker, count, ended },
    start(at) {
      if (ledger.begin(at) > 1) {
        const far = `${thousands(opened.answered)} of ${rowsOf(reader, rows)} rows answered`;
        hooks.notice(`resuming run ${run}: ${far}`);
      }
      worker.start({ settings, key: key.toString("hex"), run });
    },
  };
}

/** The number of a file's rows, as far as it is known. */
function rowsOf({ rows }: Reader, counted: number | null): string {
  return counted === null ? `about ${thousands(rows)}` : thousands(counted);
}

function originOf({ file, job, mapping, limit, settings }: RunRequest, { source, dialect }: Input): Origin {
  const { name, format, bytes, sha256 } = source;
  const encoding = source.encoding.name;
  const { set, ignoreColumns, refuse, job: used } = mapping;
  const path = file === "-" ? null : resolve(file);
  const from = { path, name, format, bytes, sha256 };
  const given = { set, ignoreColumns: [...ignoreColumns], ...(refuse && { refuse: [...refuse] }) };
  const sketch = used === undefined ? {} : { sketch: sketchJob(used) };
  const read = dialect === null ? { encoding } : { dialect, encoding };
  return { v: 1, ...from, job, mapping: given, ...sketch, ...read, limit, baseUrl: settings.baseUrl };
}
