// What the ledger has of one row, and the row if its file is at hand, in; its attempts and its outcome, without a value of it, out.
import type { Row } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Status } from "../settle/outcome.ts";
import { type Explanation, explain, faultName } from "./explain.ts";
import { isOurs } from "./lines.ts";

export interface Attempt {
  /** When it was over, ISO 8601. */
  readonly at: string;
  /** Milliseconds that the row had to wait before it, at least; 0 for the first. */
  readonly waited: number;
  /** 0 where no answer came. */
  readonly http: number;
  /** "HTTP 503", "timeout", "HTTP 200". */
  readonly came: string;
  readonly latency: number;
}

export interface Story {
  readonly row: number;
  readonly line: number | null;
  /** The file's columns that give a value, and those that are empty; null where that is not known. */
  readonly columns: { readonly given: readonly string[]; readonly empty: readonly string[] } | null;
  readonly attempts: readonly Attempt[];
  /** Requests that were counted for the row, but of which nothing else is kept. */
  readonly untold: number;
  readonly outcome: {
    readonly status: Status;
    readonly at: string;
    readonly requests: number;
    /** Some request may have taken effect without our knowing. */
    readonly ambiguous: boolean;
    readonly reasons: readonly Explanation[];
  } | null;
}

export interface StoryInput {
  readonly row: number;
  readonly history: ReturnType<Ledger["history"]>;
  /** Null where the file is not at hand. */
  readonly source: { readonly row: Row; readonly columns: readonly string[]; readonly plan: Plan } | null;
  /** What its report says of it, where there is no source. */
  readonly reported: { readonly line: number; readonly reasons: readonly Explanation[] } | null;
}

export function makeStory({ row, history, source, reported }: StoryInput): Story {
  const { outcome, faults, past } = history;
  const attempts: Attempt[] = faults.map((fault, i) => ({
    at: iso(fault.at),
    waited: faults[i - 1]?.wait ?? 0,
    http: fault.http,
    came: faultName(fault.fault),
    latency: fault.latency,
  }));
  // Stopped in its midst: nobody was there for the end of it.
  if (outcome !== null && outcome.attempts > 0 && outcome.cause?.code !== "stopped") {
    const { at, http, latency, cause } = outcome;
    const came = http > 0 ? `HTTP ${http}` : faultName(cause?.last ?? "no answer");
    attempts.push({ at: iso(at), waited: faults.at(-1)?.wait ?? 0, http, came, latency });
  }
  const requests = outcome?.attempts ?? past.requests;
  return {
    row,
    line: source?.row.line ?? reported?.line ?? null,
    columns: source && columnsOf(source.row, source.columns),
    attempts,
    untold: Math.max(0, requests - attempts.length),
    outcome: outcome && {
      status: outcome.status,
      at: iso(outcome.at),
      requests,
      ambiguous: outcome.ambiguous,
      reasons: ["rejected", "failed", "unknown"].includes(outcome.status)
        ? source
          ? explain(source.row, outcome, source.plan)
          : (reported?.reasons ?? [])
        : [],
    },
  };
}

function columnsOf(row: Row, columns: readonly string[]): Story["columns"] {
  if (row.kind === "bad") return null;
  const isEmpty = (value: unknown) => value === undefined || value === null || String(value).trim() === "";
  const valueIn = (name: string, index: number) => (row.kind === "cells" ? row.cells[index] : row.object[name]);
  const named = columns.map((name, index) => ({ name, empty: isEmpty(valueIn(name, index)) }));
  const own = named.filter(({ name }) => !isOurs(name));
  const names = (empty: boolean) => own.flatMap((one) => (one.empty === empty ? [one.name] : []));
  return { given: names(false), empty: names(true) };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
