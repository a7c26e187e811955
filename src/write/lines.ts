// What the CSV and the NDJSON reports share: the names of their columns and how several problems become one text.
import type { Row } from "../parse/row.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Explanation } from "./explain.ts";

export const SUCCESS_NAMES = [
  "updraft_row",
  "updraft_line",
  "customerId",
  "updraft_status",
  "updraft_attempts",
  "updraft_http",
  "updraft_at",
] as const;

export const ERROR_NAMES = [
  "updraft_row",
  "updraft_line",
  "updraft_status",
  "updraft_column",
  "updraft_code",
  "updraft_message",
  "updraft_attempts",
] as const;

export const UNSENT_NAMES = [
  "updraft_row",
  "updraft_line",
  "updraft_status",
  "updraft_message",
  "updraft_attempts",
] as const;

/** A line of a report that may get a mark later, when it is known whether the row was superseded. */
export interface MarkableLine {
  readonly text: string;
  /** Its characters after the end of the message, where a mark is put in: it needs no quoting there. */
  readonly tail: number;
}

/** How a format writes its reports. Every text ends with a line end; a header is empty where the format has none. */
export interface Lines {
  readonly successHeader: string;
  readonly errorsHeader: string;
  readonly unsentHeader: string;
  success(row: Row, outcome: Outcome, customerId: string): string;
  error(row: Row, outcome: Outcome, explanations: readonly Explanation[]): MarkableLine;
  unsent(row: Row, outcome: Outcome): MarkableLine;
}

/** A column (or member) that an earlier report added: a report given back to `run` must not carry it twice. */
export function isOurs(name: string): boolean {
  return /^\s*updraft_/i.test(name);
}

/** One text per column of the report. Columns and codes keep their places, so that they can be read in pairs. */
export function summed(explanations: readonly Explanation[]): Explanation {
  const [only] = explanations;
  if (only && explanations.length === 1) return only;
  const columns = explanations.map(({ column }) => column ?? "-");
  return {
    column: explanations.every(({ column }) => column === null) ? null : columns.join("; "),
    code: explanations.map(({ code }) => code).join("; "),
    message: explanations.map(({ message }) => message).join("; "),
  };
}

/** ISO 8601, UTC, milliseconds. Neighbouring rows share their second, and formatting it is the dearest part of a line. */
export function timestamps(): (at: number) => string {
  let second = Number.NaN;
  let prefix = "";
  return (at) => {
    const whole = Math.floor(at / 1000);
    if (whole !== second) {
      second = whole;
      prefix = new Date(whole * 1000).toISOString().slice(0, -4);
    }
    return `${prefix}${String(Math.floor(at - whole * 1000)).padStart(3, "0")}Z`;
  };
}
