// Updates in file order in, batches for the queue out: bounded in rows and bytes, never two rows of one customer at once.
import type { Clock } from "../clock.ts";
import type { Update } from "../plan/plan.ts";
import type { Outcome } from "../settle/outcome.ts";
import { NOTHING_TRIED, type Past } from "../settle/past.ts";
import type { QueuedRow } from "./payload.ts";

/** About two seconds of work is kept under way, within these bounds. */
const WINDOW_S = 2;
const MIN_ROWS = 1_000;
const MAX_ROWS = 8_000;
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** A batch is about a quarter of a second of rows. */
const BATCH_S = 0.25;
const MAX_BATCH = 500;
const MAX_BATCH_CHARACTERS = 512 * 1024;
/** Until the speed is known: a short file is for several workers, too. */
const FIRST_GUESS = 4_000;
const FIRST_BATCH = 200;

export interface WindowRow extends Omit<QueuedRow, "body"> {
  readonly customerId: string;
  /** Empty while it travels: its batch has it. So what lives long in the window is small. */
  body: string;
  /** Of the body, for the bounds. */
  readonly characters: number;
  /** The batch it travels in; null while it waits for its turn. */
  batch: string | null;
  /** The next row of the same customer: it waits for this one's outcome. */
  next: WindowRow | null;
}

export interface Window {
  /** A row that may have been sent before this window began waits out the quiet period first. */
  put(update: Update, past?: Past): void;
  /** A row of this customer ended unknown before this window began: its next row waits out the quiet period. */
  rest(customerId: string): void;
  /** True while more rows may be put. */
  hasRoom(): boolean;
  /** Takes the batches that are due; with `all`, also what does not fill a batch. */
  takeBatches(all: boolean): WindowRow[][];
  /** Frees a row, and the customer's next one: at once, or after the quiet period where the row ended unknown. */
  settle(outcome: Outcome): void;
  /** Rows without an outcome, ascending. */
  rows(): WindowRow[];
  get(row: number): WindowRow | undefined;
  /** The first row of the file without an outcome; null where there is none. */
  first(): number | null;
  /** Puts a row that travelled, and may have been sent, back to where it waits for a batch. */
  requeue(row: WindowRow, body: string): void;
  readonly size: number;
  /** Rows that wait for another row of their customer. */
  readonly deferred: number;
  /** Told by the coordinator: rows answered per second. */
  tune(rowsPerSecond: number): void;
  /** Rows per second that are configured from now on; null for none. */
  setRate(rate: number | null): void;
  close(): void;
}

/**
 * @param quiet milliseconds after an unknown row before its customer's next row may be sent: a request that got no answer may still take effect
 * @param firstRate configured rows per second to begin with; null for none
 * @param ready called when a row became due outside of put()
 */
export function makeWindow(quiet: number, firstRate: number | null, clock: Clock, ready: () => void): Window {
  const rows = new Map<number, WindowRow>();
  const last = new Map<string, WindowRow>();
  const over = new AbortController();
  let due: WindowRow[] = [];
  let characters = 0;
  let deferred = 0;
  let returned = false;
  /** When what was sent before this window can have no more effect: a quiet period after the first row that was put. */
  let calm: number | null = null;
  let resting: (() => void)[] = [];
  let rate = firstRate;
  let speed = rate ?? FIRST_GUESS;
  let most = rate === null ? FIRST_BATCH : MAX_BATCH;

  const batchSize = () => clamp(Math.round(speed * BATCH_S), 1, most);

  function release(row: WindowRow): void {
    const { next } = row;
    row.next = null;
    if (next) {
      deferred--;
      makeDue(next);
      ready();
    } else if (last.get(row.customerId) === row) last.delete(row.customerId);
  }

  function makeDue(row: WindowRow): void {
    if (!row.ambiguous || isCalm()) due.push(row);
    else
      whenCalm(() => {
        due.push(row);
        ready();
      });
  }

  function isCalm(): boolean {
    calm ??= clock.now() + quiet;
    return clock.now() >= calm;
  }

  function whenCalm(act: () => void): void {
    if (resting.push(act) > 1) return;
    void clock.sleep((calm ?? 0) - clock.now(), over.signal).then(() => {
      const acts = resting;
      resting = [];
      if (!over.signal.aborted) for (const one of acts) one();
    });
  }

  return {
    put(update, past = NOTHING_TRIED) {
      const { customerId, body } = update;
      const { tries, requests, ambiguous } = past;
      const row: WindowRow = {
        row: update.row,
        tries,
        requests,
        ambiguous,
        customerId,
        body,
        characters: body.length,
        batch: null,
        next: null,
      };
      rows.set(row.row, row);
      characters += row.characters;
      const before = last.get(customerId);
      last.set(customerId, row);
      if (before) {
        before.next = row;
        deferred++;
      } else makeDue(row);
    },
    rest(customerId) {
      if (isCalm() || last.has(customerId)) return;
      const unknown = { row: 0, tries: 0, requests: 0, ambiguous: true, customerId, body: "", characters: 0 };
      const before: WindowRow = { ...unknown, batch: null, next: null };
      last.set(customerId, before);
      whenCalm(() => release(before));
    },
    hasRoom: () =>
      Math.max(resting.length, rows.size) < clamp(speed * WINDOW_S, MIN_ROWS, MAX_ROWS) && characters < MAX_CHARACTERS,
    takeBatches(all) {
      // What was put back may have been answered meanwhile, by an outcome that was late.
      if (returned) due = due.filter((row) => rows.get(row.row) === row);
      const size = batchSize();
      const taken: WindowRow[][] = [];
      for (let from = 0; from < due.length; ) {
        let to = from;
        let sum = 0;
        while (to < due.length && to - from < size && sum < MAX_BATCH_CHARACTERS) sum += due[to++]?.characters ?? 0;
        if (!all && to - from < size && sum < MAX_BATCH_CHARACTERS) {
          due = due.slice(from);
          return taken;
        }
        taken.push(due.slice(from, to));
        from = to;
      }
      due = [];
      returned = false;
      return taken;
    },
    settle(outcome) {
      const row = rows.get(outcome.row);
      if (!row) return;
      rows.delete(row.row);
      characters -= row.characters;
      if (outcome.status !== "unknown") return release(row);
      void clock.sleep(quiet, over.signal).then(() => {
        if (!over.signal.aborted) release(row);
      });
    },
    rows: () => [...rows.values()].sort((a, b) => a.row - b.row),
    get: (row) => rows.get(row),
    // Rows are put in the file's order, and a Map keeps that.
    first: () => rows.keys().next().value ?? null,
    requeue(row, body) {
      row.batch = null;
      row.body = body;
      row.ambiguous = true;
      returned = true;
      due.push(row);
    },
    get size() {
      return rows.size;
    },
    get deferred() {
      return deferred;
    },
    tune(rowsPerSecond) {
      if (rate === null) speed = rowsPerSecond;
      most = MAX_BATCH;
    },
    setRate(now) {
      rate = now;
      // Without one it is what was possible so far, until more is.
      speed = rate ?? speed;
      most = MAX_BATCH;
    },
    close: () => over.abort(),
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
