// The configured rates in; slots in which requests may be sent, reserved on clocks that all workers of a Redis share, out.
import type { Redis } from "ioredis";
import * as z from "zod";
import { runClock } from "../queue/epoch.ts";
import { restKey } from "../queue/holds.ts";
import { makeScript, PREFIX, type Script } from "../queue/script.ts";

/** Slots are reserved at most this far ahead. */
export const HORIZON_MS = 250;
/** A slot later than this is given up. With 2 a busy worker gave up 4 % of 2,000 slots a second. */
export const LATE_MS = 5;
/**
 * Of two requests sent at their slots one may be on its way so much longer: garbage is collected here or there, a processor is
 * taken away. Measured with 5 ms of lateness alone in the intervals: up to 8 ms, 2,017 arrivals in a second at 2,000/s.
 */
const SPREAD_MS = 10;
/** What a run takes beyond its share of an endpoint's cap, because nobody else does, it reserves no further ahead than this. */
const NEAR_MS = 25;
/** A slower run leaves gaps of at most this between the slots of faster ones. */
const GAP_MS = 5;
/** A run that has not asked for so long has no share. */
const IDLE_MS = 1_000;

/**
 * The generic cell rate algorithm (ITU-T I.371) without burst, on two clocks: a slot is due when the endpoint's and the run's
 * allow it. While several runs ask, a third clock keeps each to its even share of the endpoint's cap; what others leave over is
 * there for any, but only shortly before it is lost, so that who keeps to its share always finds room.
 *
 * KEYS: endpoint clock, run clock, rest, shares. ARGV: wanted, endpoint interval, run interval, run, whether Redis' clock was
 * seen to jump, now (for tests). Times are microseconds of Redis' clock; an interval of 0 is none.
 * Returns: now, first slot, number of slots, step, and when there is none the wait until another is worth asking for.
 */
const RESERVE = `
local want, ie, ir = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local run, jumped, now = ARGV[4], ARGV[5] == '1', tonumber(ARGV[6])
local horizon, near, gap, idle = ${HORIZON_MS}e3, ${NEAR_MS}e3, ${GAP_MS}e3, ${IDLE_MS}e3
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local rest = math.min(redis.call('PTTL', KEYS[3]), tonumber(redis.call('GET', KEYS[3]) or '0'))
if rest > 0 then return {now, now, 0, 0, rest * 1000} end

local runs, mine = 1, 0
if ie > 0 then
  local known = redis.call('HGETALL', KEYS[4])
  for i = 1, #known, 2 do
    local asked, due, interval = string.match(known[i + 1], '^(%d+) (%d+) (%d+)$')
    if known[i] == run then mine = tonumber(due)
    elseif math.abs(now - asked) < idle then
      runs = runs + 1
      ie = math.max(ie, interval)
    else redis.call('HDEL', KEYS[4], known[i]) end
  end
end
-- After a jump of Redis' clock slots of before it may still be to come: they are over after one horizon.
local first = now
if jumped then first = now + horizon end
local function clock(key, interval)
  if interval == 0 then return first end
  local due = tonumber(redis.call('GET', key) or '0')
  -- No reservation puts it so far ahead: Redis' clock went back, or the rate was lower.
  if due > now + horizon + interval then due = now + horizon end
  return math.max(due, first)
end
local e, r = clock(KEYS[1], ie), clock(KEYS[2], ir)
local at, step, till = math.max(e, r), math.max(ie, ir), now + horizon
local share, due = ie * runs, 0
if runs > 1 then
  due = math.min(math.max(mine, now), till + share)
  if due > till then till = now + near
  else want = math.min(want, math.floor((till - due) / share) + 1) end
  -- Between the slots of a slower run others would find no room.
  if ir > ie + gap then
    want = math.min(want, 1)
    till = math.min(till, math.max(e, now) + gap)
  end
end
local count = 0
if at <= till then count = math.min(want, math.floor((till - at) / step) + 1) end
local function keep(key, value, ttl) redis.call('SET', key, string.format('%.0f', value), 'PX', ttl) end
if count > 0 then
  local last = at + (count - 1) * step
  local ttl = math.ceil((last + step - now) / 1000) + 1000
  if ie > 0 then keep(KEYS[1], last + ie, ttl) end
  if ir > 0 then keep(KEYS[2], last + ir, ttl) end
end
-- A run that waits for its own rate takes nobody's share.
if ie > 0 and r <= now + horizon then
  local value = string.format('%.0f %.0f %.0f', now, math.max(due, now) + count * share, ie)
  redis.call('HSET', KEYS[4], run, value)
  redis.call('PEXPIRE', KEYS[4], ${IDLE_MS * 5})
end
return {now, at, count, step, math.max(at - till, 0)}`;

const script: Script = makeScript(RESERVE);
const reservation = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]);

export interface Rates {
  /** Requests per second; null for none. */
  readonly endpointRate: number | null;
  readonly rate: number | null;
}

export interface Reservation {
  /** Microseconds of Redis' clock. */
  readonly now: number;
  readonly first: number;
  readonly count: number;
  readonly step: number;
  /** Where there is no slot: microseconds until asking again is worth it. */
  readonly wait: number;
}

/**
 * Microseconds between two slots. They are longer than the rate's by what a request may come late in a second: else some second
 * would hold more than its rate. A slot sent late costs less than one given up.
 */
export function intervalOf(rate: number | null): number {
  return rate === null ? 0 : Math.ceil((1_000_000 + (LATE_MS + SPREAD_MS) * 1_000) / rate);
}

/**
 * @param who the endpoint (base URL and login) among all endpoints, and the run
 * @param now microseconds; for tests: Redis' own clock otherwise
 */
export async function reserve(
  redis: Redis,
  who: { readonly endpoint: string; readonly run: string },
  rates: Rates,
  want: number,
  jumped: boolean,
  now?: number,
): Promise<Reservation> {
  const clock = `${PREFIX}:pace:${who.endpoint}`;
  const keys = [clock, runClock(who.run), restKey(who.endpoint), `${clock}:shares`];
  const intervals = [intervalOf(rates.endpointRate), intervalOf(rates.rate)];
  const found = await script(redis, keys, [want, ...intervals, who.run, jumped ? 1 : 0, now ?? ""]);
  const [at, first, count, step, wait] = reservation.parse(found);
  return { now: at, first, count, step, wait };
}
