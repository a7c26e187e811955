// An outcome in, the columns of its line in the ledger out; and back, where they are what was written.
import * as z from "zod";
import { sentCause } from "./entry.ts";
import { type Cause, type Outcome, STATUSES } from "./outcome.ts";

export const COLUMNS = "row, status, attempts, http, at, ambiguous, latency, cause";

const causeShape: z.ZodType<Cause> = sentCause.extend({
  problems: z
    .array(
      z.object({ column: z.string().nullable(), path: z.string().nullable(), code: z.string(), message: z.string() }),
    )
    .exactOptional(),
});

/** The figures in the order of the columns, and the cause's text behind them. */
export function columnsOf(o: Outcome): { readonly figures: number[]; readonly cause: string | null } {
  const status = STATUSES.indexOf(o.status);
  const figures = [o.row, status, o.attempts, o.http, o.at, o.ambiguous ? 1 : 0, o.latency];
  return { figures, cause: o.cause === null ? null : JSON.stringify(o.cause) };
}

/** Null for what no outcome is stored as. The table is STRICT: what SQLite gives back has the columns' types. */
export function readOutcome(record: Record<number, unknown>): Outcome | null {
  const status = STATUSES[Number(record[1])];
  const cause = readCause(record[7]);
  if (status === undefined || cause === undefined) return null;
  return {
    row: Number(record[0]),
    status,
    attempts: Number(record[2]),
    http: Number(record[3]),
    at: Number(record[4]),
    ambiguous: record[5] === 1,
    latency: Number(record[6]),
    cause,
  };
}

/** Undefined for what is none. */
function readCause(text: unknown): Cause | null | undefined {
  if (typeof text !== "string") return null;
  try {
    return causeShape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
