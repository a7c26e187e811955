// The endpoint's record in; how many requests a crash caused to be sent again, and how many it may have, out.
import type { Sent } from "./check.ts";

/** When something happened, by the wall clock in milliseconds, and what answers it may have cost. */
export interface Instant {
  readonly at: number;
}

/**
 * One settle interval: an answer waits up to 20 ms in its worker, up to 40 ms in the stream for the coordinator's next
 * read, and then for the ledger's sync; several times that on two cores that are kept busy.
 */
export const SETTLE_MS = 250;

/**
 * Requests of a row whose request before was carried out and answered, or whose client was killed: the endpoint gave no
 * reason to send it again. A request after a fault, or after a timeout of its own, is an ordinary retry.
 */
export function countResent(requests: readonly Sent[], timeout: number): number {
  const before = new Map<number, Sent>();
  let resent = 0;
  for (const request of requests) {
    const last = before.get(request.row);
    before.set(request.row, request);
    if (last && last.fault === null && !timedOut(last, timeout)) resent++;
  }
  return resent;
}

function timedOut({ ending, at, endedAt }: Sent, timeout: number): boolean {
  return ending === "none" && endedAt !== null && endedAt - at >= timeout / 2;
}

/** Requests in flight at these instants, or less than a settle interval away from them. */
export function resentBound(requests: readonly Sent[], instants: readonly Instant[]): number {
  const open = (instant: Instant) =>
    requests.filter(
      ({ at, endedAt }) =>
        at <= instant.at + SETTLE_MS && (endedAt ?? Number.POSITIVE_INFINITY) >= instant.at - SETTLE_MS,
    ).length;
  return instants.reduce((sum, instant) => sum + open(instant), 0);
}
