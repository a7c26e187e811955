// A job's firing in; what is left of it kept on the disk until all of it was run, so that a process that dies goes on with it, out.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { guard } from "../settle/ledger-file.ts";
import { writeWhole } from "../settle/whole-file.ts";

const shape = z.object({
  v: z.literal(1),
  /** Milliseconds since 1970. */
  due: z.number(),
  /** Absolute; null while it is not known which. */
  files: z.array(z.string()).nullable(),
});
export type Pending = Readonly<z.infer<typeof shape>>;

const pathOf = (dataDir: string, name: string) => join(dataDir, "schedule", `${name}.json`);

/** Null where nothing is left, or what is there was written by nobody who could say it. */
export function readPending(dataDir: string, name: string): Pending | null {
  try {
    return shape.parse(JSON.parse(readFileSync(pathOf(dataDir, name), "utf8")));
  } catch {
    return null;
  }
}

/** Whole or not at all, and on the disk when it returns. Throws `disk-full` or `data-dir-unwritable`. */
export function writePending(dataDir: string, name: string, pending: Pending): void {
  guard(dataDir, () => writeWhole(pathOf(dataDir, name), JSON.stringify(pending)));
}

export function forgetPending(dataDir: string, name: string): void {
  rmSync(pathOf(dataDir, name), { force: true });
}
