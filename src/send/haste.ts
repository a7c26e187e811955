// How many requests this process starts, and which were refused for their number, in; how many more it may start, out.
import type { Clock } from "../clock.ts";
import { type Brake, limitAt, makeMeter, pressBrake } from "./brake.ts";

/** Other workers' words and our own refusals of the same moment are one cause. */
const SAME_MS = 250;

/** Shared by all rows that a process sends to its endpoint. */
export interface Haste {
  /** A request is started. */
  started(now: number): void;
  /** Whether the endpoint has lately refused requests for their number. */
  braked(): boolean;
  /** How many requests may be started within so many milliseconds; Infinity while no brake is on. */
  within(ms: number): number;
  /** Milliseconds until the next one may be. */
  wait(): number;
  /** So many will be started. */
  spend(count: number): void;
  /** The moments of the next `count`, where nothing else sets them; they are spent. */
  slots(count: number): number[];
  /** The endpoint refused a request that was started at `sentAt`. False when that was known: it was under way by then. */
  press(sentAt: number): boolean;
  /** Another worker says so. */
  pressed(): void;
}

export function makeHaste(clock: Clock): Haste {
  const meter = makeMeter();
  let brake: Brake = null;
  let pressedAt = Number.NEGATIVE_INFINITY;
  /** When the next request may be started. */
  let next = 0;

  function intervalAt(now: number): number {
    const limit = limitAt(brake, now);
    if (limit === null) brake = null;
    return limit === null ? 0 : 1_000 / limit;
  }

  function press(now: number): void {
    brake = pressBrake(brake, meter.perSecond(now), now);
    pressedAt = now;
    next = Math.max(next, now + intervalAt(now));
  }

  return {
    started: (now) => meter.count(now),
    braked: () => brake !== null && intervalAt(clock.now()) > 0,
    within(ms) {
      const now = clock.now();
      const interval = intervalAt(now);
      if (interval === 0) return Number.POSITIVE_INFINITY;
      const left = now + ms - Math.max(now, next);
      return left < 0 ? 0 : Math.floor(left / interval) + 1;
    },
    wait: () => Math.max(0, next - clock.now()),
    spend(count) {
      const now = clock.now();
      next = Math.max(now, next) + count * intervalAt(now);
    },
    slots(count) {
      const now = clock.now();
      const interval = intervalAt(now);
      const from = Math.max(now, next);
      next = from + count * interval;
      return Array.from({ length: count }, (_, i) => from + i * interval);
    },
    press(sentAt) {
      if (sentAt <= pressedAt) return false;
      press(clock.now());
      return true;
    },
    pressed() {
      const now = clock.now();
      if (now - pressedAt > SAME_MS) press(now);
    },
  };
}
