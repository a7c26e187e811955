// What a run says while it goes on: the progress that screens and logs are made from. No customer data.
import type { Clock } from "./clock.ts";
import type { Status } from "./settle/outcome.ts";

/** What keeps the run from being faster right now. */
export type Limit = "reading" | "pace" | "endpoint" | "retries" | "reports" | "paused" | "window" | "rest" | "outage";

export interface Progress {
  readonly phase: "sending" | "reporting";
  /** Rows read from the file so far. */
  readonly read: number;
  /** Rows the file probably has; exact once the file has been read to its end. */
  readonly total: number;
  readonly counts: Readonly<Record<Status, number>>;
  /** Rows on their way: queued, in flight or waiting for a retry. */
  readonly underway: number;
  /** Rows answered per second, over the last few seconds. */
  readonly rowsPerSecond: number;
  /** Seconds to the end at this speed; null while it cannot be told. */
  readonly secondsLeft: number | null;
  readonly limitedBy: Limit;
}

const SPAN_MS = 5_000;

/** Counts in, how many per second over the last seconds out. */
export interface Speed {
  add(count: number): void;
  perSecond(): number;
}

export function makeSpeed(clock: Clock): Speed {
  const marks: { at: number; count: number }[] = [];
  const from = clock.now();
  let sum = 0;
  return {
    add(count) {
      marks.push({ at: clock.now(), count });
      sum += count;
    },
    perSecond() {
      const now = clock.now();
      while (marks[0] && marks[0].at < now - SPAN_MS) sum -= marks.shift()?.count ?? 0;
      const span = Math.min(SPAN_MS, now - from);
      return span > 0 ? (sum * 1000) / span : 0;
    },
  };
}
