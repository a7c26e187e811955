// A Redis in; an epoch as coordinator and worker use it, with the worker played by the test, out.
import type { Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { announceEpoch, type RunRecord } from "../../src/queue/epoch.ts";
import type { Hold } from "../../src/queue/fence.ts";
import { type Batch, packBatch, type QueuedRow, unpackBatch } from "../../src/queue/payload.ts";
import { makeBatchQueue } from "../../src/queue/put.ts";
import { keyFingerprint, makeSealer } from "../../src/queue/seal.ts";
import { makeTaker, type TakenBatch } from "../../src/queue/take.ts";
import type { Outcome } from "../../src/settle/outcome.ts";
import { findSettled, makeSettler } from "../../src/settle/settle.ts";
import type { TestRedis } from "../support/redis.ts";
import { KEY, outcome } from "./support.ts";

export const RUN = "0123456789abcdef";

/** Of a process that has it while nobody else does. */
export const HOLD: Hold = { run: RUN, token: "mine" };

export const RECORD: RunRecord = {
  run: RUN,
  contract: "condor",
  baseUrl: "https://api.example.com",
  endpoint: "fedcba9876543210",
  key: keyFingerprint(KEY),
  timeout: 2_000,
  attempts: 5,
  rate: null,
  endpointRate: null,
  maxInFlight: null,
};

/** Time that goes `factor` times as fast as the system's. */
export function fasterClock(factor: number): Clock {
  const { now, sleep } = systemClock;
  return { ...systemClock, now: () => now() * factor, sleep: (ms, signal) => sleep(ms / factor, signal) };
}

export function queued(row: number, given: Partial<QueuedRow> = {}): QueuedRow {
  const body = Buffer.from(`{"customerId":"csta_${row}"}`);
  return { row, tries: 0, requests: 0, ambiguous: false, body, ...given };
}

export interface TestWorker {
  readonly epoch: string;
  /** The next batch of its queue, unpacked; it waits for one. */
  take(): Promise<TakenBatch & Batch>;
  /** Gives these rows their outcome, as a worker does that sent them; rows that have one are left out. */
  settle(...rows: number[]): Promise<void>;
  /** Tells of these outcomes, even of rows that have one. */
  end(...outcomes: Outcome[]): Promise<void>;
  /** Writes what is left of a batch and gives it back. */
  giveBack(taken: TakenBatch, rows: readonly QueuedRow[], delay?: number): Promise<void>;
  /** Leaves nothing of an epoch that is gone. Without it that happens when the test has ended. */
  close(): Promise<void>;
}

/** A worker of one epoch that does only what it is told. */
export function workerOf(redis: TestRedis, epoch: string): TestWorker {
  const client = redis.connect();
  const sealer = makeSealer(KEY, epoch);
  const taker = makeTaker(client, epoch, 6_000, systemClock, () => {});
  const settler = makeSettler(client, epoch, sealer, systemClock);
  onTestFinished(() => taker.close());
  return {
    epoch,
    async take() {
      for (;;) {
        const taken = await taker.next();
        if (taken) return { ...taken, ...unpackBatch(sealer, epoch, taken.id, taken.data) };
      }
    },
    async settle(...rows) {
      const settled = await findSettled(client, epoch, rows);
      const from = settler.mark();
      for (const row of rows) if (!settled?.has(row)) settler.outcome(outcome(row));
      await settler.flush(from);
    },
    async end(...outcomes) {
      const from = settler.mark();
      for (const one of outcomes) settler.outcome(one);
      await settler.flush(from);
    },
    async giveBack(taken, rows, delay = 0) {
      await taken.giveBack(packBatch(sealer, epoch, taken.id, taken.stalls, rows), delay);
    },
    close: () => taker.close(),
  };
}

/** Opens an epoch as a coordinator does, with these batches in its queue. */
export async function openEpoch(
  redis: Redis,
  epoch: string,
  batches: readonly (readonly QueuedRow[])[],
  key = KEY,
  record = RECORD,
) {
  await announceEpoch(redis, HOLD, { v: 1, epoch, held: false, ...record, key: keyFingerprint(key) });
  const queue = makeBatchQueue(redis, epoch);
  const sealer = makeSealer(key, epoch);
  const jobs = batches.map((rows, i) => ({
    id: `${epoch}-${i + 1}`,
    data: packBatch(sealer, epoch, `${epoch}-${i + 1}`, 0, rows),
  }));
  if (jobs.length > 0) await queue.add(jobs);
  await queue.close();
}

/** Ids of the batches that wait in an epoch's queue, as soon as there are so many. */
export async function waiting(client: Redis, epoch: string, count = 1): Promise<string[]> {
  await expect.poll(() => client.llen(`updraft:${epoch}:wait`), { interval: 5 }).toBe(count);
  return client.lrange(`updraft:${epoch}:wait`, 0, -1);
}
