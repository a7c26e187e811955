// A run in, the right to coordinate it out: one coordinator over all machines of a Redis, by a lease that must be renewed.
import { hostname } from "node:os";
import type { Redis } from "ioredis";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { type Hold, holdKey } from "./fence.ts";
import { asRefusal } from "./redis.ts";
import { makeScript } from "./script.ts";

const HOLD_MS = 6_000;
const RENEW_MS = 2_000;
/** A Redis that does not answer must not keep a process from ending. */
const RELEASE_MS = 2_000;

// KEYS: hold. ARGV: mine, milliseconds. Takes a free hold, renews mine; returns whose it is.
const holdScript = makeScript(`
local now = redis.call('GET', KEYS[1])
if not now or now == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return ARGV[1] end
return now`);
// KEYS: hold. ARGV: mine.
const releaseScript = makeScript(
  `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`,
);

const holderShape = z.object({ host: z.string(), pid: z.number(), since: z.string(), boot: z.number() });

export interface Holder extends Hold {
  /** Takes the hold again where Redis lost it. Throws `run-taken-over` when another process has it by now. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** Throws `run-held-by` when a living process holds the run. */
export async function holdRun(redis: Redis, run: string, clock: Clock): Promise<Holder> {
  const key = holdKey(run);
  const since = new Date(clock.wall()).toISOString();
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, since, boot: clock.random() });
  const take = async () => {
    try {
      return String(await holdScript(redis, [key], [mine, HOLD_MS]));
    } catch (error) {
      throw asRefusal(error);
    }
  };

  let holder = await take();
  if (holder !== mine && isDead(holder)) {
    await releaseScript(redis, [key], [holder]);
    holder = await take();
  }
  if (holder !== mine) {
    const other = holderShape.parse(JSON.parse(holder));
    throw new UpdraftError("run-held-by", { run, host: other.host, pid: other.pid, since: other.since });
  }
  // A renewal that fails is tried again; check() decides.
  const renewal = setInterval(() => void take().catch(() => {}), RENEW_MS);
  return {
    run,
    token: mine,
    async check() {
      // An answer that a process slept over says who had it then.
      for (let asked = Number.NEGATIVE_INFINITY; clock.now() - asked > HOLD_MS / 2; ) {
        asked = clock.now();
        if ((await take()) !== mine) throw new UpdraftError("run-taken-over", { run });
      }
    },
    async release() {
      clearInterval(renewal);
      // Where Redis fails it ends by itself, and a process of this machine sees that this one is gone.
      const released = releaseScript(redis, [key], [mine]).catch(() => {});
      const enough = new AbortController();
      await Promise.race([released, clock.sleep(RELEASE_MS, enough.signal)]);
      enough.abort();
    },
  };
}

/** A holder of this machine whose process is gone need not be waited for. */
function isDead(holder: string): boolean {
  const { host, pid } = holderShape.parse(JSON.parse(holder));
  if (host !== hostname() || pid === process.pid) return host === hostname();
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
