// The outcome stream of an epoch in; its entries in the ledger, and only then deleted from the stream, out.
import type { Redis } from "ioredis";
import { epochKeys } from "../queue/epoch.ts";
import { type Hold, makeFenced } from "../queue/fence.ts";
import type { Sealer } from "../queue/seal.ts";
import { type Entry, unpackEntry } from "./entry.ts";
import type { Ledger } from "./ledger.ts";
import type { Outcome } from "./outcome.ts";

/** Entries per read: 500 rows each at most, so a transaction holds some thousand rows at most. */
const ENTRIES = 20;

export interface Collected {
  /** All that were read, and the `own` ones: a read before this one may have failed after it wrote them. */
  readonly outcomes: readonly Outcome[];
  /** How many of `own` were written: more may be added to it meanwhile. */
  readonly own: number;
  /** Row to the monotonic moment at which its batch is expected back. */
  readonly faults: Entry["faults"];
  readonly blocked: Entry["blocked"];
  /** Entries read; fewer than a full read means that the stream is empty for now. */
  readonly entries: number;
}

// KEYS: outcomes. ARGV: ids of entries. What another coordinator has not read yet is its own.
const forgetScript = makeFenced("redis.call('XDEL', KEYS[2], unpack(ARGV, 2))");

export interface CollectContext {
  readonly redis: Redis;
  readonly hold: Hold;
  readonly epoch: string;
  readonly sealer: Sealer;
  readonly ledger: Ledger;
}

/**
 * Reads what is there (waits up to `block` milliseconds if nothing is; 0: does not wait), writes it in one transaction
 * together with `own` (rejections, which never travelled), deletes it from the stream, and tells what it was.
 * Throws `run-taken-over`.
 */
export async function collect(
  { redis, hold, epoch, sealer, ledger }: CollectContext,
  own: readonly Outcome[] = [],
  block = 0,
): Promise<Collected> {
  const key = epochKeys(epoch).outcomes;
  const found =
    block > 0
      ? await redis.xreadBuffer("COUNT", ENTRIES, "BLOCK", block, "STREAMS", key, "0")
      : await redis.xreadBuffer("COUNT", ENTRIES, "STREAMS", key, "0");
  const entries: [Buffer, Buffer[]][] = found?.[0]?.[1] ?? [];
  const read = entries.map(([, fields]) => readEntry(sealer, epoch, fields));
  if (entries.length === 0 && own.length === 0) return { outcomes: [], own: 0, faults: [], blocked: null, entries: 0 };
  const outcomes = [...own, ...read.flatMap((e) => e.outcomes)];
  const written = own.length;
  const faults = read.flatMap((e) => e.faults);
  ledger.write(outcomes, faults);
  await ledger.sync();
  if (entries.length > 0)
    await forgetScript(
      redis,
      hold,
      [key],
      entries.map(([id]) => id),
    );
  return {
    outcomes,
    own: written,
    faults,
    blocked: read.find((e) => e.blocked !== null)?.blocked ?? null,
    entries: entries.length,
  };
}

function readEntry(sealer: Sealer, epoch: string, fields: readonly Buffer[]): Entry {
  const sealed = fields[1];
  if (!sealed) throw new Error(`an entry of ${epoch} has no field`);
  return unpackEntry(sealer.unseal(`outcomes:${epoch}`, sealed).toString("utf8"));
}
