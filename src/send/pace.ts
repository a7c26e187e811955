// The configured rates in, the moment at which the next row may be sent out: slots of clocks that all workers share, none sent late.
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { HORIZON_MS, intervalOf, LATE_MS, type Rates, reserve } from "./clocks.ts";
import type { Haste } from "./haste.ts";

/** The next slots are asked for when those at hand end in less than this: an answer of Redis takes a millisecond or two. */
const AHEAD_MS = 20;
/** A slot further away is asked for again after this. */
const LONGEST_MS = 60_000;
/** Redis' clock and ours drift apart by less than this between two reservations; by more, it was set anew. */
const JUMP_MS = 50;

export interface Pace {
  /** Some rate is set. */
  readonly paced: boolean;
  /** Milliseconds by which a row that got a slot may still be late: of rare slots none need be given up. */
  readonly slack: number;
  /** Resolves in the moment a row may be sent, with false when the wait was ended; null where nothing limits it. */
  slot(): Promise<boolean> | null;
  /** Gives up the slots that are at hand, and ends every wait: the run or its endpoint is held. */
  release(): void;
  /** New rates from here on. */
  tune(rates: Rates): void;
}

export interface Paced {
  /** Names the endpoint (base URL and login) among all runs. */
  readonly endpoint: string;
  readonly run: string;
}

/** Where no rate is set and the endpoint refuses nothing, Redis is asked nothing. */
export function makePace(
  redis: Redis,
  who: Paced,
  given: Rates,
  haste: Haste,
  clock: Clock,
  signal: AbortSignal,
): Pace {
  const waiting: ((granted: boolean) => void)[] = [];
  let rates = given;
  /** Local times, ascending. */
  let slots: number[] = [];
  /** Ends with a release or a new rate: what was reserved before is given up, what is slept is slept no more. */
  let era = new AbortController();
  let pumping = false;
  /** Local time less Redis' time, in milliseconds. */
  let offset: number | null = null;

  const isFree = () => rates.rate === null && rates.endpointRate === null;

  /**
   * Milliseconds until asking again is worth it. The reply that came soonest tells best what Redis's time is here: were each
   * one's slots counted from its own arrival, those of a worker with a slow reply would fall among the next worker's.
   */
  async function ask(want: number): Promise<number> {
    for (let jumped = false; ; jumped = true) {
      const asked = clock.now();
      const mine = era;
      const { now, first, count, step, wait } = await reserve(redis, who, rates, want, jumped);
      const [least, most] = [asked - now / 1_000, clock.now() - now / 1_000];
      const before = offset;
      offset = Math.max(least, Math.min(before ?? most, most));
      if (mine !== era) return 0;
      // Slots reserved before the jump, by whomever, are still to come.
      if (!jumped && before !== null && Math.abs(offset - before) > JUMP_MS) continue;
      for (let i = 0; i < count; i++) slots.push(offset + (first + i * step) / 1_000);
      haste.spend(count);
      return count > 0 ? 0 : wait / 1_000;
    }
  }

  /** Where no rate is set: slots of this process's own. */
  function askHere(want: number): number {
    for (const slot of haste.slots(want)) slots.push(slot);
    return 0;
  }

  async function refill(): Promise<number> {
    const wanted = waiting.length - slots.length;
    const most = haste.within(HORIZON_MS);
    if (wanted <= 0) return 0;
    if (most <= 0) return haste.wait();
    return isFree() ? askHere(Math.min(wanted, most)) : ask(Math.min(wanted, most));
  }

  async function pump(): Promise<void> {
    pumping = true;
    let asking: Promise<number> | null = null;
    try {
      while (waiting.length > 0) {
        const mine = era;
        if (asking === null && slots.length < waiting.length && (slots.at(-1) ?? 0) < clock.now() + AHEAD_MS) {
          asking = refill().finally(() => {
            asking = null;
          });
          asking.catch(() => {});
        }
        const [slot] = slots;
        if (slot === undefined) {
          const wait = (await asking) ?? 0;
          if (slots.length === 0) await clock.sleep(Math.min(Math.max(1, wait), LONGEST_MS), mine.signal);
          continue;
        }
        if (clock.now() < slot) await clock.sleep(slot - clock.now(), mine.signal);
        if (mine !== era || clock.now() < slot) continue;
        slots.shift();
        if (clock.now() - slot <= LATE_MS) waiting.shift()?.(true);
      }
    } catch {
      // Redis failed: the rows go back.
      release();
    }
    pumping = false;
  }

  function renew(): void {
    slots = [];
    era.abort();
    era = new AbortController();
  }

  /** Nobody may be left waiting. */
  function release(): void {
    renew();
    for (const resolve of waiting.splice(0)) resolve(false);
  }

  signal.addEventListener("abort", release, { once: true });
  return {
    get paced() {
      return !isFree();
    },
    get slack() {
      return Math.max(LATE_MS, intervalOf(rates.endpointRate) / 1_000, intervalOf(rates.rate) / 1_000);
    },
    release,
    slot() {
      if (isFree() && !haste.braked()) return null;
      if (signal.aborted) return Promise.resolve(false);
      const granted = new Promise<boolean>((resolve) => waiting.push(resolve));
      if (!pumping) void pump();
      return granted;
    },
    tune(next) {
      if (next.rate === rates.rate && next.endpointRate === rates.endpointRate) return;
      rates = next;
      renew();
    },
  };
}
