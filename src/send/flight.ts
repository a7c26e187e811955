// What the worker processes of an endpoint have to send in; how many requests each of them may have in flight, out.
import type { Redis } from "ioredis";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { LOCK_MS, STILL_MS } from "../queue/epoch.ts";
import { makeScript, PREFIX } from "../queue/script.ts";

const ASK_MS = 100;
/** What is left of an even share goes to one worker after the other for so long: with less than one each, all have their turn. */
const TURN_MS = 2_000;

// A hash of the workers: "<held> <wanted> <cap> <until>". The smallest cap holds for all. What one is granted is never more
// than what the others leave; it shrinks to its share when others want theirs, but what it has in use counts as held until
// it ends. A worker without rows wants one permit if an epoch that it serves has batches.
// KEYS: workers, then the batches that wait or come later. ARGV: worker, cap, wanted, used, life, turn (milliseconds).
// Returns: granted.
const askScript = makeScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local me, cap, want, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 2, #KEYS do
  if want == 0 and redis.call('EXISTS', KEYS[i]) == 1 then want = 1 end
end
local wanting, others = {}, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local held, wanted, most, lapses = string.match(all[i + 1], '(%d+) (%d+) (%d+) (%d+)')
  if all[i] == me then
  elseif tonumber(lapses) <= now then redis.call('HDEL', KEYS[1], all[i])
  else
    others = others + held
    -- Redis' clock went back: it lapses no later than if it had been asked for now.
    if tonumber(lapses) > now + ARGV[5] then
      redis.call('HSET', KEYS[1], all[i], string.format('%d %d %d %.0f', held, wanted, most, now + ARGV[5]))
    end
    cap = math.min(cap, tonumber(most))
    if tonumber(wanted) > 0 then table.insert(wanting, {all[i], tonumber(wanted)}) end
  end
end
local share = 0
if want > 0 then
  table.insert(wanting, {me, want})
  table.sort(wanting, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
  local left, open = cap, #wanting
  while open > 0 and wanting[#wanting - open + 1][2] <= math.floor(left / open) do
    left = left - wanting[#wanting - open + 1][2]
    open = open - 1
  end
  local names = {}
  for i = #wanting - open + 1, #wanting do table.insert(names, wanting[i][1]) end
  table.sort(names)
  share = want
  for i, name in ipairs(names) do
    if name == me then
      share = math.floor(left / open)
      if (i + math.floor(now / tonumber(ARGV[6]))) % open < left % open then share = share + 1 end
    end
  end
end
local granted = math.max(0, math.min(share, cap - others))
local held = math.max(granted, used)
if want == 0 and held == 0 then redis.call('HDEL', KEYS[1], me)
else
  redis.call('HSET', KEYS[1], me, string.format('%d %d %d %.0f', held, want, ARGV[2], now + ARGV[5]))
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return granted`);

const flightKey = (endpoint: string) => `${PREFIX}:flight:${endpoint}`;

export interface Wish {
  /** Most requests in flight over all workers. */
  readonly cap: number;
  /** Requests that it could send at once. */
  readonly wanted: number;
  readonly used: number;
  /** Epochs whose batches it takes. */
  readonly epochs: readonly string[];
}

/** How many requests this worker may have in flight from now on; what it has beyond that ends by itself. */
export async function askFlight(
  redis: Redis,
  endpoint: string,
  worker: string,
  { cap, wanted, used, epochs }: Wish,
  { life, turn } = { life: LOCK_MS, turn: TURN_MS },
): Promise<number> {
  const batches = epochs.flatMap((epoch) => [`${PREFIX}:${epoch}:wait`, `${PREFIX}:${epoch}:delayed`]);
  const keys = [flightKey(endpoint), ...batches];
  return z.number().parse(await askScript(redis, keys, [worker, cap, wanted, used, life, turn]));
}

export interface Flight {
  /** To be called when there may be a cap, or none any more. */
  look(): void;
  /** Gives back what it holds. */
  close(): Promise<void>;
}

/**
 * @param worker a name that no other process has
 * @param wish null while there is no cap: nothing is asked then
 * @param grant told how many; infinitely many without a cap
 */
export function makeFlight(
  redis: Redis,
  endpoint: string,
  worker: string,
  clock: Clock,
  wish: () => Wish | null,
  grant: (count: number) => void,
): Flight {
  const over = new AbortController();
  let asking: Promise<void> | null = null;
  /** Until then what was granted may be used: before it lapses in Redis, as a lease does. */
  let until = 0;

  async function ask(wished: Wish): Promise<void> {
    const asked = clock.now();
    try {
      const granted = await askFlight(redis, endpoint, worker, wished);
      if (over.signal.aborted || clock.now() >= asked + STILL_MS) return;
      until = asked + STILL_MS;
      grant(granted);
    } catch {
      // Redis failed: what was granted lapses.
    }
  }

  async function askAlways(): Promise<void> {
    for (let wished = wish(); wished && !over.signal.aborted; wished = wish()) {
      const lapsed = new AbortController();
      const answered = ask(wished);
      void clock.sleep(Math.max(0, until - clock.now()), lapsed.signal).then(() => {
        if (!lapsed.signal.aborted) grant(0);
      });
      await answered;
      lapsed.abort();
      await clock.sleep(ASK_MS, over.signal);
    }
    if (over.signal.aborted) return;
    await giveBack();
    asking = null;
    if (wish()) look();
    else grant(Number.POSITIVE_INFINITY);
  }

  async function giveBack(): Promise<void> {
    await redis.hdel(flightKey(endpoint), worker).catch(() => {});
  }

  function look(): void {
    if (asking || over.signal.aborted || !wish()) return;
    until = 0;
    grant(0);
    asking = askAlways();
  }

  return {
    look,
    async close() {
      if (!asking) return;
      over.abort();
      await asking;
      await giveBack();
    },
  };
}
