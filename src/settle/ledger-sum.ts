// Outcomes as lines of a ledger in; one sum of them out, by which a value is found that nobody wrote.
import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { COLUMNS } from "./ledger-record.ts";

const PAUSE = 20_000;

const buffer = new Float64Array(7);
const bytes = new Uint8Array(buffer.buffer);

/** Adds a line of the ledger to a sum that does not depend on their order: SQLite guards the form of its pages, not a value in them. */
export function addToSum(sum: number, figures: readonly number[], cause: string | null): number {
  buffer.set(figures);
  const own = crc32(bytes);
  return (sum + (cause === null ? own : crc32(cause, own))) >>> 0;
}

/** Of all outcomes in a schema of the database: what `sum` in its meta has to be. */
export function sumOf(db: DatabaseSync, schema: "main" | "retry" = "main"): number {
  const summing = sumUp(db, schema);
  let step = summing.next();
  while (!step.done) step = summing.next();
  return step.value;
}

/** Pauses after some milliseconds of rows: a hold in Redis must be renewed meanwhile. */
export function* sumUp(db: DatabaseSync, schema: "main" | "retry"): Generator<void, number, undefined> {
  const all = db.prepare(`SELECT ${COLUMNS} FROM ${schema}.outcomes`);
  all.setReturnArrays(true);
  let sum = 0;
  let rows = 0;
  for (const record of all.iterate()) {
    if (++rows % PAUSE === 0) yield;
    const [row, status, attempts, http, at, ambiguous, latency, cause] = Object.values(record);
    const figures = [row, status, attempts, http, at, ambiguous, latency].map(Number);
    sum = addToSum(sum, figures, typeof cause === "string" ? cause : null);
  }
  return sum;
}
