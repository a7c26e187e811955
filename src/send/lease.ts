// The batches a worker holds in, the right to send them out: over long before the lock in Redis is.
import type { Clock } from "../clock.ts";
import { STILL_MS } from "../queue/epoch.ts";
import { Aborter } from "./http.ts";

const RENEW_MS = 1_000;
const WATCH_MS = 250;
/** Much shorter than the lock: what a worker that is cut off sent last is old when another one may take its rows. */
const LEASE_MS = STILL_MS - WATCH_MS;

export interface Lease {
  /** Whether a request may be written in this instant. */
  valid(): boolean;
  readonly aborter: Aborter;
  end(): void;
}

export interface Leases {
  /** Takes the lease of a batch; null when another worker has its lock. Timed from before the call. */
  start(id: string, token: string): Promise<Lease | null>;
  close(): void;
}

/** Extends the locks of these jobs; returns the ids that could not be. */
type Extend = (ids: string[], tokens: string[]) => Promise<string[]>;

/** A moment by both clocks. While a machine sleeps its monotonic clock stands still; the other one may be set back. */
interface Moment {
  readonly now: number;
  readonly wall: number;
}

interface Held {
  readonly token: string;
  until: Moment;
  readonly aborter: Aborter;
}

const NEVER: Moment = { now: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };

export function makeLeases(extend: Extend, clock: Clock): Leases {
  const held = new Map<string, Held>();

  const end = (): Moment => ({ now: clock.now() + LEASE_MS, wall: clock.wall() + LEASE_MS });

  async function renew(): Promise<void> {
    const until = end();
    const ids = [...held.keys()];
    if (ids.length === 0) return;
    const lost = new Set(
      await extend(
        ids,
        [...held.values()].map((h) => h.token),
      ),
    );
    for (const id of ids) {
      const lease = held.get(id);
      if (lease && lost.has(id)) lease.until = NEVER;
      else if (lease && until.now > lease.until.now) lease.until = until;
    }
  }

  // A renewal that fails leaves the leases to run out by themselves.
  const renewal = setInterval(() => void renew().catch(() => {}), RENEW_MS);
  const watch = setInterval(() => {
    for (const lease of held.values()) if (clock.now() >= lease.until.now) lease.aborter.abort();
  }, WATCH_MS);

  return {
    async start(id, token) {
      const until = end();
      const lost = await extend([id], [token]);
      if (lost.length > 0) return null;
      const mine: Held = { token, until, aborter: new Aborter() };
      held.set(id, mine);
      return {
        valid: () => clock.now() < mine.until.now && clock.wall() < mine.until.wall,
        aborter: mine.aborter,
        end: () => {
          if (held.get(id) === mine) held.delete(id);
        },
      };
    },
    close() {
      clearInterval(renewal);
      clearInterval(watch);
      for (const lease of held.values()) lease.aborter.abort();
    },
  };
}
