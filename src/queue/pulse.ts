// A coordinator in; its status in Redis about once a second, and what people wish of it granted, until it is stopped.
import { hostname } from "node:os";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Progress } from "../events.ts";
import { paceText } from "../settings/amounts.ts";
import type { Coordinator } from "./coordinator.ts";
import { forgetPace } from "./epoch.ts";
import { forgetStatus, isGranted, type LiveState, tellStatus, type Wish } from "./status.ts";

const BEAT_MS = 1_000;
/** A Redis that has not answered for this long is told of. */
const SILENT_MS = 5_000;
/** And one that does not answer at the end is not waited for: a status ends by itself. */
const END_MS = 2_000;

function noticeOf(wish: Wish): string {
  switch (wish.kind) {
    case "pause":
      return "paused, as asked for: requests in flight end, nothing more is sent until it is resumed";
    case "resume":
      return "resumed, as asked for";
    case "cancel":
      return "cancelled, as asked for: requests in flight end, all other rows end unsent";
    case "rate":
      return `the rate is now ${paceText(wish.rate)}, as asked for`;
    default:
      return wish satisfies never;
  }
}

export interface PulseContext {
  readonly redis: Redis;
  readonly run: string;
  /** What this process holds the run with. */
  readonly token: string;
  /** Wall clock: when the run began. */
  readonly start: number;
  readonly coordinator: Pick<Coordinator, "state" | "rate" | "epochs" | "grant">;
  readonly clock: Clock;
  readonly log: Logger;
  progress(): Progress;
  /** Asked at the end: the run is over for good. Until then its pace holds, whoever goes on with it. */
  finished(): boolean;
  notice(line: string): void;
}

/** Returns how it is stopped; what it wrote in Redis is gone then. */
export function startPulse(context: PulseContext): () => Promise<void> {
  const { redis, run, token, coordinator, clock, log } = context;
  const over = new AbortController();
  const start = iso(context.start);
  let state: LiveState = coordinator.state;
  let since = iso(clock.wall());

  function status() {
    if (coordinator.state !== state) since = iso(clock.wall());
    state = coordinator.state;
    const { counts, read, total, rowsPerSecond, secondsLeft, limitedBy } = context.progress();
    const epoch = coordinator.epochs.at(-1) ?? run;
    const who = { host: hostname(), pid: process.pid };
    const speed = { rowsPerSecond: Math.round(rowsPerSecond * 10) / 10, secondsLeft: round(secondsLeft), limitedBy };
    return {
      v: 1 as const,
      run,
      state,
      epoch,
      start,
      since,
      ...who,
      counts,
      read,
      total,
      rate: coordinator.rate,
      ...speed,
    };
  }

  async function beat(): Promise<void> {
    const before = status();
    const wish = await tellStatus(redis, before, token);
    if (wish === null || over.signal.aborted) return;
    log.info({ run, wish }, "asked for");
    await coordinator.grant(wish);
    const after = status();
    // It may have stopped of itself instead.
    if (isGranted(wish, after) && !isGranted(wish, before)) context.notice(noticeOf(wish));
    await tellStatus(redis, after, token);
  }

  /** Says so when Redis keeps it waiting: a run that stands still must not do so silently. */
  async function told(work: Promise<void>): Promise<void> {
    const done = new AbortController();
    let silent = false;
    void clock.sleep(SILENT_MS, done.signal).then(() => {
      if (done.signal.aborted || over.signal.aborted) return;
      silent = true;
      context.notice("Redis does not answer: the run waits for it");
    });
    await work.finally(() => done.abort());
    if (silent) context.notice("Redis answers again");
  }

  async function beatAll(): Promise<void> {
    const failed = (error: unknown) =>
      log.warn({ run, reason: error instanceof Error ? error.name : "unknown" }, "cannot tell the run's status");
    // A wish from an earlier spell: running the file again was a person's newer word.
    await told(forgetStatus(redis, run, token)).catch(failed);
    while (!over.signal.aborted) {
      await told(beat()).catch(failed);
      await clock.sleep(BEAT_MS, over.signal);
    }
  }

  const beating = beatAll();
  return async () => {
    over.abort();
    const enough = new AbortController();
    // One after the other: a status must not be told after it was forgotten.
    const forget = async () => {
      await forgetStatus(redis, run, token);
      if (context.finished()) await forgetPace(redis, { run, token });
    };
    const forgotten = beating.then(forget).catch(() => {});
    await Promise.race([forgotten, clock.sleep(END_MS, enough.signal)]);
    enough.abort();
  };
}

const iso = (wall: number) => new Date(wall).toISOString();

function round(seconds: number | null): number | null {
  return seconds === null || !Number.isFinite(seconds) ? null : Math.max(0, Math.round(seconds));
}
