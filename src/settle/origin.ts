// What a run was started with in, a line in its ledger; and back: what its rows came from and how they are read, out.
import * as z from "zod";
import { DAMAGE_KINDS } from "../plan/damage.ts";
import type { Ledger } from "./ledger.ts";

const texts = z.record(z.string(), z.string());
const damage = z.enum(DAMAGE_KINDS);

const origin = z.object({
  v: z.literal(1),
  /** Absolute; null for standard input. The newest place: a renamed file is the same run. */
  path: z.string().nullable(),
  name: z.string(),
  format: z.enum(["csv", "ndjson"]),
  /** Of the decoded content. */
  bytes: z.number(),
  sha256: z.string(),
  job: z.string(),
  mapping: z.object({ set: texts, ignoreColumns: z.array(z.string()), refuse: z.array(damage).optional() }),
  /** What the job said of columns. */
  sketch: z
    .object({ columns: texts, constants: texts, transforms: texts, ignoreColumns: z.array(z.string()).readonly() })
    .optional(),
  /** How its rows were read, all that can be told; not of NDJSON, nor of a run from before it was noted. */
  dialect: z
    .object({
      delimiter: z.string(),
      quote: z.string().nullable(),
      escape: z.string().nullable(),
      comment: z.string().nullable(),
      headerLines: z.number(),
      preambleLines: z.number(),
      footnoteLines: z.number().exactOptional(),
      columns: z.array(z.string()).readonly().exactOptional(),
    })
    .exactOptional(),
  /** `--limit`; null for all rows. */
  limit: z.number().nullable(),
  /** What the file was read as; absent in runs that knew UTF-8 alone. */
  encoding: z.enum(["utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1"]).default("utf-8"),
  baseUrl: z.string(),
});
export type Origin = z.infer<typeof origin>;

export function writeOrigin(ledger: Ledger, value: Origin): void {
  ledger.write([], [], { origin: JSON.stringify(value) });
}

/** Null where the run ended before anything was noted. */
export function readOrigin(ledger: Pick<Ledger, "meta">): Origin | null {
  const text = ledger.meta("origin");
  return text === null ? null : origin.parse(JSON.parse(text));
}
