// A run's time window watched with a clock that only moves when told: paused at its end, let go on at its next beginning.
import { describe, expect, test } from "vitest";
import type { TimeWindow } from "../src/settings/time-window.ts";
import { watchWindow } from "../src/watch-window.ts";
import { makeFakeClock } from "./queue/support.ts";

const HOUR = 3_600_000;

/** The fake clock begins on 2026-01-31 at 12:00:05 UTC. */
function begin(window: TimeWindow) {
  const clock = makeFakeClock();
  const told: string[] = [];
  const notices: string[] = [];
  const watch = watchWindow({
    window,
    clock,
    coordinator: { keepTo: (to) => void told.push(to) },
    notice: (line) => void notices.push(line),
  });
  return { clock, watch, told, notices };
}

describe("watchWindow", () => {
  test("says nothing of a run that keeps within its window", async () => {
    const { clock, watch, told, notices } = begin({ from: "12:00", to: "14:00", timeZone: "UTC" });
    await clock.advance(0.1 * HOUR);
    watch.stop();
    await clock.advance(2 * HOUR);
    expect([new Set(told), notices, watch.warnings()]).toEqual([new Set(["open"]), [], []]);
    expect(clock.sleeping).toBe(0);
  });

  test("pauses at the end, goes on at the next beginning, and tells of it now and in the summary", async () => {
    const { clock, watch, told, notices } = begin({ from: "07:30", to: "07:20", timeZone: "America/New_York" });
    await clock.advance(0.33 * HOUR - 5_000);
    expect(told).not.toContain("shut");
    await clock.advance(0.1 * HOUR);
    expect(told.at(-1)).toBe("shut");
    expect(watch.warnings()[0]).toMatch(/^the run was paused once .* 5 min \d\d s in all$/);
    await clock.advance(0.1 * HOUR);
    watch.stop();
    expect(told.filter((to, i) => to !== told[i - 1])).toEqual(["open", "shut", "open"]);
    expect(notices).toEqual([
      "outside of its window 07:30-07:20 America/New_York: requests in flight end, nothing more is sent until 07:30 on 2026-01-31 (America/New_York)",
      "its window 07:30-07:20 America/New_York is open: the run goes on after 10 min 00 s",
    ]);
    expect(watch.warnings()).toEqual([
      "the run was paused once outside of its window 07:30-07:20 America/New_York, 10 min 00 s in all",
    ]);
  });

  test("lets a run go on that was made outside of it, if it opens before it is watched", () => {
    const { watch, told, notices } = begin({ from: "12:00", to: "14:00", timeZone: "UTC" });
    watch.stop();
    expect([told, notices]).toEqual([["open"], []]);
  });

  test("begins paused outside of it", () => {
    const { watch, told } = begin({ from: "22:00", to: "04:00", timeZone: "UTC" });
    watch.stop();
    expect(told).toEqual(["shut"]);
  });
});
