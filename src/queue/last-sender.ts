// A job, its endpoint and, if there is one, a data folder's file of what was accepted in; which run has sent last, as Redis knows, out.
import type { Redis } from "ioredis";
import type { Accepted } from "../settle/accepted.ts";
import { firstRun } from "../settle/run-folder.ts";
import { makeScript, PREFIX } from "./script.ts";

/**
 * Machines that share a Redis may run a job in turn, each with a data folder of its own: what one has noted, the other has overwritten. And
 * content that comes back was overwritten by what was run in between.
 */
export interface LastSender {
  /** Before a row is sent. True where another folder was the last: all that was noted here is forgotten then. */
  begin(run: string): Promise<boolean>;
  /** After the last row is answered. Where another folder has begun meanwhile, neither of the two knows all that was sent. */
  end(): Promise<void>;
}

/** Is no file's id: each of them is another than that. */
const SEVERAL = "several";

export interface Sending {
  readonly job: string;
  /** A fingerprint. */
  readonly endpoint: string;
}

const keyOf = ({ job, endpoint }: Sending) => `${PREFIX}:accepted:${endpoint}:${job}`;
const runKey = (about: Sending) => `${keyOf(about)}:run`;

// In the instant in which it becomes the last: another may have begun, and ended, since it was asked for.
// KEYS: last, last run. ARGV: file, run. Returns 0 where another was the last, and still is.
const beginScript = makeScript(`
local last = redis.call('GET', KEYS[1])
if last and last ~= ARGV[1] then return 0 end
redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[2])
return 1`);

/** The run that began last, of whichever folder. Null where that is not known, or another sent beside it. */
export function lastRun(redis: Redis, about: Sending): Promise<string | null> {
  return redis.get(runKey(about));
}

/** A retry of the run that was the last sends nothing else: that one is still the last. */
async function asNoted(redis: Redis, about: Sending, run: string): Promise<string> {
  const first = firstRun(run);
  return (await lastRun(redis, about)) === first ? first : run;
}

/**
 * @param accepted null where this folder has never compared with what was accepted: then the run is noted, if it is of a job, and folders that
 * have know that they do not know all
 */
export function makeLastSender(
  redis: Redis,
  about: Sending,
  accepted: Pick<Accepted, "id" | "forgetAll" | "sync"> | null,
): LastSender {
  return accepted === null ? noteRun(redis, about) : noteFolder(redis, about, accepted);
}

function noteRun(redis: Redis, about: Sending): LastSender {
  let mine = "";
  const disown = () => redis.set(keyOf(about), SEVERAL, "XX");
  return {
    async begin(run) {
      mine = await asNoted(redis, about, run);
      await disown();
      // Files that are run without a job have nothing to do with each other.
      if (about.job !== "default") await redis.set(runKey(about), mine);
      return false;
    },
    async end() {
      await disown();
      if ((await redis.get(runKey(about))) !== mine) await redis.del(runKey(about));
    },
  };
}

function noteFolder(redis: Redis, about: Sending, accepted: Pick<Accepted, "id" | "forgetAll" | "sync">): LastSender {
  const key = keyOf(about);
  return {
    async begin(run) {
      const noted = await asNoted(redis, about, run);
      if ((await beginScript(redis, [key, runKey(about)], [accepted.id, noted])) === 1) return false;
      accepted.forgetAll();
      // On the disk first: after a crash in between the other one must still be known as the last.
      await accepted.sync();
      await redis.mset(key, accepted.id, runKey(about), noted);
      return true;
    },
    async end() {
      if ((await redis.get(key)) === accepted.id) return;
      await redis.set(key, SEVERAL);
      await redis.del(runKey(about));
    },
  };
}
