// How often a row was tried in, how long it waits out.

/** First step and cap, in milliseconds: 0.25 s, 0.5 s, 1 s, … 30 s. */
const BASE = 250;
const CAP = 30_000;

/**
 * Exponential backoff with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 * @param tries counted tries so far, from 1
 * @param quiet milliseconds that must pass after an ambiguous exchange, because the request may still take effect; else 0
 * @param retryAfter what the endpoint asked for, milliseconds
 * @param random uniform in [0, 1)
 * @returns whole milliseconds
 */
export function backoff(tries: number, quiet: number, retryAfter: number, random: () => number): number {
  const step = Math.min(CAP, BASE * 2 ** Math.min(tries - 1, 30));
  return Math.ceil(Math.max(random() * step, quiet, retryAfter));
}
