// The endpoint's record in; how many requests a crash caused to be sent again, and how many it may have, out.
import type { Sent } from "./check.ts";

/** When something happened, by the wall clock, and the settle interval before and after it; all in milliseconds. */
export interface Instant {
  readonly at: number;
  /** What was answered so shortly before it may not have been settled. */
  readonly before: number;
  /** What was begun so shortly after it, too: whoever cannot settle any more does not know it at once. */
  readonly after: number;
}

/**
 * Answers wait 20 ms in their worker, once it has read them. Redis takes them within a few more, but a worker that has just begun,
 * on a machine that is busy, relies on it for 100 ms: then it starts nothing more.
 */
const IN_WORKER_MS = 120;
/** Then they lie in the stream until the coordinator reads it: within 40 ms, later while it is busy reading the file. */
const IN_REDIS_MS = 450;
/** A worker starts nothing more when Redis has not taken for 100 ms what was gathered for 20 ms. */
const NOTICED_MS = 150;

/** The settle interval of what was lost at an instant. */
export const LOST = {
  /** Whoever was hit gave nothing back, but Redis and all others go on. */
  nothing: { before: 0, after: 0 },
  worker: { before: IN_WORKER_MS, after: 0 },
  "worker's way": { before: IN_WORKER_MS, after: NOTICED_MS },
  redis: { before: IN_WORKER_MS + IN_REDIS_MS, after: NOTICED_MS },
} satisfies Readonly<Record<string, Omit<Instant, "at">>>;

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

/** Those of them that were neither in flight at one of these instants nor within the settle interval around it. */
export function resentWithoutCause(
  requests: readonly Sent[],
  instants: readonly Instant[],
  timeout: number,
  lag: number,
): Sent[] {
  const before = new Map<number, Sent>();
  return requests.filter((request) => {
    const last = before.get(request.row);
    before.set(request.row, request);
    if (last === undefined || timedOut(last, timeout)) return false;
    return !instants.some((instant) => instant.at <= request.at && isOpenAt(last, instant, lag));
  });
}

function timedOut({ ending, at, endedAt }: Sent, timeout: number): boolean {
  return ending === "none" && endedAt !== null && endedAt - at >= timeout / 2;
}

/**
 * How late workers read an answer, at most, in milliseconds: they are cold, and share the machine. What was answered before an
 * instant and read after it says nothing: its worker may have been paused.
 * @param settled when the answer of each row was read
 */
export function readLate(
  requests: readonly Sent[],
  settled: ReadonlyMap<number, number>,
  instants: readonly Instant[],
): number {
  const last = new Map(requests.map(({ row, endedAt }) => [row, endedAt ?? Number.POSITIVE_INFINITY]));
  const late = [...settled].map(([row, at]) => {
    const endedAt = last.get(row) ?? at;
    return instants.some((instant) => endedAt <= instant.at && instant.at <= at) ? 0 : at - endedAt;
  });
  return late.reduce((most, ms) => Math.max(most, ms), 0);
}

/** Requests in flight at these instants, or within the settle interval around them, `lag` longer because answers were read so late. */
export function resentBound(requests: readonly Sent[], instants: readonly Instant[], lag: number): number {
  return instants.reduce((sum, instant) => sum + requests.filter((one) => isOpenAt(one, instant, lag)).length, 0);
}

function isOpenAt({ at, endedAt }: Sent, { at: moment, before, after }: Instant, lag: number): boolean {
  return at <= moment + after && (endedAt ?? Number.POSITIVE_INFINITY) >= moment - before - lag;
}
