// A job, its endpoint and a data folder's file of what was accepted in; whether another folder's runs have sent since, as Redis knows, out.
import type { Redis } from "ioredis";
import type { Accepted } from "../settle/accepted.ts";
import { PREFIX } from "./script.ts";

/** Machines that share a Redis may run a job in turn, each with a data folder of its own: what one has noted, the other has overwritten. */
export interface LastSender {
  /** Before a row is sent. True where another folder was the last: all that was noted here is forgotten then. */
  begin(): Promise<boolean>;
  /** After the last row is answered. Where another folder has begun meanwhile, neither of the two knows all that was sent. */
  end(): Promise<void>;
}

/** Is no file's id: each of them is another than that. */
const SEVERAL = "several";

export function makeLastSender(
  redis: Redis,
  { job, endpoint }: { readonly job: string; readonly endpoint: string },
  accepted: Pick<Accepted, "id" | "forgetAll" | "sync">,
): LastSender {
  const key = `${PREFIX}:accepted:${endpoint}:${job}`;
  return {
    async begin() {
      const last = await redis.get(key);
      const other = last !== null && last !== accepted.id;
      if (other) {
        accepted.forgetAll();
        // On the disk first: after a crash in between the other one must still be known as the last.
        await accepted.sync();
      }
      await redis.set(key, accepted.id);
      return other;
    },
    async end() {
      if ((await redis.get(key)) !== accepted.id) await redis.set(key, SEVERAL);
    },
  };
}
