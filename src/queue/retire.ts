// An epoch in; what its workers still know is taken into the ledger and the epoch is removed from Redis.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { collect } from "../settle/collect.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Past } from "../settle/past.ts";
import { changeEpoch, closeEpoch, endEpoch, epochsOf, isOpen, readEpoch } from "./epoch.ts";
import type { Hold } from "./fence.ts";
import type { Holder } from "./holder.ts";
import { unpackBatch } from "./payload.ts";
import { type LeftBatch, makeBatchQueue, removeQueue } from "./put.ts";
import { keyFingerprint, makeSealer, type Sealer } from "./seal.ts";

const LOOK_MS = 20;

export interface RetireContext {
  readonly redis: Redis;
  readonly holder: Pick<Holder, keyof Hold | "check">;
  readonly key: Buffer;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds after which an active batch's worker cannot be sending any more. */
  readonly patience: number;
  answered(outcomes: readonly Outcome[]): void;
}

/**
 * Holds the epoch for all workers, waits until no batch is in a worker's hands (or its lease must be over), drains the
 * stream into the ledger, keeps what was tried for rows that are left, and deletes the epoch. An epoch that Redis has lost,
 * before or meanwhile, leaves every row in doubt that it may have sent, one that another key has sealed leaves all. Throws
 * `run-taken-over`: what is in Redis is another's by then, and is left to it.
 */
export async function retireEpoch(context: RetireContext, epoch: string): Promise<void> {
  try {
    await retire(context, epoch);
  } catch (error) {
    if (error instanceof UpdraftError && error.code === "run-taken-over") await removeLate(context.redis, epoch);
    throw error;
  }
}

/**
 * BullMQ asks nobody whose the run is: what this process was about to write to the queue when it fell asleep makes the queue
 * anew where the other one has removed it. Where the epoch has not ended yet, the other one removes the queue after it.
 */
async function removeLate(redis: Redis, epoch: string): Promise<void> {
  if (!(await isOpen(redis, epoch))) await removeQueue(redis, epoch);
}

async function retire(context: RetireContext, epoch: string): Promise<void> {
  const { redis, holder, key, ledger, clock, log, patience } = context;
  await holder.check();
  const sealer = makeSealer(key, epoch);
  const queue = makeBatchQueue(redis, epoch);
  try {
    await queue.pause();
    const record = await readEpoch(redis, epoch);
    const readable = record === null || record.key === keyFingerprint(key);
    if (record !== null) await changeEpoch(redis, holder, { ...record, held: true });
    // Redis came back empty since: it knows nothing of what workers have in their hands, and of what they have sent.
    const emptied = async () => !(await queue.isPaused());
    const deadline = clock.now() + patience;
    while (((await queue.active()) > 0 || (await emptied())) && clock.now() < deadline) await clock.sleep(LOOK_MS);
    // From here on nothing more is settled, so that what the stream and the queue say now is all.
    await closeEpoch(redis, holder, epoch);
    for (;;) {
      if (!readable) break;
      const found = await collect({ redis, hold: holder, epoch, sealer, ledger });
      context.answered(found.outcomes);
      if (found.entries === 0) break;
    }
    const left = readable ? await queue.left() : [];
    if (record !== null && readable && !(await emptied())) {
      ledger.writePast(left.flatMap((batch) => pastOf(batch, sealer, epoch)));
      ledger.write([], [], { highest: "0" });
    } else doubtAll(ledger, readable ? 0 : Number.MAX_SAFE_INTEGER);
    await ledger.sync();
    await endEpoch(redis, holder, epoch);
    await queue.destroy();
    log.info({ epoch }, "epoch ended");
  } finally {
    await queue.close();
  }
}

/**
 * Retires the epochs that earlier coordinators of a run left, whose ledger may have been another: another machine, or a data
 * folder that was deleted. Returns the number of the run's newest epoch so far.
 */
export async function retireLeft(context: RetireContext, run: string): Promise<number> {
  const { redis, ledger } = context;
  const left = await epochsOf(redis, run);
  const newest = Number(ledger.meta("epoch") ?? "0");
  if (newest > 0 && ledger.meta("retired") !== String(newest)) left.add(newest);
  for (const number of left) await retireEpoch(context, `${run}-${number}`);
  return Math.max(newest, ...left);
}

/** Every row up to where the lost epoch had come may have been sent, for ever: `doubtful` only grows. */
export function doubtAll(ledger: Ledger, most = 0): void {
  const doubtful = Math.max(most, Number(ledger.meta("doubtful") ?? "0"), Number(ledger.meta("highest") ?? "0"));
  ledger.write([], [], { doubtful: String(doubtful), highest: "0" });
}

/** A batch that was in a worker's hands to the end, or whose worker died, may have been sent as a whole. */
function pastOf(left: LeftBatch, sealer: Sealer, epoch: string): [number, Past][] {
  const batch = unpackBatch(sealer, epoch, left.id, left.data);
  const doubtful = left.active || left.stalls > batch.stalls;
  return batch.rows.map((r) => [r.row, { tries: r.tries, requests: r.requests, ambiguous: r.ambiguous || doubtful }]);
}
