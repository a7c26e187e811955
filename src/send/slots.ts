// Rows in, each started when a request slot is free; and the word that the next batch is needed, out.
import pLimit from "p-limit";

export interface Slots {
  /**
   * Runs `send` for every row, at most `count` of all callers' at once, in the order of the calls; resolves when all have
   * ended. With `first`, before all rows that have not been started.
   */
  run<T extends object>(rows: readonly T[], send: (row: T) => Promise<void>, first?: boolean): Promise<void>;
  /** Resolves when the batches at hand cannot fill the slots for long: the next one keeps them from running dry. */
  wanted(): Promise<void>;
}

/** Slots of one process, shared by all epochs it serves. A batch with a slow row holds one slot, not its other rows'. */
export function makeSlots(count: number): Slots {
  const limit = pLimit(count);
  let waiting: (() => void)[] = [];
  /** Each starts one row of a call that goes first; a lane of any other call does that before its own next row. */
  const urgent: (() => Promise<void>)[] = [];
  const wanted = () => limit.pendingCount < count;

  function announce(): void {
    if (waiting.length === 0 || !wanted()) return;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  async function runFirst<T extends object>(rows: readonly T[], send: (row: T) => Promise<void>): Promise<void> {
    const ended = Promise.withResolvers<void>();
    let open = rows.length;
    const starts = rows.map((row) => async () => {
      await send(row).catch(ended.reject);
      if (--open === 0) ended.resolve();
    });
    if (open === 0) return;
    urgent.push(...starts);
    // For slots that are free, and in case nobody else has a lane.
    for (const _ of rows.slice(0, count)) void limit(help);
    await ended.promise;
  }

  async function help(): Promise<void> {
    if (waiting.length > 0) announce();
    for (let start = urgent.shift(); start; start = urgent.shift()) await start();
  }

  return {
    async run(rows, send, first = false) {
      if (first) return runFirst(rows, send);
      let next = 0;
      // A lane is one slot's worth of work on this batch: rows one after the other until none is left to be started.
      const lane = async () => {
        if (waiting.length > 0) announce();
        for (;;) {
          if (urgent.length > 0) await help();
          const row = rows[next++];
          if (row === undefined) return;
          await send(row);
        }
      };
      await Promise.all(Array.from({ length: Math.min(count, rows.length) }, () => limit(lane)));
      announce();
    },
    wanted() {
      return wanted() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
    },
  };
}
