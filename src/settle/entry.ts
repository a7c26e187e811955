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

const REFUSALS = ["credentials", "forbidden"] as const;
/** Why no row may be sent: the login was refused (401), or may update nothing (403). */
export type Refusal = (typeof REFUSALS)[number];

export interface Entry {
  readonly outcomes: readonly Outcome[];
  readonly faults: readonly Fault[];
  /** Said by a worker whose credentials were refused. */
  readonly blocked: Refusal | null;
}

const whole = z.number().int().min(0);
/** Why a row that was sent did not end `updated`: all that a worker can tell. */
export const sentCause = z.object({
  code: z.string(),
  subCode: z.string().exactOptional(),
  last: z.string().exactOptional(),
  parts: z
    .array(z.object({ path: z.string(), keyword: z.string(), property: z.string().exactOptional() }))
    .exactOptional(),
});
/** Figures of one outcome: row, status, attempts, http, at, ambiguous, latency. */
const WIDTH = 7;

// Figures lie in one flat list, checked by one loop: a schema for each of them took longer than the ledger takes to write them.
function isFigures(value: unknown): value is number[] {
  return Array.isArray(value) && value.length % WIDTH === 0 && value.every((n) => typeof n === "number" && n >= 0);
}

const entry = z.object({
  v: z.literal(1),
  o: z.custom<number[]>(isFigures),
  /** Causes, each with the place of its outcome. */
  c: z.array(z.tuple([whole, sentCause])),
  f: z.array(z.tuple([whole, whole, z.string(), whole, z.number(), z.number()])),
  b: z.enum(REFUSALS).nullable(),
});

export function packEntry(value: Entry): string {
  const figures: number[] = [];
  const causes: [number, Cause][] = [];
  for (const [i, o] of value.outcomes.entries()) {
    figures.push(o.row, STATUSES.indexOf(o.status), o.attempts, o.http, o.at, o.ambiguous ? 1 : 0, o.latency);
    if (o.cause !== null) causes.push([i, o.cause]);
  }
  const faults = value.faults.map((f) => [f.row, f.at, f.fault, f.http, f.latency, f.wait]);
  return JSON.stringify({ v: 1, o: figures, c: causes, f: faults, b: value.blocked });
}

/** Throws an Error for anything that packEntry did not write. */
export function unpackEntry(text: string): Entry {
  const { o, c, f, b } = entry.parse(JSON.parse(text));
  const causes = new Map(c);
  const outcomes: Outcome[] = [];
  for (let at = 0; at < o.length; at += WIDTH) {
    const row = o[at] ?? 0;
    const status = STATUSES[o[at + 1] ?? -1];
    if (status === undefined || !Number.isSafeInteger(row)) throw new Error("not an outcome");
    outcomes.push({
      row,
      status,
      attempts: o[at + 2] ?? 0,
      http: o[at + 3] ?? 0,
      at: o[at + 4] ?? 0,
      ambiguous: o[at + 5] === 1,
      latency: o[at + 6] ?? 0,
      cause: causes.size === 0 ? null : (causes.get(at / WIDTH) ?? null),
    });
  }
  const faults = f.map(([row, at, fault, http, latency, wait]) => ({ row, at, fault, http, latency, wait }));
  return { outcomes, faults, blocked: b };
}
