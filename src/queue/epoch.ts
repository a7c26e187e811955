// The names and the record of one epoch in Redis: what a worker must know of a run before it takes a batch of it.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import * as z from "zod";
import type { Settings } from "../settings/settings.ts";
import { type Hold, makeFenced } from "./fence.ts";
import { PREFIX } from "./script.ts";
import { keyFingerprint } from "./seal.ts";

/** The set of epochs that have work, watched by every worker. */
export const EPOCHS = `${PREFIX}:epochs`;
/** Channel on which epochs are announced, changed and ended; the message is the epoch's name. */
export const NEWS = `${PREFIX}:news`;

/** A worker's lock on a batch: the rows of a worker that died come back after it. */
export const LOCK_MS = 6_000;
/** A worker that does not hear from Redis for so long sends nothing any more, and has given up what it had sent. */
export const STILL_MS = 2_750;

export const epochRecord = z.object({
  v: z.literal(1),
  run: z.string(),
  /** `<run>-<n>`: also the name of the BullMQ queue. */
  epoch: z.string(),
  contract: z.string(),
  baseUrl: z.string(),
  /** Fingerprints: a worker with other credentials or another key must not take the run. */
  endpoint: z.string(),
  key: z.string(),
  timeout: z.number().positive(),
  attempts: z.number().int().positive(),
  /** Rows per second; null for none. */
  rate: z.number().positive().nullable(),
  endpointRate: z.number().positive().nullable(),
  /** Most requests in flight at the endpoint, over all workers; null for no cap, as of a run that an older version began. */
  maxInFlight: z.number().int().positive().nullable().default(null),
  /** While true no request is started and batches are given back. */
  held: z.boolean(),
});
export type EpochRecord = z.infer<typeof epochRecord>;

export type RunRecord = Omit<EpochRecord, "v" | "epoch" | "held">;

/** What of an epoch's record changes while it is served. */
export type Terms = Pick<EpochRecord, "held" | "rate">;

/** What is the same for all epochs of a run. */
export function recordOf(run: string, contract: string, settings: Settings, key: Buffer): RunRecord {
  return {
    run,
    contract,
    baseUrl: settings.baseUrl,
    endpoint: endpointFingerprint(settings),
    key: keyFingerprint(key),
    timeout: settings.timeout,
    attempts: settings.attempts,
    rate: settings.rate?.perSecond ?? null,
    endpointRate: settings.endpointRate?.perSecond ?? null,
    maxInFlight: settings.maxInFlight,
  };
}

/** Names an endpoint without telling its login. */
export function endpointFingerprint({ baseUrl, login }: Pick<Settings, "baseUrl" | "login">): string {
  return createHash("sha256").update(`${baseUrl}\n${login}`).digest("hex").slice(0, 16);
}

export interface EpochKeys {
  readonly record: string;
  readonly settled: string;
  readonly outcomes: string;
}

export function epochKeys(epoch: string): EpochKeys {
  return {
    record: `${PREFIX}:epoch:${epoch}`,
    settled: `${PREFIX}:settled:${epoch}`,
    outcomes: `${PREFIX}:outcomes:${epoch}`,
  };
}

/** The clock of a run's own rate, shared by all workers. */
export const runClock = (run: string) => `${PREFIX}:pace:run:${run}`;

// KEYS: clock.
const forgetPaceScript = makeFenced("redis.call('DEL', KEYS[2])");

/** The run is over. Throws `run-taken-over`: it keeps the pace of who goes on with it. */
export function forgetPace(redis: Redis, hold: Hold): Promise<void> {
  return forgetPaceScript(redis, hold, [runClock(hold.run)], []);
}

// KEYS: record, epochs. ARGV: record, epoch, channel.
const announceScript = makeFenced(`
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SADD', KEYS[3], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[3])`);

/** Writes the record, then announces the epoch. Throws `run-taken-over`: an epoch of that name is another's by now. */
export async function announceEpoch(redis: Redis, hold: Hold, record: EpochRecord): Promise<void> {
  const { epoch } = record;
  await announceScript(redis, hold, [epochKeys(epoch).record, EPOCHS], [JSON.stringify(record), epoch, NEWS]);
}

// KEYS: record.
const closeScript = makeFenced("redis.call('DEL', KEYS[2])");

/** From here on nothing is settled in the epoch, and no worker takes of it. Throws `run-taken-over`. */
export async function closeEpoch(redis: Redis, hold: Hold, epoch: string): Promise<void> {
  await closeScript(redis, hold, [epochKeys(epoch).record], []);
}

// KEYS: record. ARGV: record, epoch, channel.
const changeScript = makeFenced(`
redis.call('SET', KEYS[2], ARGV[2], 'XX')
redis.call('PUBLISH', ARGV[4], ARGV[3])`);

/** Writes the record anew, unless it is gone: all workers read it again. Throws `run-taken-over`. */
export async function changeEpoch(redis: Redis, hold: Hold, record: EpochRecord): Promise<void> {
  const { epoch } = record;
  await changeScript(redis, hold, [epochKeys(epoch).record], [JSON.stringify(record), epoch, NEWS]);
}

/** Numbers of the epochs of a run that nobody has ended. */
export async function epochsOf(redis: Redis, run: string): Promise<Set<number>> {
  const names = (await redis.smembers(EPOCHS)).filter((name) => name.startsWith(`${run}-`));
  return new Set(names.map((name) => Number(name.slice(run.length + 1))).filter(Number.isSafeInteger));
}

/** Nobody has ended it. */
export async function isOpen(redis: Redis, epoch: string): Promise<boolean> {
  return (await redis.sismember(EPOCHS, epoch)) === 1;
}

export async function readEpoch(redis: Redis, epoch: string): Promise<EpochRecord | null> {
  const text = await redis.get(epochKeys(epoch).record);
  return text === null ? null : epochRecord.parse(JSON.parse(text));
}

// KEYS: epochs, record, settled, outcomes. ARGV: epoch, channel.
const endScript = makeFenced(`
redis.call('SREM', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[3], KEYS[4], KEYS[5])
redis.call('PUBLISH', ARGV[3], ARGV[2])`);

/** Removes everything of an epoch but its queue, and tells the workers. Throws `run-taken-over`. */
export async function endEpoch(redis: Redis, hold: Hold, epoch: string): Promise<void> {
  const { record, settled, outcomes } = epochKeys(epoch);
  await endScript(redis, hold, [EPOCHS, record, settled, outcomes], [epoch, NEWS]);
}
