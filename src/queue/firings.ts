// A cron pattern with its time zone in; a call at each of its times, made by one of all processes of a Redis that ask for it, out.
import { Queue, type RepeatOptions, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { nextTime } from "../plan/job-times.ts";
import { PREFIX } from "./script.ts";

/** A schedule that Redis lost is noticed after this. */
const LOOK_MS = 10_000;
/** A process that took a firing and died: another takes it after this. */
const LOCK_MS = 6_000;
const STALLED_CHECK_MS = 2_000;
const ENDLESS = 1_000_000_000;
/** A firing that was made without BullMQ is remembered for this long. */
const REMEMBER_MS = 86_400_000;
/** A Redis that is gone must not keep a process from ending. */
const CLOSE_MS = 2_000;
/** What is told of a schedule is what it does. */
const settings = {
  repeatStrategy: (now: number, { pattern = "", tz = "UTC" }: RepeatOptions) => nextTime(pattern, tz, now) ?? undefined,
};
/** There is one scheduler in each queue, so that a process takes no firing of a job that it does not serve. */
const ID = "cron";

export interface FiringsContext {
  readonly redis: Redis;
  /** Free of colons: the queue is named by it. */
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * `due` is the time that the pattern named, milliseconds since 1970; it may be long ago, when nobody was there. Several times
   * that were missed are one call. Until it resolves another process may still be given the same; it must not reject.
   */
  fire(due: number): Promise<void>;
}

export interface Firings {
  /** When the next one is due. Null while that is not known. */
  next(): number | null;
  /** Resolves when no call is made any more. */
  close(): Promise<void>;
}

export async function openFirings(context: FiringsContext): Promise<Firings> {
  const { redis, name, cron, timeZone, clock, log, fire } = context;
  const over = new AbortController();
  const queueName = `schedule-${name}`;
  const queue = new Queue(queueName, {
    connection: redis,
    prefix: PREFIX,
    settings,
    streams: { events: { maxLen: 10 } },
  });
  let next: number | null = null;
  const warn = (message: string) => (error: unknown) =>
    log.warn({ schedule: name, reason: error instanceof Error ? error.name : "unknown" }, message);
  queue.on("error", warn("queue error"));

  /** What is known and overdue is left as it is: put anew, it would begin with the next time from now on. */
  async function look(first: boolean): Promise<void> {
    const known = await queue.getJobScheduler(ID);
    const same = known?.pattern === cron && known.tz === timeZone;
    // Another process may have another pattern, while a new version of the job is brought in: each has its say once.
    if (known && (same || !first) && !(await isLost())) {
      next = known.next ?? null;
      return;
    }
    const missed = !known && next !== null && next <= clock.wall() ? next : null;
    const template = { name: "due", opts: { removeOnComplete: true, removeOnFail: true } };
    const job = await queue.upsertJobScheduler(ID, { pattern: cron, tz: timeZone }, template);
    next = dueOf(job?.id);
    if (
      missed !== null &&
      (await redis.set(`${PREFIX}:fired:${name}:${missed}`, "1", "PX", REMEMBER_MS, "NX")) !== null
    )
      await fire(missed);
  }

  /** A scheduler of which no firing is there will never fire. */
  async function isLost(): Promise<boolean> {
    return Object.values(await queue.getJobCounts("delayed", "waiting", "active", "prioritized")).every(
      (count) => count === 0,
    );
  }

  async function lookAlways(): Promise<void> {
    while (!over.signal.aborted) {
      await clock.sleep(LOOK_MS, over.signal);
      if (!over.signal.aborted) await look(false).catch(warn("cannot look after the schedule"));
    }
  }

  await look(true);
  const worker = new Worker(
    queueName,
    async (job) => {
      const due = dueOf(job.id);
      if (due !== null) await fire(due);
      await look(false);
    },
    {
      ...{ connection: redis, prefix: PREFIX, settings, lockDuration: LOCK_MS, stalledInterval: STALLED_CHECK_MS },
      maxStalledCount: ENDLESS,
    },
  );
  worker.on("error", warn("schedule error"));
  worker.on("failed", (_job, error) => warn("firing failed")(error));
  const looking = lookAlways();

  return {
    next: () => next,
    async close() {
      over.abort();
      const enough = new AbortController();
      const closed = Promise.all([worker.close(), looking]).then(() => queue.close());
      await Promise.race([closed.catch(() => {}), clock.sleep(CLOSE_MS, enough.signal)]);
      enough.abort();
    },
  };
}

/** BullMQ's id of a firing, `repeat:cron:1769860800000`. */
function dueOf(id: string | undefined): number | null {
  const due = Number(id?.split(":").at(-1));
  return Number.isSafeInteger(due) ? due : null;
}
