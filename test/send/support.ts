// What the tests of sending share: a clock that stands until it is moved, and a loopback client.
import type { Clock } from "../../src/clock.ts";

export interface TestClock extends Clock {
  /** Moves the time on; sleepers whose time has come wake in order. */
  advance(ms: number): Promise<void>;
}

export const WALL = Date.UTC(2026, 0, 2, 3, 4, 5);

export function makeTestClock(): TestClock {
  let now = 1_000;
  let sleepers: { readonly until: number; readonly wake: () => void }[] = [];
  return {
    now: () => now,
    wall: () => WALL + now - 1_000,
    random: () => 0.5,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
        sleepers.push({ until: now + ms, wake: resolve });
      }),
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = sleepers.toSorted((a, b) => a.until - b.until)[0];
        if (!next || next.until > end) break;
        sleepers = sleepers.filter((sleeper) => sleeper !== next);
        now = Math.max(now, next.until);
        next.wake();
        await new Promise(setImmediate);
      }
      now = end;
    },
  };
}
