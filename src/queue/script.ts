// A Lua script in, a function that runs it in Redis by its hash out.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

/** Of every key that is ours. */
export const PREFIX = "updraft";

export type Script = (
  redis: Redis,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
) => Promise<unknown>;

/** Strings come back as Buffers. Sends the script's text only when Redis does not know it (first use, or a Redis that came back empty). */
export function makeScript(lua: string): Script {
  const sha = createHash("sha1").update(lua).digest("hex");
  return async (redis, keys, args) => {
    try {
      return await redis.callBuffer("EVALSHA", sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.callBuffer("EVAL", lua, keys.length, ...keys, ...args);
    }
  };
}
