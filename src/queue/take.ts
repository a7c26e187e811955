// The worker's side of an epoch's queue: batches out, one at a time, to be completed or given back.
import { type Job, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { epochKeys } from "./epoch.ts";
import type { SealedBatch } from "./payload.ts";
import { makeScript, PREFIX } from "./script.ts";

/** A worker that died: its batches are found this often, and come back however often that happens. */
const STALLED_CHECK_MS = 1_000;
const ENDLESS = 1_000_000_000;
/** How long one look at an empty queue blocks, in seconds: also how long a stop may wait for it. */
const DRAIN_S = 0.2;

// BullMQ's look for stalled batches makes keys, also for a queue that was removed while it was on its way. A queue that is
// being removed is paused to the end, and BullMQ refuses to remove one that is not: its own `meta` is left alone.
// KEYS: record, meta, stalled-check.
const eraseScript = makeScript(`
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('HEXISTS', KEYS[2], 'paused') == 1 then return 0 end
return redis.call('DEL', KEYS[2], KEYS[3])`);

// BullMQ updates a job whoever asks: one who slept would undo what the batch's next worker has noted of its rows.
// KEYS: job, lock. ARGV: data, token.
const leaveScript = makeScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[2] or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[1])
return 1`);

/** What shows in Redis that a batch is still this worker's: a script that settles rows of it asks for that. */
export interface Claim {
  /** The key of its lock, which holds the token; gone when it has run out. */
  readonly lock: string;
  readonly token: string;
  /** The key of its job, whose field `stc` says how often it was found stalled: since then others may have taken it. */
  readonly job: string;
  readonly stalls: number;
}

export interface TakenBatch {
  readonly id: string;
  readonly token: string;
  readonly claim: Claim;
  /** How often BullMQ has found it stalled so far. */
  readonly stalls: number;
  readonly data: unknown;
  /** Nothing of it is left. Rejects when the lock is another's by now. */
  complete(): Promise<void>;
  /**
   * The one way back: what is left of it is written and comes back after `delay` milliseconds, no attempt counted. Rejects,
   * and writes nothing, when the lock is another's by now.
   */
  giveBack(data: SealedBatch, delay: number): Promise<void>;
}

export interface Taker {
  /** The next batch; null after a while without one, or while the queue is paused. */
  next(): Promise<TakenBatch | null>;
  /** Extends locks by `ms`; returns the ids of those that are lost. */
  extend(ids: string[], tokens: string[], ms: number): Promise<string[]>;
  /** Leaves nothing of a queue that is gone. */
  close(): Promise<void>;
}

/**
 * Batches are fetched by hand: BullMQ's own loop looks at `concurrency` again only when one of its jobs ends, so that
 * a batch with a slow row would keep free request slots waiting.
 */
export function makeTaker(
  redis: Redis,
  epoch: string,
  lockMs: number,
  clock: Clock,
  onError: (error: Error) => void,
): Taker {
  const worker = new Worker<SealedBatch>(epoch, null, {
    connection: redis,
    prefix: PREFIX,
    autorun: false,
    lockDuration: lockMs,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: ENDLESS,
    drainDelay: DRAIN_S,
  });
  worker.on("error", onError);
  void worker.startStalledCheckTimer();
  let taken = 0;
  return {
    async next() {
      const token = `${worker.id}:${taken++}`;
      const job: Job<SealedBatch> | undefined = await worker.getNextJob(token);
      if (!job?.id) return null;
      const stalls = job.stalledCounter;
      const claim = { lock: worker.toKey(`${job.id}:lock`), token, job: worker.toKey(job.id), stalls };
      return {
        id: job.id,
        token,
        claim,
        stalls,
        data: job.data,
        async complete() {
          await job.moveToCompleted(null, token, false);
        },
        async giveBack(data, delay) {
          if ((await leaveScript(redis, [claim.job, claim.lock], [JSON.stringify(data), token])) !== 1)
            throw new Error(`batch ${job.id} is another's by now`);
          await job.moveToDelayed(clock.wall() + delay, token);
        },
      };
    },
    extend: (ids, tokens, ms) => worker.extendJobLocks(ids, tokens, ms),
    async close() {
      await worker.close(true);
      const keys = [epochKeys(epoch).record, worker.toKey("meta"), worker.toKey("stalled-check")];
      await eraseScript(redis, keys, []).catch(onError);
    },
  };
}
