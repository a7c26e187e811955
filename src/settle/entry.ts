// What a worker found out in, one compact entry of the outcome stream out, and back.
import * as z from "zod";
import { type Cause, type Outcome, STATUSES } from "./outcome.ts";

/** A passing fault of one row: not its end, kept so that every attempt can be told later. */
export interface Fault {
  readonly row: number;
  readonly at: number;
  /** `http-503`, `timeout`, `reset`, … */
  readonly fault: string;
  readonly http: number;
  readonly latency: number;
  /** Milliseconds it waits before it is tried again. */
  readonly wait: number;
}

export interface Entry {
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  /** Said by a worker whose credentials were refused twice. */
  readonly blocked: boolean;
}

const whole = z.number().int().min(0);
const cause = z.object({
  code: z.string(),
  subCode: z.string().exactOptional(),
  last: z.string().exactOptional(),
  parts: z
    .array(z.object({ path: z.string(), keyword: z.string(), property: z.string().exactOptional() }))
    .exactOptional(),
});
const entry = z.object({
  o: z.array(
    z.tuple([whole, whole.max(STATUSES.length - 1), whole, whole, whole, whole.max(1), z.number(), cause.nullable()]),
  ),
  f: z.array(z.tuple([whole, whole, z.string(), whole, z.number(), z.number()])),
  b: z.boolean(),
});

export function packEntry(value: Entry): string {
  return JSON.stringify({
    o: value.outcomes.map((o) => [
      o.row,
      STATUSES.indexOf(o.status),
      o.attempts,
      o.http,
      o.at,
      o.ambiguous ? 1 : 0,
      o.latency,
      o.cause,
    ]),
    f: value.faults.map((f) => [f.row, f.at, f.fault, f.http, f.latency, f.wait]),
    b: value.blocked,
  });
}

/** Throws a ZodError for anything that packEntry did not write. */
export function unpackEntry(text: string): Entry {
  const { o, f, b } = entry.parse(JSON.parse(text));
  return {
    outcomes: o.map(([row, status, attempts, http, at, ambiguous, latency, why]) => ({
      row,
      status: STATUSES[status] ?? "unknown",
      attempts,
      http,
      at,
      ambiguous: ambiguous === 1,
      latency,
      cause: why satisfies Cause | null,
    })),
    faults: f.map(([row, at, fault, http, latency, wait]) => ({ row, at, fault, http, latency, wait })),
    blocked: b,
  };
}
