// Faults in the order in which they came, and answers between them, in; whether they are the rows' own or the endpoint's, out. Pure.

/**
 * What a fault tells of the endpoint. `connection`: nothing of a row was sent, so no row can be the cause. `service`: a request got
 * no definite answer. `haste`: it was refused for the number of requests, so that only a long streak says more.
 */
export type Evidence = "connection" | "service" | "haste";

export interface Streak {
  /** Monotonic milliseconds of its first fault. */
  readonly start: number;
  readonly faults: number;
  readonly connections: number;
  /** Faults other than `haste`. */
  readonly hard: number;
  /** Faults of requests that were started after the first fault: what one hiccup broke all at once is not among them. */
  readonly later: number;
  /** Rows that met their first fault in this streak; a row that failed while others were answered says nothing. */
  readonly rows: ReadonlySet<number>;
}

export const NO_STREAK: Streak = {
  start: 0,
  faults: 0,
  connections: 0,
  hard: 0,
  later: 0,
  rows: new Set(),
};

export interface FoundFault {
  readonly row: number;
  readonly evidence: Evidence;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
  /** No try of this row had been counted before. */
  readonly first: boolean;
}

/** An outage takes so many faults, of so many rows: one customer, or a few, are none. */
const FAULTS = 10;
const ROWS = 3;
/** Without a connection no row can be the cause. */
const CONNECTIONS = 3;
const LATER = 3;
/** An endpoint that only refuses requests for their number for so long is as good as gone. */
const PATIENCE_MS = 30_000;
/** More are not remembered: memory does not grow with the streak. */
const MOST_ROWS = 1_000;

/** The streak with one more fault; an answer to any row begins a new one. */
export function addFault(streak: Streak, { row, evidence, sentAt, first }: FoundFault, now: number): Streak {
  const start = streak.faults === 0 ? now : streak.start;
  const counts = evidence === "connection" || first || streak.rows.has(row);
  if (!counts) return streak;
  const rows = streak.rows.has(row) || streak.rows.size >= MOST_ROWS ? streak.rows : new Set([...streak.rows, row]);
  return {
    start,
    faults: streak.faults + 1,
    connections: streak.connections + (evidence === "connection" ? 1 : 0),
    hard: streak.hard + (evidence === "haste" ? 0 : 1),
    later: streak.later + (streak.faults > 0 && sentAt > start ? 1 : 0),
    rows,
  };
}

/** Whether the endpoint is out: no row could do better. */
export function isOutage({ faults, connections, hard, later, rows, start }: Streak, now: number): boolean {
  if (later < LATER) return false;
  if (connections >= CONNECTIONS) return true;
  return faults >= FAULTS && rows.size >= ROWS && (hard > 0 || now - start >= PATIENCE_MS);
}

/** Rows in a row that were forbidden (403) before the login is: many where it has been allowed something before. */
const FORBIDDEN = 10;
const FORBIDDEN_LATER = 50;

/** @param accepted some update was accepted, or refused for a reason of its own, before */
export function isForbidden(rows: number, accepted: boolean): boolean {
  return rows >= (accepted ? FORBIDDEN_LATER : FORBIDDEN);
}
