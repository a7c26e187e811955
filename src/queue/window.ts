// Updates in file order in, batches for the queue out: bounded in rows and bytes, never two rows of one customer at once.
import type { Clock } from "../clock.ts";
import type { Update } from "../plan/plan.ts";
import type { Past } from "../settle/ledger.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { QueuedRow } from "./payload.ts";

/** About two seconds of work is kept under way, within these bounds. */
const WINDOW_S = 2;
const MIN_ROWS = 1_000;
const MAX_ROWS = 8_000;
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** A batch is about a quarter of a second of rows. */
const BATCH_S = 0.25;
const MAX_BATCH = 250;

export interface WindowRow extends QueuedRow<string> {
  readonly customerId: string;
  /** The batch it travels in; null while it waits for its turn. */
  batch: string | null;
  /** The next row of the same customer: it waits for this one's outcome. */
  next: WindowRow | null;
}

const NOTHING_TRIED: Past = { tries: 0, requests: 0, ambiguous: false };

export interface Window {
  put(update: Update, past?: Past): void;
  /** True while more rows may be put. */
  hasRoom(): boolean;
  /** Takes the batches that are due; with `all`, also what does not fill a batch. */
  takeBatches(all: boolean): WindowRow[][];
  /** Frees a row, and the customer's next one: at once, or after the quiet period where the row ended unknown. */
  settle(outcome: Outcome): void;
  /** Rows without an outcome, ascending. */
  rows(): WindowRow[];
  get(row: number): WindowRow | undefined;
  /** Puts a row that travelled back to where it waits for a batch. */
  requeue(row: WindowRow): void;
  readonly size: number;
  /** Rows that wait for another row of their customer. */
  readonly deferred: number;
  /** Told by the coordinator: rows answered per second. */
  tune(rowsPerSecond: number): void;
  close(): void;
}

/**
 * @param quiet milliseconds after an unknown row before its customer's next row may be sent: a request that got no answer may still take effect
 * @param rate configured rows per second; null for none
 * @param ready called when a row became due outside of put()
 */
export function makeWindow(quiet: number, rate: number | null, clock: Clock, ready: () => void): Window {
  const rows = new Map<number, WindowRow>();
  const last = new Map<string, WindowRow>();
  const over = new AbortController();
  let due: WindowRow[] = [];
  let characters = 0;
  let deferred = 0;
  let speed = rate ?? MIN_ROWS;

  const batchSize = () => clamp(Math.round(speed * BATCH_S), 1, MAX_BATCH);

  function release(row: WindowRow): void {
    const { next } = row;
    if (next) {
      deferred--;
      due.push(next);
      ready();
    } else if (last.get(row.customerId) === row) last.delete(row.customerId);
  }

  return {
    put(update, past = NOTHING_TRIED) {
      const { customerId } = update;
      const { tries, requests, ambiguous } = past;
      const { body } = update;
      const row = { row: update.row, tries, requests, ambiguous, body, customerId, batch: null, next: null };
      rows.set(row.row, row);
      characters += body.length;
      const before = last.get(customerId);
      last.set(customerId, row);
      if (before) {
        before.next = row;
        deferred++;
      } else due.push(row);
    },
    hasRoom: () => rows.size < clamp(speed * WINDOW_S, MIN_ROWS, MAX_ROWS) && characters < MAX_CHARACTERS,
    takeBatches(all) {
      const size = batchSize();
      const taken: WindowRow[][] = [];
      let at = 0;
      while (due.length - at >= size || (all && at < due.length)) {
        taken.push(due.slice(at, at + size));
        at += size;
      }
      due = due.slice(at);
      return taken;
    },
    settle(outcome) {
      const row = rows.get(outcome.row);
      if (!row) return;
      rows.delete(row.row);
      characters -= row.body.length;
      if (outcome.status === "unknown") void clock.sleep(quiet, over.signal).then(() => release(row));
      else release(row);
    },
    rows: () => [...rows.values()].sort((a, b) => a.row - b.row),
    get: (row) => rows.get(row),
    requeue(row) {
      row.batch = null;
      due.push(row);
    },
    get size() {
      return rows.size;
    },
    get deferred() {
      return deferred;
    },
    tune(rowsPerSecond) {
      if (rate === null) speed = Math.max(rowsPerSecond, MIN_ROWS);
      else speed = rate;
    },
    close: () => over.abort(),
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
