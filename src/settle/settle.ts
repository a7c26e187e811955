// Outcomes of one epoch in; settled in Redis in micro-batches, each by one script that refuses when the epoch is gone.
import type { Redis } from "ioredis";
import { type EpochKeys, epochKeys } from "../queue/epoch.ts";
import { makeScript } from "../queue/script.ts";
import type { Sealer } from "../queue/seal.ts";
import { type Fault, packEntry } from "./entry.ts";
import type { Outcome } from "./outcome.ts";

/** A row waits at most this long for its bit: what a crash can cause to be sent again. */
const INTERVAL_MS = 20;
const ROWS = 100;

// KEYS: record, settled, outcomes. ARGV: sealed entry, rows… Bits and entry are set together; the entry first, because a
// script that fails half way is not undone, and a bit without an entry would be a row without an answer.
const settleScript = makeScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[3], '*', 'e', ARGV[1])
for i = 2, #ARGV do redis.call('SETBIT', KEYS[2], ARGV[i], 1) end
return 1`);

// KEYS: record, settled. ARGV: rows… Returns false when the epoch is gone, else the rows that are settled already.
const settledScript = makeScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local found = {}
for i = 1, #ARGV do if redis.call('GETBIT', KEYS[2], ARGV[i]) == 1 then found[#found + 1] = tonumber(ARGV[i]) end end
return found`);

/** Which of these rows have an outcome already; null when the epoch's record is missing. */
export async function findSettled(redis: Redis, epoch: string, rows: readonly number[]): Promise<Set<number> | null> {
  const keys = epochKeys(epoch);
  const found = await settledScript(redis, [keys.record, keys.settled], rows);
  return Array.isArray(found) ? new Set(found.map(Number)) : null;
}

export class EpochGone extends Error {
  constructor(epoch: string) {
    super(`epoch ${epoch} is gone`);
  }
}

export interface Settler {
  outcome(outcome: Outcome): void;
  fault(fault: Fault): void;
  /** Tells the coordinator that the credentials are refused. */
  blocked(): void;
  /** Where a batch begins: its flush answers for what is said from here on. */
  mark(): number;
  /**
   * Resolves when all that was said since the mark is in Redis. Rejects with EpochGone, or with what Redis failed with;
   * what is said later is not held up by that.
   */
  flush(since: number): Promise<void>;
}

/** Holds what is said for at most 20 ms or 100 rows. Order of entries is the order of the calls. */
export function makeSettler(redis: Redis, epoch: string, sealer: Sealer): Settler {
  const keys: EpochKeys = epochKeys(epoch);
  let outcomes: Outcome[] = [];
  let faults: Fault[] = [];
  let refused = false;
  let timer: NodeJS.Timeout | null = null;
  let writes = 0;
  let written: Promise<void> = Promise.resolve();
  let lost: { readonly write: number; readonly error: unknown } | null = null;

  function write(): void {
    if (timer) clearTimeout(timer);
    timer = null;
    if (outcomes.length === 0 && faults.length === 0 && !refused) return;
    const sealed = sealer.seal(`outcomes:${epoch}`, packEntry({ outcomes, faults, blocked: refused }));
    const rows = outcomes.map((o) => o.row);
    outcomes = [];
    faults = [];
    refused = false;
    const call = settleScript(redis, [keys.record, keys.settled, keys.outcomes], [sealed, ...rows]);
    const number = writes++;
    const before = written;
    written = call
      .then((done) => {
        if (done !== 1) throw new EpochGone(epoch);
      })
      .catch((error: unknown) => {
        lost = { write: number, error };
      })
      .then(() => before);
  }

  function later(): void {
    if (outcomes.length >= ROWS) write();
    else timer ??= setTimeout(write, INTERVAL_MS);
  }

  return {
    outcome(outcome) {
      outcomes.push(outcome);
      later();
    },
    fault(fault) {
      faults.push(fault);
      later();
    },
    blocked() {
      refused = true;
      write();
    },
    mark: () => writes,
    async flush(since) {
      write();
      await written;
      if (lost && lost.write >= since) throw lost.error;
    },
  };
}
