// What a trial left behind in; the one request that a paused worker had checked but not yet written, if that explains all that is wrong, out.
import { type Evidence, findViolations, ROUNDS, type Sent } from "./check.ts";

/** It is the first thing that the worker does when it wakes up; on a busy machine that is not at once. */
const WAKES_MS = 250;

/**
 * Between the check of the lease and the write there is a gap of microseconds (README, "Known limits"), in which a worker is
 * stopped now and then. It writes one request at a time: a second one after the pause is a violation like any other.
 */
export function findInGap(evidence: Evidence): Sent | null {
  const { woke, requests, stood } = evidence;
  if (woke === null) return null;
  // Both clocks are cut to the millisecond.
  const near = requests.filter(({ at }) => at >= woke - 1 && at <= woke + WAKES_MS + ROUNDS * stood);
  return near.find((one) => findViolations(without(evidence, one)).length === 0) ?? null;
}

/** As it would be had this request not been sent. */
function without(evidence: Evidence, gone: Sent): Evidence {
  const { file, requests } = evidence;
  const emailOf = (row: number) => file.find((one) => one.row === row)?.email;
  const before = file.findLast(({ customerId }) => customerId === gone.customerId)?.email;
  const customers = new Map(evidence.customers);
  if (customers.get(gone.customerId) === emailOf(gone.row)) customers.set(gone.customerId, before);
  return { ...evidence, customers, requests: requests.filter((one) => one !== gone) };
}
