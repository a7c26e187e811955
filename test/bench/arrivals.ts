// When requests arrived at the endpoint, in milliseconds, in; what that says of the pace, out.
const SECOND = 1_000;

/** The most arrivals in any second: each is counted with those less than a second before it. */
export function largestWindow(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (const [index, time] of sorted.entries()) {
    while ((sorted[from] ?? time) <= time - SECOND) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

/** Of what `rate` would have allowed: without the first and the last second, in which a run starts and runs dry. */
export function shareUsed(times: readonly number[], rate: number): number {
  const [first, last] = ends(times);
  const [from, to] = [first + SECOND, last - SECOND];
  return (between(times, from, to) * SECOND) / (rate * (to - from));
}

/** Arrivals after `from`, up to `to`. */
export function between(times: readonly number[], from: number, to: number): number {
  return times.filter((time) => time > from && time <= to).length;
}

/** From the first to the last, milliseconds. */
export function span(times: readonly number[]): number {
  const [first, last] = ends(times);
  return last - first;
}

function ends(times: readonly number[]): readonly [first: number, last: number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of times) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  return [first, last];
}
