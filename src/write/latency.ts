// Latencies in, quantiles out: a histogram of fixed size, so that a million requests cost what ten do.

/** Buckets per doubling: a bucket is at most 1/32 of its value wide, so its middle is within 1.6 % of what fell into it. */
const PER_DOUBLING = 32;
/** Microseconds up to 2^32 (71 minutes); whatever is longer counts as the last bucket. */
const BUCKETS = 28 * PER_DOUBLING;
const LONGEST = 2 ** 32 - 1;

export interface Histogram {
  /** One latency in milliseconds, with fractions. */
  add(ms: number): void;
  merge(other: Histogram): void;
  count(): number;
  /** The longest latency added, exactly; 0 while there is none. */
  max(): number;
  /** Milliseconds within 1.6 % of the latency of that rank (`q` in [0, 1]); 0 while there is none. */
  quantile(q: number): number;
  /** How many fell into each bucket; for `merge`. */
  readonly buckets: Float64Array;
}

/** Log-linear: exact below 64 µs, from there on 32 buckets per doubling (the layout of HdrHistogram). */
export function makeHistogram(): Histogram {
  const buckets = new Float64Array(BUCKETS);
  let count = 0;
  let max = 0;
  return {
    buckets,
    add(ms) {
      const micros = Math.min(LONGEST, Math.max(0, Math.round(ms * 1000)));
      const bucket = bucketOf(micros);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      count += 1;
      if (ms > max) max = ms;
    },
    merge(other) {
      for (const [bucket, added] of other.buckets.entries()) buckets[bucket] = (buckets[bucket] ?? 0) + added;
      count += other.count();
      max = Math.max(max, other.max());
    },
    count: () => count,
    max: () => max,
    quantile(q) {
      const rank = Math.max(1, Math.ceil(q * count));
      let seen = 0;
      for (const [bucket, held] of buckets.entries()) {
        seen += held;
        if (held > 0 && seen >= rank) return Math.min(max, middleOf(bucket) / 1000);
      }
      return max;
    },
  };
}

function bucketOf(micros: number): number {
  const shift = Math.max(0, 26 - Math.clz32(micros));
  return shift * PER_DOUBLING + (micros >>> shift);
}

function middleOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / PER_DOUBLING) - 1);
  const low = (bucket - shift * PER_DOUBLING) * 2 ** shift;
  return low + (2 ** shift - 1) / 2;
}
