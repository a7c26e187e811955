// A Lua script in; one that does nothing when another process has taken the run over meanwhile, out.
import type { Redis } from "ioredis";
import { UpdraftError } from "../errors.ts";
import { makeScript, PREFIX } from "./script.ts";

/** Holds who may coordinate a run. */
export const holdKey = (run: string) => `${PREFIX}:holder:${run}`;

/** What a process holds a run with. */
export interface Hold {
  readonly run: string;
  /** What its hold says in Redis. */
  readonly token: string;
}

/** Throws `run-taken-over` when the run is another's by now. */
export type FencedScript = (
  redis: Redis,
  hold: Hold,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
) => Promise<void>;

/**
 * For what a process must not do that slept through a takeover: it cannot know, so Redis asks in the same instant. A hold that
 * has run out, but that nobody took, is as good as held. In the script its keys and arguments are numbered from 2.
 */
export function makeFenced(lua: string): FencedScript {
  const script = makeScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
${lua}
return 1`);
  return async (redis, { run, token }, keys, args) => {
    if ((await script(redis, [holdKey(run), ...keys], [token, ...args])) !== 1)
      throw new UpdraftError("run-taken-over", { run });
  };
}
