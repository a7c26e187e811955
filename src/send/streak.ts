// Faults in the order in which they came, and answers between them, in; whether they are the rows' own or the endpoint's, out. Pure.

/**
 * What a fault tells of the endpoint. `connection`: nothing of a row was sent, so no row can be the cause. `service`: a request got
 * no definite answer. `rest`: it was told to come again later (503), and no try is counted. `haste`: it was refused for the
 * number of requests, so that only a long streak says more.
 */
export type Evidence = "connection" | "service" | "rest" | "haste";

export interface Streak {
  /** Monotonic milliseconds of its first fault. */
  readonly start: number;
  readonly faults: number;
  readonly connections: number;
  /** Faults other than `haste`. */
  readonly hard: number;
  /** Faults of requests that were started after the first fault: what one hiccup broke all at once is not among them. */
  readonly later: number;
  /** Faults that no try was counted for: nothing but an outage would ever end their rows. */
  readonly uncounted: number;
  /** Customers who met their first fault in this streak; one that failed while others were answered says nothing. */
  readonly customers: ReadonlySet<number>;
}

export const NO_STREAK: Streak = {
  start: 0,
  faults: 0,
  connections: 0,
  hard: 0,
  later: 0,
  uncounted: 0,
  customers: new Set(),
};

export interface FoundFault {
  /** Tells customers apart; no two of their rows are under way together. */
  readonly customer: number;
  readonly evidence: Evidence;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
  /** No try of this row had been counted before. */
  readonly first: boolean;
}

/** An outage takes so many faults, of so many customers: one customer, or two, are none. */
const FAULTS = 10;
const CUSTOMERS = 3;
/** Without a connection no row can be the cause. */
const CONNECTIONS = 3;
const LATER = 3;
/** An endpoint that puts everybody off for so long is as good as gone. */
const PATIENCE_MS = 30_000;
/** More are not remembered: memory does not grow with the streak. */
const MOST_CUSTOMERS = 1_000;

/** The streak with one more fault; an answer to any row begins a new one. */
export function addFault(streak: Streak, { customer, evidence, sentAt, first }: FoundFault, now: number): Streak {
  const start = streak.faults === 0 ? now : streak.start;
  const known = streak.customers.has(customer);
  if (evidence !== "connection" && !first && !known) return streak;
  const full = streak.customers.size >= MOST_CUSTOMERS;
  const one = (counts: boolean) => (counts ? 1 : 0);
  return {
    start,
    faults: streak.faults + 1,
    connections: streak.connections + one(evidence === "connection"),
    hard: streak.hard + one(evidence !== "haste"),
    later: streak.later + one(streak.faults > 0 && sentAt > start),
    uncounted: streak.uncounted + one(evidence === "haste" || evidence === "rest"),
    customers: known || full ? streak.customers : new Set([...streak.customers, customer]),
  };
}

/** Whether the endpoint is out: no row could do better. */
export function isOutage(streak: Streak, now: number): boolean {
  const { faults, connections, hard, later, uncounted, start } = streak;
  if (later < LATER) return false;
  if (connections >= CONNECTIONS) return true;
  if (now - start >= PATIENCE_MS && uncounted >= FAULTS) return true;
  return faults >= FAULTS && hard > 0 && isWide(streak);
}

/** So many customers have failed, and none was answered, that more faults would be an outage. */
export function isWide({ customers }: Streak): boolean {
  return customers.size >= CUSTOMERS;
}

/** Rows in a row that were forbidden (403) before the login is: many where it has been allowed something before. */
const FORBIDDEN = 10;
const FORBIDDEN_LATER = 50;

/** @param accepted some update was accepted, or refused for a reason of its own, before */
export function isForbidden(rows: number, accepted: boolean): boolean {
  return rows >= (accepted ? FORBIDDEN_LATER : FORBIDDEN);
}
