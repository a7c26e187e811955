// How a row ends: the closed set of statuses, and what the ledger keeps of each.
import type { Problem } from "../plan/plan.ts";

export const STATUSES = ["updated", "unchanged", "rejected", "failed", "unknown", "unsent"] as const;
export type Status = (typeof STATUSES)[number];

/** One entry of the endpoint's validation answer, reduced to what names no value. */
export interface RefusedPart {
  /** AJV's instancePath: `/addresses/0`. */
  readonly path: string;
  /** AJV's keyword: `required`, `pattern`, … */
  readonly keyword: string;
  /** The missing or extra property's name, where there is one. */
  readonly property?: string;
}

/** Why a row did not end `updated`. */
export interface Cause {
  /** The endpoint's `code`, or one of ours (`retries-exhausted`, `redirect`, `timeout`, …). */
  readonly code: string;
  readonly subCode?: string;
  /** The last passing fault, for `retries-exhausted` and `unknown`: `http-503`, `timeout`, `reset`, `refused`, … */
  readonly last?: string;
  readonly parts?: readonly RefusedPart[];
  /** For `rejected`. */
  readonly problems?: readonly Problem[];
}

/** The end of one row, as the ledger keeps it. */
export interface Outcome {
  readonly row: number;
  readonly status: Status;
  /** Requests written for this row, counted ones and forgiven ones. 0 for rejected. */
  readonly attempts: number;
  /** Status code of the last answer; 0 where none came. */
  readonly http: number;
  /** Wall clock of the last answer or decision, milliseconds since 1970. */
  readonly at: number;
  /** Some exchange of this row may have taken effect without our knowing. */
  readonly ambiguous: boolean;
  /** Milliseconds of the last exchange; 0 where none was made. */
  readonly latency: number;
  readonly cause: Cause | null;
}

/** The end of a row that may have been sent when its run was stopped for good. */
export function stopped(row: number, requests: number, at: number): Outcome {
  const cause = { code: "stopped" };
  return { row, status: "unknown", attempts: requests, http: 0, at, ambiguous: true, latency: 0, cause };
}

/** The end of a row that was surely not applied when its run was stopped for good. No ledger holds it. */
export function unsent(row: number, requests: number): Outcome {
  return { row, status: "unsent", attempts: requests, http: 0, at: 0, ambiguous: false, latency: 0, cause: null };
}

/** The end of a row whose customer has all of it already, as far as is known. */
export function unchanged(row: number, at: number): Outcome {
  return { row, status: "unchanged", attempts: 0, http: 0, at, ambiguous: false, latency: 0, cause: null };
}

/** The end of a row that was invalid before anything was sent. */
export function rejected(row: number, problems: readonly Problem[], at: number): Outcome {
  const cause = { code: "rejected", problems };
  return { row, status: "rejected", attempts: 0, http: 0, at, ambiguous: false, latency: 0, cause };
}

/** Untrusted text (a code, a keyword, a property's name from an endpoint) made harmless: at most 64 plain characters. */
export function safe(text: string): string {
  return text.slice(0, 64).replace(/[^\w.:/ -]/g, "?");
}

/** `code`, or `code/subCode`. */
export function codeOf(cause: Cause): string {
  return cause.subCode === undefined ? safe(cause.code) : `${safe(cause.code)}/${safe(cause.subCode)}`;
}
