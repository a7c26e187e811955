// What keeps all workers from an endpoint, a rest that it asked for or an outage, in; told to every process of a Redis at once, out.
import type { Redis } from "ioredis";
import * as z from "zod";
import { makeScript, PREFIX } from "./script.ts";

/** Channel on which holds are told. */
export const HOLDS = `${PREFIX}:holds`;

/** An outage that no worker probes any more is forgotten after this, beside the time to the next probe. */
const FORGET_MS = 120_000;
/**
 * Waits between probes: the first, doubled up to the last by every second probe. So what an outage takes too long is half
 * of it at most; doubled by every probe it was up to the whole.
 */
const FIRST_PROBE_MS = 1_000;
const LAST_PROBE_MS = 60_000;

/** Nothing is sent to an endpoint while its rest lasts. Its value is how long it was to be, which a clock that goes back does not prolong. */
export const restKey = (endpoint: string) => `${PREFIX}:rest:${endpoint}`;
const outageKey = (endpoint: string) => `${PREFIX}:outage:${endpoint}`;

const outage = z.object({
  /** Wall clock of the worker that found out, milliseconds since 1970. */
  since: z.number(),
  /** The passing fault that all rows met: `http-503`, `timeout`, `refused`, `tls`, `login-…`. */
  fault: z.string(),
});
export type Outage = Readonly<z.infer<typeof outage>>;

const news = z.discriminatedUnion("kind", [
  /** Nothing is sent for `ms` from here on. `capped`: the endpoint asked for more; `paced`: rates are set. */
  z.object({ kind: z.literal("rest"), endpoint: z.string(), ms: z.number(), capped: z.boolean(), paced: z.boolean() }),
  /** The endpoint refused requests for their number, and did not say how long to wait. */
  z.object({ kind: z.literal("slow"), endpoint: z.string() }),
  z.object({ kind: z.literal("outage"), endpoint: z.string(), outage }),
  z.object({ kind: z.literal("answers"), endpoint: z.string() }),
]);
export type HoldNews = Readonly<z.infer<typeof news>>;

/** Null for what another version says. */
export function readNews(message: string): HoldNews | null {
  try {
    return news.safeParse(JSON.parse(message)).data ?? null;
  } catch {
    return null;
  }
}

// KEYS: rest. ARGV: milliseconds, channel, news. A rest is never shortened.
const restScript = makeScript(`
if tonumber(ARGV[1]) <= redis.call('PTTL', KEYS[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`);

const TIME = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

// KEYS: outage. ARGV: outage, milliseconds to the first probe, to be forgotten, channel, news.
const declareScript = makeScript(`${TIME}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'outage', ARGV[1], 'next', now + ARGV[2], 'step', ARGV[2], 'probes', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1`);

// KEYS: outage. ARGV: milliseconds of the lease, to be forgotten. Who claims the turn has it until the lease is over or it says
// how it went. Returns: whether it is the caller's, milliseconds until the next; false where there is no outage.
const claimScript = makeScript(`${TIME}
local due = redis.call('HGET', KEYS[1], 'next')
if not due then return false end
local left = due - now
-- It is further away than any turn: Redis' clock went back.
if left > math.max(${LAST_PROBE_MS}, tonumber(ARGV[1])) then left = 0 end
if left > 0 then return {0, left} end
redis.call('HSET', KEYS[1], 'next', now + ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, 0}`);

// KEYS: outage. ARGV: 1 when a row was sent (0: there was none), random, milliseconds to be forgotten.
const failScript = makeScript(`${TIME}
local step = tonumber(redis.call('HGET', KEYS[1], 'step') or '0')
if step == 0 then return 0 end
if ARGV[1] == '1' then
  if redis.call('HINCRBY', KEYS[1], 'probes', 1) % 2 == 0 then step = math.min(step * 2, ${LAST_PROBE_MS}) end
  redis.call('HSET', KEYS[1], 'step', step)
  redis.call('HSET', KEYS[1], 'next', now + math.floor(step * (1 - 0.25 * tonumber(ARGV[2]))))
else redis.call('HSET', KEYS[1], 'next', now + math.floor(100 + 200 * tonumber(ARGV[2]))) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`);

// KEYS: outage. ARGV: channel, news.
const answersScript = makeScript(`
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
return redis.call('PUBLISH', ARGV[1], ARGV[2])`);

const turn = z.tuple([z.number(), z.number()]).nullable();

/** Holds of one endpoint, in Redis. All of it rejects when Redis fails. */
export interface Holds {
  /** @param ms to rest
   * @param capped the endpoint asked for more
   * @param paced rates are set */
  rest(ms: number, capped: boolean, paced: boolean): Promise<void>;
  slow(): Promise<void>;
  declare(found: Outage): Promise<void>;
  /** Whether this process may send a row to see if the endpoint answers; null: there is no outage. */
  claim(leaseMs: number): Promise<{ readonly mine: boolean; readonly wait: number } | null>;
  /** The turn that was claimed brought no answer; with `sent` false, there was no row to send. */
  failed(sent: boolean, random: number): Promise<void>;
  answers(): Promise<void>;
  /** What is in force now; `rest` in milliseconds. An outage that somebody asks for is not forgotten. */
  read(): Promise<{ readonly rest: number; readonly outage: Outage | null }>;
}

export function makeHolds(redis: Redis, endpoint: string): Holds {
  const [rest, out] = [restKey(endpoint), outageKey(endpoint)];
  const say = (said: HoldNews) => JSON.stringify(said);
  return {
    async rest(ms, capped, paced) {
      await restScript(redis, [rest], [Math.ceil(ms), HOLDS, say({ kind: "rest", endpoint, ms, capped, paced })]);
    },
    async slow() {
      await redis.publish(HOLDS, say({ kind: "slow", endpoint }));
    },
    async declare(found) {
      const told = say({ kind: "outage", endpoint, outage: found });
      await declareScript(redis, [out], [JSON.stringify(found), FIRST_PROBE_MS, FORGET_MS, HOLDS, told]);
    },
    async claim(leaseMs) {
      const found = turn.parse((await claimScript(redis, [out], [leaseMs, leaseMs + FORGET_MS])) ?? null);
      return found === null ? null : { mine: found[0] === 1, wait: found[1] };
    },
    async failed(sent, random) {
      await failScript(redis, [out], [sent ? 1 : 0, random, LAST_PROBE_MS + FORGET_MS]);
    },
    async answers() {
      await answersScript(redis, [out], [HOLDS, say({ kind: "answers", endpoint })]);
    },
    async read() {
      const [left, length, found] = await Promise.all([redis.pttl(rest), redis.get(rest), redis.hget(out, "outage")]);
      if (found !== null) await redis.pexpire(out, LAST_PROBE_MS + FORGET_MS);
      const known = found === null ? null : (outage.safeParse(JSON.parse(found)).data ?? null);
      return { rest: Math.max(0, Math.min(left, Number(length ?? 0))), outage: known };
    },
  };
}
