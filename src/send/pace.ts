// The configured rates in, the moment at which the next row may be sent out: GCRA clocks shared by all workers of a Redis.
import type { Redis } from "ioredis";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { runClock } from "../queue/epoch.ts";
import { makeScript, PREFIX } from "../queue/script.ts";

/** Slots are reserved at most this far ahead. */
const HORIZON_MS = 250;
/** A slot later than this is given up: sent late it would fall into the next window of one second. */
const LATE_MS = 2;
/** A slot further away is asked for again after this. */
const LONGEST_MS = 60_000;

// Generic cell rate algorithm (ITU-T I.371) on two clocks without burst: a slot is due when both clocks allow it.
// KEYS: endpoint clock, run clock. ARGV: wanted, endpoint interval, run interval, horizon (microseconds; interval 0: none).
// Returns: now, first slot, number of slots, step. A clock further ahead than any reservation can put it is clamped.
const reserveScript = makeScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local want, ie, ir, horizon = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local step = math.max(ie, ir)
local at = now
local function clock(key, interval)
  if interval == 0 then return end
  local value = tonumber(redis.call('GET', key) or '0')
  if value > now + horizon + interval then value = now + horizon end
  at = math.max(at, value)
end
clock(KEYS[1], ie)
clock(KEYS[2], ir)
if at > now + horizon then return {now, at, 0, step} end
local count = math.min(want, math.floor((now + horizon - at) / step) + 1)
local last = at + (count - 1) * step
local ttl = math.ceil((last + step - now) / 1000) + 1000
if ie > 0 then redis.call('SET', KEYS[1], string.format('%.0f', last + ie), 'PX', ttl) end
if ir > 0 then redis.call('SET', KEYS[2], string.format('%.0f', last + ir), 'PX', ttl) end
return {now, at, count, step}`);

const reservation = z.tuple([z.number(), z.number(), z.number(), z.number()]);

export interface Pace {
  /** No rate is set: a row may be sent at any moment. */
  readonly free: boolean;
  /** Milliseconds by which a row that got a slot may still be late: of rare slots none need be given up. */
  readonly slack: number;
  /** Resolves in the moment a row may be sent; false when the wait was ended. */
  slot(): Promise<boolean>;
  /** Ends every wait: the run is held. */
  release(): void;
  /** The rates are others from now on: slots that were reserved before are given up, who waits goes on waiting. */
  tune(rates: Pick<Rates, "endpointRate" | "rate">): void;
}

export interface Rates {
  /** Names the endpoint (base URL and login) among all runs. */
  readonly endpoint: string;
  readonly run: string;
  /** Rows per second; null for none. */
  readonly endpointRate: number | null;
  readonly rate: number | null;
}

/** Asks nothing of Redis while no rate is set. */
export function makePace(redis: Redis, given: Rates, clock: Clock, signal: AbortSignal): Pace {
  const keys = [`${PREFIX}:pace:${given.endpoint}`, runClock(given.run)];
  let rates: Pick<Rates, "endpointRate" | "rate"> = given;
  /** Ends with the rates that slots were reserved under. */
  let term = new AbortController();
  signal.addEventListener("abort", () => term.abort(), { once: true });
  const free = () => rates.rate === null && rates.endpointRate === null;
  const interval = (rate: number | null) => (rate === null ? 0 : Math.ceil(1_000_000 / rate));
  const waiting: ((granted: boolean) => void)[] = [];
  let pumping = false;
  let offset = Number.POSITIVE_INFINITY;

  /**
   * Local times of the slots reserved. The reply that came soonest tells best what Redis's time is here: were each one's
   * slots counted from its own arrival, those of a worker with a slow reply would fall among the next worker's.
   */
  async function reserve(): Promise<{ slots: number[]; wait: number }> {
    const asked = clock.now();
    const found = await reserveScript(redis, keys, [
      waiting.length,
      interval(rates.endpointRate),
      interval(rates.rate),
      HORIZON_MS * 1000,
    ]);
    const here = clock.now();
    const [now, first, count, step] = reservation.parse(found);
    offset = Math.max(asked - now / 1000, Math.min(offset, here - now / 1000));
    const at = (i: number) => offset + (first + i * step) / 1000;
    return { slots: Array.from({ length: count }, (_, i) => at(i)), wait: (first - now) / 1000 - HORIZON_MS };
  }

  async function pump(): Promise<void> {
    pumping = true;
    try {
      while (waiting.length > 0 && !signal.aborted) {
        if (free()) {
          for (const resolve of waiting.splice(0)) resolve(true);
          break;
        }
        const { signal: over } = term;
        const { slots, wait } = await reserve();
        if (slots.length === 0) await clock.sleep(Math.min(Math.max(1, wait), LONGEST_MS), over);
        for (const slot of slots) {
          while (clock.now() < slot && !over.aborted) await clock.sleep(slot - clock.now(), over);
          if (over.aborted) break;
          if (clock.now() - slot <= LATE_MS) waiting.shift()?.(true);
        }
      }
    } catch {
      // Redis failed: the rows go back.
    }
    pumping = false;
    release();
  }

  /** Nobody may be left waiting. */
  function release(): void {
    for (const resolve of waiting.splice(0)) resolve(false);
  }

  return {
    get free() {
      return free();
    },
    get slack() {
      return Math.max(LATE_MS, interval(rates.endpointRate) / 1000, interval(rates.rate) / 1000);
    },
    release,
    tune(now) {
      if (now.rate === rates.rate && now.endpointRate === rates.endpointRate) return;
      rates = now;
      term.abort();
      if (!signal.aborted) term = new AbortController();
    },
    slot() {
      const granted = new Promise<boolean>((resolve) => waiting.push(resolve));
      if (!pumping) void pump();
      return granted;
    },
  };
}
