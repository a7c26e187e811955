// The coordinator's side of an epoch's queue: batches in, and what became of them when nobody answers.
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { SealedBatch } from "./payload.ts";
import { PREFIX } from "./script.ts";

export interface BatchJob {
  readonly id: string;
  readonly data: SealedBatch;
}

export interface LeftBatch {
  readonly id: string;
  readonly data: unknown;
  /** A worker had it when it was left. */
  readonly active: boolean;
  readonly stalls: number;
}

export interface BatchQueue {
  /** An id that exists already is silently ignored by BullMQ: ids are never used twice. */
  add(jobs: readonly BatchJob[]): Promise<void>;
  pause(): Promise<void>;
  /** False after a pause: Redis has lost the queue since. */
  isPaused(): Promise<boolean>;
  /** Batches that a worker holds. */
  active(): Promise<number>;
  /** Which of these exist no more, or have failed. */
  lost(ids: readonly string[]): Promise<string[]>;
  /**
   * Locks of these batches, and of the look for stalled ones, end within `ms`, the longest they are ever given: after the
   * clock of Redis' machine went back they would hold a batch that nobody works on for as long as it went back.
   */
  curb(ids: readonly string[], ms: number): Promise<void>;
  /** The milliseconds a batch was told to wait, and until when by the wall clock; null while it waits for no delay. */
  delayOf(id: string): Promise<{ readonly wait: number; readonly due: number } | null>;
  /** Makes a batch that waits for its delay due at once. */
  promote(id: string): Promise<void>;
  /** Every batch that is still there. */
  left(): Promise<LeftBatch[]>;
  /** Removes the queue with all of its keys. */
  destroy(): Promise<void>;
  close(): Promise<void>;
}

export function makeBatchQueue(redis: Redis, epoch: string): BatchQueue {
  const queue = new Queue<SealedBatch>(epoch, {
    connection: redis,
    prefix: PREFIX,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: false, attempts: 1, stackTraceLimit: 0 },
    streams: { events: { maxLen: 10 } },
  });
  queue.on("error", () => {});
  return {
    async add(jobs) {
      await queue.addBulk(jobs.map(({ id, data }) => ({ name: "batch", data, opts: { jobId: id } })));
    },
    pause: () => queue.pause(),
    isPaused: () => queue.isPaused(),
    active: () => queue.getActiveCount(),
    async lost(ids) {
      const asked = redis.pipeline();
      for (const id of ids) asked.exists(queue.toKey(id)).zscore(queue.toKey("failed"), id);
      const answers = (await asked.exec()) ?? [];
      return ids.filter((_, i) => answers[2 * i]?.[1] === 0 || typeof answers[2 * i + 1]?.[1] === "string");
    },
    async curb(ids, ms) {
      const keys = [...ids.map((id) => `${queue.toKey(id)}:lock`), queue.toKey("stalled-check")];
      const asked = redis.pipeline();
      for (const key of keys) asked.pttl(key);
      const answers = (await asked.exec()) ?? [];
      const late = keys.filter((_, i) => Number(answers[i]?.[1]) > ms);
      for (const key of late) await redis.pexpire(key, ms);
    },
    async delayOf(id) {
      const [due, wait] = await Promise.all([
        redis.zscore(queue.toKey("delayed"), id),
        redis.hget(queue.toKey(id), "delay"),
      ]);
      return due === null ? null : { due: Number(due), wait: Number(wait ?? 0) };
    },
    async promote(id) {
      const job = await queue.getJob(id);
      if (job && (await job.isDelayed())) await job.promote();
    },
    async left() {
      const active = new Set((await queue.getJobs(["active"])).map((job) => job?.id));
      const jobs = await queue.getJobs(["active", "waiting", "delayed", "failed"]);
      return jobs.flatMap((job) =>
        job?.id ? [{ id: job.id, data: job.data, active: active.has(job.id), stalls: job.stalledCounter }] : [],
      );
    },
    async destroy() {
      try {
        await queue.obliterate({ force: true });
      } catch (error) {
        // It pauses the queue first. Where it is so no more, another has removed it meanwhile, or Redis has lost it.
        if (await queue.isPaused()) throw error;
      }
    },
    close: () => queue.close(),
  };
}

/** Whatever there is of it. */
export async function removeQueue(redis: Redis, epoch: string): Promise<void> {
  const queue = makeBatchQueue(redis, epoch);
  await queue.destroy().finally(() => queue.close());
}
