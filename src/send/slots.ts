// Rows in, each started when a request slot is free; and the word that the next batch is needed, out.
import pLimit from "p-limit";

export interface Slots {
  /** Runs `send` for every row, at most `count` of all callers' at once, in the order of the calls; resolves when all have ended. */
  run<T extends object>(rows: readonly T[], send: (row: T) => Promise<void>): Promise<void>;
  /** Resolves when the batches at hand cannot fill the slots for long: the next one keeps them from running dry. */
  wanted(): Promise<void>;
}

/** Slots of one process, shared by all epochs it serves. A batch with a slow row holds one slot, not its other rows'. */
export function makeSlots(count: number): Slots {
  const limit = pLimit(count);
  let waiting: (() => void)[] = [];
  const wanted = () => limit.pendingCount < count;

  function announce(): void {
    if (waiting.length === 0 || !wanted()) return;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  return {
    async run(rows, send) {
      let next = 0;
      // A lane is one slot's worth of work on this batch: rows one after the other until none is left to be started.
      const lane = async () => {
        if (waiting.length > 0) announce();
        for (let row = rows[next++]; row !== undefined; row = rows[next++]) await send(row);
      };
      await Promise.all(Array.from({ length: Math.min(count, rows.length) }, () => limit(lane)));
      announce();
    },
    wanted() {
      return wanted() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
    },
  };
}
