// Why a run stops before its end although nobody told it to: the rule, a sentence for people, and the rows that brought it about.
import * as z from "zod";

export const STOP_RULES = ["stop-after", "same-error", "canary", "give-up-after"] as const;
export type StopRule = (typeof STOP_RULES)[number];

/** Rows that are told of. */
export const MOST_ROWS = 10;

const schema = z.object({
  rule: z.enum(STOP_RULES),
  /** One sentence without a full stop; no value of a row. */
  message: z.string(),
  /** In the order in which they ended: the last ones, at most MOST_ROWS. */
  rows: z.array(z.number().int().min(1)).readonly(),
});
export type Stopped = Readonly<z.infer<typeof schema>>;

/** What the ledger notes of it. */
export function packStopped(stopped: Stopped): string {
  return JSON.stringify(stopped);
}

/** Null where none was noted. */
export function readStopped(text: string | null): Stopped | null {
  return text === null ? null : schema.parse(JSON.parse(text));
}
