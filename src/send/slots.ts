// Rows in, each started when a request slot is free; and the word that the next batch is needed, out.
import pLimit from "p-limit";

export interface Slots {
  /** Runs `send` for every row, at most `count` of all callers' at once; resolves when all have ended. */
  run<T>(rows: readonly T[], send: (row: T) => Promise<void>): Promise<void>;
  /** Resolves when fewer rows wait for a slot than there are slots: a new batch keeps the slots from running dry. */
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
      await limit.map(rows, async (row) => {
        announce();
        await send(row);
      });
      announce();
    },
    wanted() {
      return wanted() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
    },
  };
}
