// A run that goes on in; its endpoint and its hours watched, and whoever has to know of it told, until it ends.
import type { Begun, RunHooks, RunRequest } from "./begin.ts";
import { systemClock as clock } from "./clock.ts";
import type { Notifier } from "./notify.ts";
import type { Carrying } from "./queue/carry.ts";
import type { Coordinator } from "./queue/coordinator.ts";
import type { RunRecord } from "./queue/epoch.ts";
import { isOver } from "./queue/open-run.ts";
import { progressOf } from "./queue/progress.ts";
import { startPulse } from "./queue/pulse.ts";
import { type Watch, watchEndpoint } from "./watch.ts";
import { watchWindow } from "./watch-window.ts";

const PROGRESS_MS = 250;

export interface Going {
  readonly request: RunRequest;
  readonly hooks: RunHooks;
  readonly begun: Begun;
  readonly coordinator: Coordinator;
  /** Ends what is begun here. */
  readonly closing: AsyncDisposableStack;
}

/** Before a row is sent: what the workers tell of the endpoint, and the hours at which rows may be sent. */
export async function watchRun(going: Going, record: RunRecord): Promise<Pick<Watch, "warnings">> {
  const { request, hooks, begun, coordinator, closing } = going;
  const { settings } = request;
  const about = { ...hooks, redis: begun.control, coordinator, clock };
  const news = begun.redis.connect("coordinator-news");
  const watching = watchEndpoint({ ...about, ...settings, ...record, news }).catch(async (error: unknown) => {
    await coordinator.end();
    throw error;
  });
  const watches = [closing.adopt(await watching, (watch) => watch.stop())];
  const { window } = settings;
  if (window !== null) watches.push(closing.adopt(watchWindow({ ...about, window }), (watch) => watch.stop()));
  return { warnings: () => watches.flatMap((watch) => watch.warnings()) };
}

/** Screen, notices, the status in Redis, and the worker, which ends when the run is to. Returns how the screen is left alone. */
export function accompany(
  { request, hooks, begun, coordinator, closing }: Going,
  carrying: Carrying,
  notifier: Notifier,
  start: number,
  stop: AbortSignal,
): () => void {
  const { control, opened, input, worker } = begun;
  const { run, ledger, holder } = opened;
  const progress = () => progressOf(input.reader, ledger, carrying, coordinator, request.limit);
  const finished = () => isOver(ledger.meta("state"));
  const first = Number(ledger.meta("start") ?? start);
  const about = { ...hooks, redis: control, coordinator, clock };
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
  return () => clearInterval(ticking);
}
