// A job with a schedule in; its files run at each of its times, never two firings at once, out.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Environment } from "../config.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import type { Schedule } from "../plan/job.ts";
import { type Firings, openFirings } from "../queue/firings.ts";
import { type Holder, holdRun } from "../queue/holder.ts";
import { duration } from "../write/render.ts";
import { type Found, findInput, look, NoInput } from "./find-input.ts";
import { forgetPending, type Pending, readPending, writePending } from "./pending.ts";
import { aborted, makeService, type Service } from "./services.ts";
import type { Herald } from "./standing.ts";

/** A firing that comes so much after its time was missed: nothing served the job then. */
export const LATE_MS = 60_000;
/** What a disk or a Redis failed is tried again after this. */
const AGAIN_MS = 60_000;

/**
 * How the run of one file ended, for who started it.
 * - `done`: there is nothing left to do with this file.
 * - `left`: it was refused, or stopped before its end; a person, or the next firing, may go on with it.
 * - `interrupted`: this process is to end.
 * - `failed`: the disk or Redis did, or another process has the run: it can be tried again.
 */
export type Ended = "done" | "left" | "interrupted" | "failed";

export interface HowEnded {
  readonly ended: Ended;
  /** Why no run of it began; null where one did, which has told of itself, and where there is nothing wrong. */
  readonly refused: string | null;
}

export interface ScheduleContext {
  /** Names its schedule among all jobs and endpoints of a Redis. */
  readonly name: string;
  readonly schedule: Schedule;
  readonly redis: Redis;
  readonly dataDir: string;
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
  notice(line: string): void;
  readonly herald: Pick<Herald, "worse" | "settled">;
  /** Runs a file, and tells how it ended. Never rejects. */
  run(file: string, stop: AbortSignal): Promise<HowEnded>;
}

export interface ScheduleService extends Service {
  /** When it is due next, milliseconds since 1970; null while that is not known. */
  next(): number | null;
}

/** What becomes of a firing. */
export function judgeFiring(
  due: number,
  now: number,
  missed: Schedule["missed"],
  busy: boolean,
): "run" | "overlaps" | "missed" {
  if (busy) return "overlaps";
  return missed === "skip" && now - due > LATE_MS ? "missed" : "run";
}

export function scheduleService(context: ScheduleContext): ScheduleService {
  const { name, schedule, redis, dataDir, clock, log, notice, herald } = context;
  const done = new Map<string, string>();
  let firings: Firings | null = null;
  let working: Promise<void> | null = null;

  /** Another process of this Redis may be at it. Null: it is, and that was said. */
  async function hold(what: string): Promise<Holder | null> {
    try {
      return await holdRun(redis, `schedule:${name}`, clock);
    } catch (error) {
      if (!(error instanceof UpdraftError && error.code === "run-held-by")) throw error;
      const { host, pid } = error.fields;
      notice(`${what} is skipped: process ${pid} on ${host} still goes on with the one before`);
      return null;
    }
  }

  async function fire(due: number, stop: AbortSignal): Promise<void> {
    const what = `the run due at ${new Date(due).toISOString()}`;
    const verdict = judgeFiring(due, clock.wall(), schedule.missed, working !== null);
    if (verdict === "overlaps") return notice(`${what} is skipped: the one before still goes on`);
    if (verdict === "missed") return notice(`${what} was missed, and is skipped`);
    const begun = Promise.withResolvers<void>();
    working = begin({ v: 1, due, files: null }, stop, begun.resolve);
    // Until it is on the disk, the firing is Redis' to give to another.
    await Promise.race([begun.promise, working]);
  }

  /** A firing comes once: what cannot be begun now, on a disk that is full, is begun when it can. */
  async function begin(pending: Pending, stop: AbortSignal, begun: () => void): Promise<void> {
    while (!(await attempt(pending, stop, begun)) && !stop.aborted) await clock.sleep(AGAIN_MS, stop);
    working = null;
  }

  /** False where it is to be tried again. */
  async function attempt(pending: Pending, stop: AbortSignal, begun: () => void): Promise<boolean> {
    try {
      const holder = await hold(`the run due at ${new Date(pending.due).toISOString()}`);
      if (holder === null) return true;
      try {
        writePending(dataDir, name, pending);
        begun();
        if (await runAll(pending, stop)) {
          forgetPending(dataDir, name);
          herald.settled();
        }
      } finally {
        await holder.release();
      }
      return true;
    } catch (error) {
      const known = error instanceof UpdraftError ? error : null;
      const passes = known?.exit === EXIT.infrastructure;
      log.error({ err: error, schedule: name }, "a scheduled run failed");
      // A Redis that does not answer is waited for no longer then: the next start goes on.
      if (stop.aborted) return true;
      herald.worse({ event: passes ? "waiting" : "refused", reason: known?.code ?? "unexpected", file: null });
      notice(
        `a scheduled run failed: ${known?.message ?? "see the log"}${passes ? `; tried again in ${duration(AGAIN_MS)}` : ""}`,
      );
      return !passes;
    }
  }

  /** False where some of it is left for the next start. */
  async function runAll(pending: Pending, stop: AbortSignal): Promise<boolean> {
    const files = pending.files ?? (await find(stop));
    if (files === null) return !stop.aborted;
    for (let left = files; left.length > 0; left = left.slice(1)) {
      writePending(dataDir, name, { ...pending, files: left });
      const [file = ""] = left;
      const [before] = await look([file]);
      let ended = await runOne(file, stop);
      while (ended === "failed" && !stop.aborted) {
        await clock.sleep(AGAIN_MS, stop);
        ended = await runOne(file, stop);
      }
      if (ended === "interrupted" || ended === "failed") return false;
      if (ended === "done" && before) done.set(before.path, before.mark);
    }
    return true;
  }

  async function runOne(file: string, stop: AbortSignal): Promise<Ended> {
    const { ended, refused } = await context.run(file, stop);
    if (refused !== null) herald.worse({ event: ended === "failed" ? "waiting" : "refused", reason: refused, file });
    return ended;
  }

  async function find(stop: AbortSignal): Promise<string[] | null> {
    try {
      const isDone = ({ path, mark }: Found) => done.get(path) === mark;
      return await findInput(schedule.input, { env: context.env, isDone, stop, clock });
    } catch (error) {
      if (!(error instanceof NoInput)) throw error;
      if (stop.aborted) return null;
      notice(`nothing to run: ${error.message}`);
      if (error.reason !== null) herald.worse({ event: "refused", reason: error.reason, file: null });
      return null;
    }
  }

  const service = makeService(`schedule ${name}`, async ({ soft }, ready) => {
    const left = readPending(dataDir, name);
    if (left !== null) {
      notice(`going on with the run due at ${new Date(left.due).toISOString()}`);
      working = begin(left, soft, () => {});
    }
    const { cron, timeZone } = schedule;
    const about = { redis, name, cron, timeZone, clock, log };
    const opening = openFirings({ ...about, fire: (due) => fire(due, soft) });
    // A Redis that does not answer does not keep it from ending.
    firings = (await Promise.race([opening, aborted(soft)])) ?? null;
    ready();
    await aborted(soft);
    await firings?.close();
    await working;
  });
  return { ...service, next: () => firings?.next() ?? null };
}
