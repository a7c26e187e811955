// A time window in; the run paused while it is closed and let go on when it opens, what people are told, and the summary's word of it, out.
import type { Clock } from "./clock.ts";
import type { Coordinator } from "./queue/coordinator.ts";
import { isOpen, nextChange, type TimeWindow, windowText } from "./settings/time-window.ts";
import type { Watch } from "./watch.ts";
import { duration } from "./write/render.ts";

/** The wall clock may be set anew, or the machine sleep: it is looked at again after this. */
const LOOK_MS = 2_000;

export interface WatchWindowContext {
  readonly window: TimeWindow;
  readonly coordinator: Pick<Coordinator, "keepTo">;
  readonly clock: Clock;
  notice(line: string): void;
}

export function watchWindow({ window, coordinator, clock, notice }: WatchWindowContext): Watch {
  const over = new AbortController();
  const text = windowText(window);
  const pauses = { count: 0, ms: 0 };
  /** Monotonic; null while it is open. */
  let shutSince: number | null = null;

  function shut(at: number): void {
    shutSince = clock.now();
    pauses.count++;
    coordinator.keepTo("shut");
    notice(
      `outside of its window ${text}: requests in flight end, nothing more is sent until ${timeIn(window, nextChange(window, at))}`,
    );
  }

  function open(): void {
    // Also where it was never seen shut: it may have opened between the run's beginning and the first look.
    coordinator.keepTo("open");
    if (shutSince === null) return;
    const waited = clock.now() - shutSince;
    pauses.ms += waited;
    shutSince = null;
    notice(`its window ${text} is open: the run goes on after ${duration(waited)}`);
  }

  function look(): void {
    const at = clock.wall();
    const isShut = !isOpen(window, at);
    if (isShut && shutSince === null) shut(at);
    if (!isShut) open();
  }

  async function lookAlways(): Promise<void> {
    while (!over.signal.aborted) {
      look();
      const at = clock.wall();
      await clock.sleep(Math.min(nextChange(window, at) - at, LOOK_MS), over.signal);
    }
  }
  void lookAlways();

  return {
    warnings() {
      if (pauses.count === 0) return [];
      const total = pauses.ms + (shutSince === null ? 0 : clock.now() - shutSince);
      const times = pauses.count === 1 ? "once" : `${pauses.count} times`;
      return [`the run was paused ${times} outside of its window ${text}, ${duration(total)} in all`];
    },
    stop: () => over.abort(),
  };
}

/** "01:00 on 2026-03-09 (America/New_York)". */
export function timeIn({ timeZone }: TimeWindow, at: number): string {
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone);
  return `${local.toPlainTime().toString({ smallestUnit: "minute" })} on ${local.toPlainDate()} (${timeZone})`;
}
