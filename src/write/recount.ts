// A summary.json that was written in, and what ledger and rows were counted to; where the two differ, out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { STATUSES, type Status } from "../settle/outcome.ts";
import type { Mismatch } from "./compare.ts";

/** What every summary of a run tells, whatever else it does. */
const shape = z.looseObject({
  run: z.string(),
  state: z.string(),
  stopped: z.looseObject({ rule: z.string() }).nullable().default(null),
  start: z.string(),
  end: z.string().nullable(),
  endpoint: z.string().nullable(),
  read: z.number(),
  counts: z.record(z.enum(STATUSES), z.number()),
  balanced: z.boolean(),
  requests: z.object({ sent: z.number(), retried: z.number() }),
  ambiguousUpdated: z.number(),
  file: z.object({ name: z.string(), bytes: z.number(), sha256: z.string() }),
});
export type WrittenSummary = z.infer<typeof shape>;

/** Null where there is none; `broken` where there is one that cannot be read. */
export function readSummary(dir: string): WrittenSummary | "broken" | null {
  let text: string;
  try {
    text = readFileSync(join(dir, "summary.json"), "utf8");
  } catch {
    return null;
  }
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return "broken";
  }
}

export interface Counted {
  readonly run: string;
  readonly state: string;
  /** The rule that stopped it; null for any other state. */
  readonly rule: string | null;
  readonly read: number;
  readonly counts: Readonly<Record<Status, number>>;
  readonly requests: { readonly sent: number; readonly retried: number };
  readonly ambiguousUpdated: number;
  /** Null where nothing is known of the file. */
  readonly file: { readonly bytes: number; readonly sha256: string } | null;
}

export function compareSummary(summary: WrittenSummary, counted: Counted): Mismatch[] {
  const { counts, requests, file } = counted;
  const pairs: [string, string | number, string | number][] = [
    ["run", counted.run, summary.run],
    ["state", counted.state, summary.state],
    ["stopped.rule", counted.rule ?? "none", summary.stopped?.rule ?? "none"],
    ["read", counted.read, summary.read],
    ...STATUSES.map((status): [string, number, number] => [`counts.${status}`, counts[status], summary.counts[status]]),
    ["the sum of its counts", counted.read, Object.values(summary.counts).reduce((sum, n) => sum + n, 0)],
    ["balanced", "true", String(summary.balanced)],
    ["requests.sent", requests.sent, summary.requests.sent],
    ["requests.retried", requests.retried, summary.requests.retried],
    ["ambiguousUpdated", counted.ambiguousUpdated, summary.ambiguousUpdated],
    ["file.bytes", file?.bytes ?? summary.file.bytes, summary.file.bytes],
    ["file.sha256", file?.sha256 ?? summary.file.sha256, summary.file.sha256],
  ];
  return pairs.flatMap(([name, expected, got]) =>
    expected === got ? [] : [{ expected: `${name} ${expected}`, got: String(got).slice(0, 80) }],
  );
}
