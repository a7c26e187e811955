// An exchange in, a verdict out: what becomes of the row (DESIGN.md, outcome rules).
import type { Cause, RefusedPart } from "./outcome.ts";

/** No answer came. */
export interface Silence {
  readonly kind: "silence";
  readonly fault: "timeout" | "reset" | "refused" | "tls" | "aborted";
  /** False when it is certain that nothing was written: the row cannot have taken effect. */
  readonly written: boolean;
  readonly latency: number;
}

/** `Retry-After`, in milliseconds. */
export interface RetryAfter {
  /** At most an hour. */
  readonly ms: number;
  /** It asked for more. How much is not kept: any figure of an answer may be a customer's. */
  readonly capped: boolean;
}

/** One request and what came back, reduced to what may be kept. */
export type Exchange =
  | {
      readonly kind: "answer";
      readonly http: number;
      /** The body's `code`; null where the body was unreadable or larger than 64 KiB. */
      readonly code: string | null;
      readonly subCode?: string;
      readonly parts?: readonly RefusedPart[];
      readonly retryAfter?: RetryAfter;
      readonly latency: number;
    }
  | Silence;

export type Verdict =
  | { readonly kind: "updated" }
  | { readonly kind: "failed"; readonly cause: Cause }
  /** A passing fault: counts a try, unless it befell all rows. `retryAfter` in milliseconds. */
  | { readonly kind: "retry"; readonly fault: string; readonly ambiguous: boolean; readonly retryAfter: number }
  /** The endpoint asks for a rest, and says how long: no try counted. */
  | { readonly kind: "rest"; readonly fault: string; readonly after: RetryAfter }
  /** Refused for the number of requests: no try counted. */
  | { readonly kind: "slow"; readonly fault: string }
  /** This row is forbidden, or the login may update none. */
  | { readonly kind: "forbidden"; readonly cause: Cause }
  /** Refused credentials: a token refresh, no try counted. */
  | { readonly kind: "unauthorized" };

const PASSING = new Set([408, 425, 503]);
const DOUBTFUL = new Set([500, 502, 504]);

/** Pure. The table is DESIGN.md's "Outcome rules". */
export function classify(exchange: Exchange): Verdict {
  if (exchange.kind === "silence") return retry(exchange.fault, exchange.written);
  const { http, code, retryAfter } = exchange;
  const fault = `http-${http}`;
  if (http === 200) {
    if (code === "0") return { kind: "updated" };
    if (code === null) return retry("unreadable-answer", true);
    return { kind: "failed", cause: causeOf(exchange, code) };
  }
  if (http === 401) return { kind: "unauthorized" };
  if (http === 403) return { kind: "forbidden", cause: causeOf(exchange, code ?? fault) };
  if ((http === 429 || http === 503) && retryAfter && retryAfter.ms > 0)
    return { kind: "rest", fault, after: retryAfter };
  if (http === 429) return { kind: "slow", fault };
  if (PASSING.has(http)) return retry(fault, false, retryAfter?.ms);
  if (DOUBTFUL.has(http) || http > 504) return retry(fault, true);
  if (http >= 300 && http < 400) return { kind: "failed", cause: { code: "redirect" } };
  if (http >= 400 && http < 500) return { kind: "failed", cause: causeOf(exchange, code ?? fault) };
  // 1xx never gets here; another 2xx, or 501, says nothing definite about the update.
  return retry(fault, true);
}

function retry(fault: string, ambiguous: boolean, retryAfter = 0): Verdict {
  return { kind: "retry", fault, ambiguous, retryAfter };
}

function causeOf(answer: Extract<Exchange, { kind: "answer" }>, code: string): Cause {
  return {
    code,
    ...(answer.subCode === undefined ? {} : { subCode: answer.subCode }),
    ...(answer.parts === undefined ? {} : { parts: answer.parts }),
  };
}

/** The end of a row whose tries are used up: `unknown` if the update may have taken effect, else `failed`. */
export function giveUp(fault: string, ambiguous: boolean): { status: "unknown" | "failed"; cause: Cause } {
  return ambiguous
    ? { status: "unknown", cause: { code: "no-definite-answer", last: fault } }
    : { status: "failed", cause: { code: "retries-exhausted", last: fault } };
}
