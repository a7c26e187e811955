// The counts of a check and the paces that a run would keep in; what the run would take, before anything is sent, out.
import type { Rate } from "../settings/amounts.ts";

export interface Forecast {
  /** Requests, if none has to be tried again. */
  readonly calls: number;
  /** Of all rows, 0 to 1: those that would be rejected. */
  readonly rejectedShare: number;
  /** Requests per second that the run would keep to; null for none. */
  readonly rate: number | null;
  /** At that pace; null without one. */
  readonly durationMs: number | null;
  /** ISO 8601: when it would be over if it began now; null without a pace, and beyond all calendars. */
  readonly finish: string | null;
}

/** The last day that a Date knows. */
const END_OF_TIME = 8.64e15;

/**
 * @param paces all that would hold; null for none
 * @param now wall clock
 */
export function foretell(
  { read, rejected }: { readonly read: number; readonly rejected: number },
  paces: readonly (Rate | null)[],
  now: number,
): Forecast {
  const calls = read - rejected;
  const rejectedShare = read === 0 ? 0 : rejected / read;
  const rates = paces.flatMap((pace) => pace?.perSecond ?? []);
  if (rates.length === 0) return { calls, rejectedShare, rate: null, durationMs: null, finish: null };
  const rate = Math.min(...rates);
  const durationMs = Math.round((calls * 1_000) / rate);
  const finish = now + durationMs <= END_OF_TIME ? new Date(now + durationMs).toISOString() : null;
  return { calls, rejectedShare, rate, durationMs, finish };
}
