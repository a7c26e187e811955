// Refusals for haste (429) in, how many requests per second this process may start out: AIMD beside the configured rates.

/** A limit of this process's own; null while none is in force. */
export type Brake = {
  /** Requests per second at the moment `at` (monotonic milliseconds). */
  readonly limit: number;
  readonly at: number;
  /** By which the limit grows, per second. */
  readonly step: number;
  /** The highest speed at which the endpoint refused since the brake was off. */
  readonly goal: number;
} | null;

/** The limit is cut to this share of the speed at which the endpoint refused, and has grown back after 1 / GROWTH * (1 - CUT) seconds. */
const CUT = 0.5;
const GROWTH = 0.05;
/** Requests per second: below this a process would stand still. */
const LEAST = 0.5;
/** The brake is off when the limit is so many times the speed at which the endpoint refused: it has not done so for half a minute. */
const OFF = 2;

/**
 * Additive increase, multiplicative decrease (Chiu and Jain, 1989). What calls for it twice for one cause (several requests that
 * were under way) must be told apart by the caller.
 * @param measured requests per second that this process started lately
 */
export function pressBrake(brake: Brake, measured: number, now: number): Brake {
  const limit = limitAt(brake, now);
  // Rows may be few: what was not even tried says nothing about what the endpoint bears.
  const speed = Math.max(LEAST, limit === null ? measured : Math.min(limit, Math.max(measured, limit * CUT)));
  const goal = Math.max(speed, brake !== null && limit !== null ? brake.goal : 0);
  return { limit: Math.max(LEAST, speed * CUT), at: now, step: speed * GROWTH, goal };
}

/** Requests per second; null when the brake is off. */
export function limitAt(brake: Brake, now: number): number | null {
  if (brake === null) return null;
  const limit = brake.limit + (brake.step * Math.max(0, now - brake.at)) / 1000;
  return limit >= brake.goal * OFF ? null : limit;
}

/** Milliseconds of one bucket, and how many there are. */
const BUCKET_MS = 100;
const BUCKETS = 10;

export interface Meter {
  /** A request is started; costs no allocation. */
  count(now: number): void;
  /** Requests per second over the last second. */
  perSecond(now: number): number;
}

export function makeMeter(): Meter {
  const counts = new Float64Array(BUCKETS);
  let newest = Number.NEGATIVE_INFINITY;

  function turnTo(bucket: number): void {
    const from = Math.max(newest + 1, bucket - BUCKETS + 1);
    for (let passed = from; passed <= bucket; passed++) counts[modulo(passed)] = 0;
    newest = Math.max(newest, bucket);
  }

  return {
    count(now) {
      const bucket = Math.floor(now / BUCKET_MS);
      if (bucket > newest) turnTo(bucket);
      counts[modulo(newest)] = (counts[modulo(newest)] ?? 0) + 1;
    },
    perSecond(now) {
      turnTo(Math.floor(now / BUCKET_MS));
      return (counts.reduce((sum, n) => sum + n, 0) * 1000) / (BUCKET_MS * BUCKETS);
    },
  };
}

const modulo = (bucket: number) => ((bucket % BUCKETS) + BUCKETS) % BUCKETS;
