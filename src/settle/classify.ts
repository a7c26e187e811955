// An exchange in, a verdict out: what becomes of the row (DESIGN.md, outcome rules).
import type { Cause, RefusedPart } from "./outcome.ts";

/** No answer came. */
export interface Silence {
  readonly kind: "silence";
  readonly fault: "timeout" | "reset" | "refused" | "aborted";
  /** False when it is certain that nothing was written: the row cannot have taken effect. */
  readonly written: boolean;
  readonly latency: number;
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
      /** `Retry-After` in milliseconds. */
      readonly retryAfter?: number;
      readonly latency: number;
    }
  | Silence;

export type Verdict =
  | { readonly kind: "updated" }
  | { readonly kind: "failed"; readonly cause: Cause }
  /** A passing fault of this row: counts a try. */
  | { readonly kind: "retry"; readonly fault: string; readonly ambiguous: boolean; readonly retryAfter?: number }
  /** Refused credentials: a token refresh, no try counted. */
  | { readonly kind: "unauthorized" };

const PASSING = new Set([408, 425, 429, 503]);
const DOUBTFUL = new Set([500, 502, 504]);

/** Pure. The table is DESIGN.md's "Outcome rules". */
export function classify(exchange: Exchange): Verdict {
  if (exchange.kind === "silence") return { kind: "retry", fault: exchange.fault, ambiguous: exchange.written };
  const { http, code } = exchange;
  if (http === 200) {
    if (code === "0") return { kind: "updated" };
    if (code === null) return { kind: "retry", fault: "unreadable-answer", ambiguous: true };
    return { kind: "failed", cause: causeOf(exchange, code) };
  }
  if (http === 401) return { kind: "unauthorized" };
  if (PASSING.has(http)) {
    const fault = `http-${http}`;
    return exchange.retryAfter === undefined
      ? { kind: "retry", fault, ambiguous: false }
      : { kind: "retry", fault, ambiguous: false, retryAfter: exchange.retryAfter };
  }
  if (DOUBTFUL.has(http) || http > 504) return { kind: "retry", fault: `http-${http}`, ambiguous: true };
  if (http >= 300 && http < 400) return { kind: "failed", cause: { code: "redirect" } };
  if (http >= 400 && http < 500) return { kind: "failed", cause: causeOf(exchange, code ?? `http-${http}`) };
  // 1xx never gets here; another 2xx, or 501, says nothing definite about the update.
  return { kind: "retry", fault: `http-${http}`, ambiguous: true };
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
