// Outcomes of one epoch in; settled in Redis in micro-batches, each by one script that refuses when the epoch is gone.
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { type EpochKeys, epochKeys } from "../queue/epoch.ts";
import { makeScript } from "../queue/script.ts";
import type { Sealer } from "../queue/seal.ts";
import type { Claim } from "../queue/take.ts";
import { type Fault, packEntry, type Refusal } from "./entry.ts";
import type { Outcome } from "./outcome.ts";

/** A row waits at most this long for its bit, and for as many others: what a crash can cause to be sent again. */
const INTERVAL_MS = 20;
const ROWS = 500;
/** Redis settles within a few milliseconds; after this it is not taken for granted any more that it will. */
const BEHIND_MS = 100;

// KEYS: record, settled, outcomes, then lock and job of each batch concerned. ARGV: sealed entry, then token and stalls of
// each batch, then pairs of a byte's position and the bytes whose bits to set there.
// Bits and entry are set together; the entry first, because a script that fails half way is not undone, and a bit without
// an entry would be a row without an answer. A batch that another worker may have taken is not settled by this one: what it
// says may have been on its way for seconds, and the other one may have a request for the same row under way.
const settleScript = makeScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local at = 2
for i = 4, #KEYS, 2 do
  local lock = redis.call('GET', KEYS[i])
  if lock ~= ARGV[at] then
    if lock or redis.call('EXISTS', KEYS[i + 1]) == 0 then return 2 end
    if (redis.call('HGET', KEYS[i + 1], 'stc') or '0') ~= ARGV[at + 1] then return 2 end
  end
  at = at + 2
end
redis.call('XADD', KEYS[3], '*', 'e', ARGV[1])
for i = at, #ARGV, 2 do
  local from, add, out = tonumber(ARGV[i]), ARGV[i + 1], {}
  local now = redis.call('GETRANGE', KEYS[2], from, from + #add - 1)
  for b = 1, #add do out[b] = string.char(bit.bor(string.byte(add, b), string.byte(now, b) or 0)) end
  redis.call('SETRANGE', KEYS[2], from, table.concat(out))
end
return 1`);
const GONE = 0;
const LOST = 2;

/** Rows further apart than this (bytes of 8 rows) are set by two calls instead of one with zeros between. */
const GAP = 32;

/** Rows as pairs of a position in the bitmap and the bytes to be added there. Redis counts a byte's bits from the highest. */
export function packRows(rows: readonly number[]): (number | Buffer)[] {
  const sorted = Float64Array.from(rows).sort();
  const packed: (number | Buffer)[] = [];
  for (let from = 0; from < sorted.length; ) {
    const start = Math.floor((sorted[from] ?? 0) / 8);
    let to = from;
    let end = start;
    for (let byte = start; to < sorted.length && byte - end <= GAP; ) {
      end = byte;
      byte = Math.floor((sorted[++to] ?? 0) / 8);
    }
    const bytes = Buffer.alloc(end - start + 1);
    for (const row of sorted.subarray(from, to)) {
      const byte = Math.floor(row / 8) - start;
      bytes[byte] = (bytes[byte] ?? 0) | (0x80 >> (row % 8));
    }
    packed.push(start, bytes);
    from = to;
  }
  return packed;
}

// KEYS: record, settled. ARGV: first and last byte. Returns false when the epoch is gone, else those bytes of the bits.
const settledScript = makeScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
return redis.call('GETRANGE', KEYS[2], ARGV[1], ARGV[2])`);

/** Which of these rows have an outcome already; null when the epoch's record is missing. */
export async function findSettled(redis: Redis, epoch: string, rows: readonly number[]): Promise<Set<number> | null> {
  const keys = epochKeys(epoch);
  // A batch's rows are near each other in the file, so their bits are few bytes.
  const first = rows.reduce((least, row) => Math.min(least, row), Number.POSITIVE_INFINITY) >> 3;
  const last = rows.reduce((most, row) => Math.max(most, row), 0) >> 3;
  const bits = await settledScript(redis, [keys.record, keys.settled], [first, last]);
  if (!Buffer.isBuffer(bits)) return null;
  // Redis counts a byte's bits from the highest.
  return new Set(rows.filter((row) => ((bits[(row >> 3) - first] ?? 0) & (0x80 >> (row & 7))) !== 0));
}

export class EpochGone extends Error {
  constructor(epoch: string) {
    super(`epoch ${epoch} is gone`);
  }
}

export interface Settler {
  /** With the claim of the row's batch: it is settled only while that batch can be no other worker's. */
  outcome(outcome: Outcome, claim?: Claim): void;
  fault(fault: Fault, claim?: Claim): void;
  /** Tells the coordinator that nothing can be sent with these credentials. */
  blocked(why: Refusal): void;
  /**
   * Redis has not taken what was said for a while. What is never settled is sent again by another worker: it should be no
   * more than can be said in that while.
   */
  behind(): boolean;
  /** Redis has said that the epoch is gone: nothing that is sent from here on will be settled. */
  gone(): boolean;
  /** Where a batch begins: its flush answers for what is said from here on. */
  mark(): number;
  /**
   * Resolves when all that was said since the mark is in Redis. Rejects with EpochGone, or with what Redis failed with;
   * what is said later is not held up by that.
   */
  flush(since: number): Promise<void>;
}

/** What was said of the rows of one batch. */
interface Said {
  readonly claim: Claim | undefined;
  readonly outcomes: Outcome[];
  readonly faults: Fault[];
}

/** Holds what is said for at most 20 ms or 500 rows. Order of entries is the order of the calls. */
export function makeSettler(redis: Redis, epoch: string, sealer: Sealer, clock: Clock): Settler {
  const keys: EpochKeys = epochKeys(epoch);
  let said: Said[] = [];
  let rows = 0;
  let refused: Refusal | null = null;
  let timer: NodeJS.Timeout | null = null;
  let writes = 0;
  /** When the writes that Redis has not answered began, the oldest first. */
  const unanswered: number[] = [];
  let written: Promise<void> = Promise.resolve();
  let gone = false;
  let lost: { readonly write: number; readonly error: unknown } | null = null;

  function about(claim: Claim | undefined): Said {
    const found = said.find((one) => one.claim === claim);
    if (found) return found;
    const first: Said = { claim, outcomes: [], faults: [] };
    said.push(first);
    return first;
  }

  /** Throws EpochGone. */
  async function settle(all: readonly Said[], blocked: Refusal | null): Promise<void> {
    const outcomes = all.flatMap((one) => one.outcomes);
    const faults = all.flatMap((one) => one.faults);
    const claims = all.flatMap((one) => one.claim ?? []);
    const sealed = sealer.seal(`outcomes:${epoch}`, packEntry({ outcomes, faults, blocked }));
    const done = await settleScript(
      redis,
      [keys.record, keys.settled, keys.outcomes, ...claims.flatMap(({ lock, job }) => [lock, job])],
      [sealed, ...claims.flatMap(({ token, stalls }) => [token, stalls]), ...packRows(outcomes.map((o) => o.row))],
    );
    if (done === GONE) throw new EpochGone(epoch);
    if (done !== LOST || (all.length === 1 && blocked === null)) return;
    // One of them is another worker's by now: what was said of that one is dropped, and sent and said again there.
    for (const one of all) await settle([one], null);
    if (blocked !== null) await settle([], blocked);
  }

  function write(): void {
    if (timer) clearTimeout(timer);
    timer = null;
    if (said.length === 0 && refused === null) return;
    const number = writes++;
    const before = written;
    unanswered.push(clock.now());
    written = settle(said, refused)
      .catch((error: unknown) => {
        lost = { write: number, error };
        gone ||= error instanceof EpochGone;
      })
      .finally(() => unanswered.shift())
      .then(() => before);
    said = [];
    rows = 0;
    refused = null;
  }

  function later(): void {
    if (rows >= ROWS) write();
    else timer ??= setTimeout(write, INTERVAL_MS);
  }

  return {
    outcome(outcome, claim) {
      about(claim).outcomes.push(outcome);
      rows++;
      later();
    },
    fault(fault, claim) {
      about(claim).faults.push(fault);
      later();
    },
    blocked(why) {
      refused = why;
      write();
    },
    behind: () => clock.now() - (unanswered[0] ?? Number.POSITIVE_INFINITY) > BEHIND_MS,
    gone: () => gone,
    mark: () => writes,
    async flush(since) {
      write();
      await written;
      if (lost && lost.write >= since) throw lost.error;
    },
  };
}
