// What the accepted files of a job were like in; the last of them, kept in the data folder, out. Figures and column names, no value.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { UpdraftError } from "../errors.ts";
import { type Health, LOOK_BACK } from "../plan/health.ts";
import { writeWhole } from "./whole-file.ts";

const figure = z.number();
/** As it is kept, here and in a run's ledger. */
export const healthSchema = z.object({
  rows: figure,
  customers: figure,
  columns: z.record(z.string(), z.object({ empty: figure, length: figure })),
  damages: z.record(z.string(), figure),
}) satisfies z.ZodType<Health>;

const kept = z.object({
  v: z.literal(1),
  /** The oldest first. */
  files: z.array(healthSchema.extend({ run: z.string() })),
});

function pathOf(dataDir: string, job: string): string {
  return join(dataDir, "health", `${encodeURIComponent(job)}.json`);
}

/** The oldest first; empty where none was accepted. Throws `health-broken`. */
export function readHealth(dataDir: string, job: string): readonly Health[] {
  return readFiles(dataDir, job);
}

/** Adds a file, in place of what the same run said of it before. Throws `health-broken` and `data-dir-unwritable`. */
export function addHealth(dataDir: string, job: string, run: string, health: Health): void {
  const files = [...readFiles(dataDir, job).filter((file) => file.run !== run), { run, ...health }].slice(-LOOK_BACK);
  const path = pathOf(dataDir, job);
  try {
    // Another process may do the same for another run of the job.
    writeWhole(path, JSON.stringify({ v: 1, files }));
  } catch (cause) {
    throw new UpdraftError("data-dir-unwritable", { dir: dataDir }, { cause });
  }
}

function readFiles(dataDir: string, job: string): z.infer<typeof kept>["files"] {
  const path = pathOf(dataDir, job);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    throw new UpdraftError("health-broken", { path }, { cause });
  }
  try {
    return kept.parse(JSON.parse(text)).files;
  } catch (cause) {
    throw new UpdraftError("health-broken", { path }, { cause });
  }
}
