// A row and how it ended in; which column is to blame, a code and a sentence for people out. Never a value of the row.
import type { Row } from "../parse/row.ts";
import type { Plan, Problem } from "../plan/plan.ts";
import { type Cause, codeOf, type Outcome, type RefusedPart, safe } from "../settle/outcome.ts";

export interface Explanation {
  /** The source column's name as the file writes it; null where none is to blame. */
  readonly column: string | null;
  /** What no column gave: a function of the job, or a constant. */
  readonly property?: string;
  /** One of ours, or the endpoint's: `code`, `code/subCode`, or `code/keyword` for one part of a validation answer. */
  readonly code: string;
  readonly message: string;
}

/** What each of AJV's keywords means to somebody who corrects a file. */
const KEYWORDS: Readonly<Record<string, string>> = {
  required: "missing",
  additionalProperties: "not a property the endpoint accepts",
  pattern: "not written in the form the endpoint expects",
  format: "not written in the form the endpoint expects",
  enum: "not one of the values the endpoint accepts",
  const: "not the value the endpoint accepts",
  type: "not of the type the endpoint expects",
  minLength: "shorter than the endpoint accepts",
  maxLength: "longer than the endpoint accepts",
  minimum: "smaller than the endpoint accepts",
  maximum: "larger than the endpoint accepts",
  minItems: "fewer entries than the endpoint accepts",
  maxItems: "more entries than the endpoint accepts",
  uniqueItems: "the same entry twice",
};

const FAULTS: Readonly<Record<string, string>> = {
  timeout: "timeout",
  reset: "connection lost",
  refused: "connection refused",
  tls: "TLS failed",
  aborted: "request broken off",
  "unreadable-answer": "an answer that could not be read",
};

/** All that is wrong with a row that ended `rejected`, `failed` or `unknown`, in order; at least one entry. */
export function explain(row: Row, outcome: Outcome, plan: Plan): readonly Explanation[] {
  const { cause } = outcome;
  if (outcome.status === "rejected") return rejection(row, cause, plan).map(explainProblem);
  if (cause === null) return [{ column: null, code: "no-reason", message: "no reason was recorded" }];
  if (outcome.status !== "unknown" && cause.parts !== undefined && cause.parts.length > 0) {
    return explainParts(row, cause.code, cause.parts, plan);
  }
  return [{ column: null, code: codeOf(cause), message: sentence(cause, outcome) }];
}

/** A name of the file's own (a column, a job) on one line of a terminal or a message: no control or direction characters. */
export function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

/** The ledger may keep a rejection without its problems: planning the row again gives the same ones. */
function rejection(row: Row, cause: Cause | null, plan: Plan): readonly Problem[] {
  if (cause?.problems !== undefined && cause.problems.length > 0) return cause.problems;
  const planned = plan.plan(row);
  if (planned.kind === "rejection") return planned.problems;
  throw new Error(`row ${row.row} is rejected in the ledger, but nothing is wrong with it`);
}

function explainProblem(problem: Problem): Explanation {
  const property = problem.path?.split("/").findLast((part) => part !== "" && !/^\d+$/.test(part)) ?? null;
  return {
    column: problem.column,
    ...(problem.column === null && property !== null ? { property } : {}),
    code: problem.code,
    message: place(problem.column, property) + problem.message,
  };
}

function explainParts(row: Row, code: string, parts: readonly RefusedPart[], plan: Plan): readonly Explanation[] {
  return parts.map((part) => {
    const { column, property } = plan.locate(row, part.path, part.property);
    const meaning = KEYWORDS[part.keyword] ?? `against the endpoint's rule "${safe(part.keyword)}"`;
    return { column, code: `${safe(code)}/${safe(part.keyword)}`, message: place(column, safe(property)) + meaning };
  });
}

/** `column "State" (stateCode): ` or as much of it as is known. */
function place(column: string | null, property: string | null): string {
  if (column === null) return property ? `${property}: ` : "";
  const name = `column "${printable(column).slice(0, 80)}"`;
  return property && property !== column ? `${name} (${property}): ` : `${name}: `;
}

function sentence(cause: Cause, outcome: Outcome): string {
  const last = cause.last === undefined ? "" : `; last: ${faultName(cause.last)}`;
  if (outcome.status === "unknown" && cause.code === "stopped") {
    return "the run was stopped while it was under way: the update may or may not have taken effect";
  }
  if (outcome.status === "unknown") {
    return `no definite answer: the update may or may not have taken effect${last}`;
  }
  const http = outcome.http === 0 ? "" : ` (HTTP ${outcome.http})`;
  switch (cause.code) {
    case "retries-exhausted":
      return `gave up${after(outcome.attempts)}${last}`;
    case "redirect":
      return `the endpoint answered with a redirect${http}, which is never followed: the token must not travel`;
    case "unauthorized":
      return `the endpoint refused the credentials${http}`;
    case "extCondor":
      if (cause.subCode === "C0900") return "two addresses or two phones of the same type";
  }
  if (/^http-\d+$/.test(cause.code)) return `the endpoint answered ${faultName(cause.code)} and gave no reason`;
  const subCode = cause.subCode === undefined ? "" : `, sub-code "${safe(cause.subCode)}"`;
  return `the endpoint answered code "${safe(cause.code)}"${subCode}${http}`;
}

/** A refused connection is no request: a row can be given up without any. */
function after(attempts: number): string {
  return attempts === 0 ? "" : ` after ${attempts} attempt${attempts === 1 ? "" : "s"}`;
}

/** `http-503` → "HTTP 503", `reset` → "connection lost". */
export function faultName(fault: string): string {
  return FAULTS[fault] ?? safe(fault).replace(/^http-(?=\d+$)/, "HTTP ");
}
