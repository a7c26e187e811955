// What a coordinator tells of its run in, and what people wish of it out: a status and a wish per living run in Redis.
import type { Redis } from "ioredis";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { holdKey } from "./fence.ts";
import { makeScript, PREFIX } from "./script.ts";

/** A status that is not renewed for this long is that of a coordinator that is gone. */
const STATUS_MS = 10_000;
/** A wish that was not taken up by then is forgotten. */
const WISH_MS = 10_000;
const LOOK_MS = 50;

/** Runs that have a status, or had one when their coordinator died. */
const RUNS = `${PREFIX}:runs`;
const statusKey = (run: string) => `${PREFIX}:status:${run}`;
const wishKey = (run: string) => `${PREFIX}:wish:${run}`;

const count = z.number().int().min(0);

const runStatus = z.object({
  v: z.literal(1),
  run: z.string(),
  state: z.enum(["running", "paused", "waiting", "stopped", "cancelled"]),
  epoch: z.string(),
  /** ISO 8601: when the run began, and since when it is in its state. */
  start: z.string(),
  since: z.string(),
  host: z.string(),
  pid: count,
  counts: z.object({
    updated: count,
    unchanged: count,
    rejected: count,
    failed: count,
    unknown: count,
    unsent: count,
  }),
  read: count,
  total: count,
  /** Rows per second that it may send; null for no limit of its own. */
  rate: z.number().positive().nullable(),
  rowsPerSecond: z.number().min(0),
  secondsLeft: z.number().min(0).nullable(),
  limitedBy: z.string(),
});
export type RunStatus = z.infer<typeof runStatus>;
export type LiveState = RunStatus["state"];

const wish = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["pause", "resume", "cancel"]) }),
  z.strictObject({ kind: z.literal("rate"), rate: runStatus.shape.rate }),
]);
export type Wish = z.infer<typeof wish>;

/** The state that a wish asks for. */
export const GRANTED = { pause: "paused", resume: "running", cancel: "cancelled" } as const satisfies Record<
  Exclude<Wish["kind"], "rate">,
  LiveState
>;

export function isGranted(
  wished: Wish,
  { state, rate, limitedBy }: Pick<RunStatus, "state" | "rate" | "limitedBy">,
): boolean {
  if (wished.kind === "rate") return rate === wished.rate;
  // Its time window pauses a run, too: that is no person's pause, and what a person resumes still waits for its window.
  if (state === "paused" && limitedBy === "window") return wished.kind === "resume";
  // A run that goes on may have to wait for its endpoint.
  return state === GRANTED[wished.kind] || (wished.kind === "resume" && state === "waiting");
}

// KEYS: hold, status, wish, runs. ARGV: mine, status, milliseconds, run. Returns the wish, which is taken away; false for none.
// A coordinator that was stopped while another took its run over has nothing to say of it.
const tellScript = makeScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('SADD', KEYS[4], ARGV[4])
local wish = redis.call('GET', KEYS[3])
redis.call('DEL', KEYS[3])
return wish`);
// KEYS: hold, status, wish, runs. ARGV: mine, run.
const forgetScript = makeScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SREM', KEYS[4], ARGV[2])
return redis.call('DEL', KEYS[2], KEYS[3])`);

const keysOf = (run: string) => [holdKey(run), statusKey(run), wishKey(run), RUNS];

/** @param mine what this process holds the run with */
export async function tellStatus(redis: Redis, status: RunStatus, mine: string): Promise<Wish | null> {
  const args = [mine, JSON.stringify(status), STATUS_MS, status.run];
  const found = await tellScript(redis, keysOf(status.run), args);
  return found === null ? null : parse(wish, String(found));
}

/** Forgets a run's status, and with it a wish that comes too late, or is from an earlier spell. */
export async function forgetStatus(redis: Redis, run: string, mine: string): Promise<void> {
  await forgetScript(redis, keysOf(run), [mine, run]);
}

/** Null for a run that has no living coordinator. */
export async function readStatus(redis: Redis, run: string): Promise<RunStatus | null> {
  const text = await redis.get(statusKey(run));
  return text === null ? null : parse(runStatus, text);
}

/** All runs that have a living coordinator. */
export async function readStatuses(redis: Redis): Promise<RunStatus[]> {
  const runs = await redis.smembers(RUNS);
  if (runs.length === 0) return [];
  const texts = await redis.mget(runs.map(statusKey));
  // Their coordinators died; one that lives comes back by itself.
  const dead = runs.filter((_, i) => texts[i] === null);
  if (dead.length > 0) await redis.srem(RUNS, ...dead);
  return texts.flatMap((text) => (text === null ? [] : (parse(runStatus, text) ?? [])));
}

/** What another version wrote is not understood: such a status is not shown, such a wish not heard. */
function parse<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Tells the coordinator what is wished and resolves when its status shows it; null: the run has ended meanwhile.
 * @throws UpdraftError `run-silent` when it does not answer: the wish is taken back then
 */
export async function askFor(redis: Redis, asked: RunStatus, wished: Wish, clock: Clock): Promise<RunStatus | null> {
  const { run, host, pid } = asked;
  await redis.set(wishKey(run), JSON.stringify(wished), "PX", WISH_MS);
  const end = clock.now() + WISH_MS;
  for (;;) {
    const status = await readStatus(redis, run);
    if (status === null || isGranted(wished, status)) return status;
    if (clock.now() >= end) break;
    await clock.sleep(LOOK_MS);
  }
  await redis.del(wishKey(run));
  throw new UpdraftError("run-silent", { run, host, pid, seconds: WISH_MS / 1_000 });
}
