// Which file each unfinished run was started with, in; the run that a changed file would leave behind for ever, out.
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";
import { isOver } from "../queue/open-run.ts";
import { guard } from "./ledger-file.ts";
import { peekLedger } from "./peek.ts";
import { runFolder } from "./run-folder.ts";

/** Where a file is, and what is done with it. */
export interface Purpose {
  /** Absolute. */
  readonly path: string;
  readonly job: string;
  readonly baseUrl: string;
  readonly login: string;
}

/** An unfinished run whose file has changed. */
export interface LeftBehind {
  readonly run: string;
  /** Null: a process goes on with it just now. */
  readonly answered: number | null;
}

const LENGTH = 16;
const folderIn = (dataDir: string) => join(dataDir, "unfinished");

// An entry is an empty file: all it says is its name, so that no crash leaves half of one.
const nameOf = (purpose: Purpose, run: string, sha256: string) => `${keyOf(purpose)}-${run}-${sha256.slice(0, LENGTH)}`;

/** Throws `disk-full` or `data-dir-unwritable`. */
export function noteUnfinished(dataDir: string, purpose: Purpose, run: string, sha256: string): void {
  guard(dataDir, () => {
    mkdirSync(folderIn(dataDir), { recursive: true, mode: 0o700 });
    closeSync(openSync(join(folderIn(dataDir), nameOf(purpose, run, sha256)), "a", 0o600));
  });
}

export function forgetUnfinished(dataDir: string, run: string): void {
  for (const { name } of entries(dataDir).filter((entry) => entry.run === run))
    rmSync(join(folderIn(dataDir), name), { force: true });
}

/** Throws `file-differs` where a run of what the file was before is not over: its rows would be left behind, half of them sent. */
export function refuseLeftBehind(dataDir: string, purpose: Purpose, sha256: string): void {
  const [left] = findLeftBehind(dataDir, purpose, (entry) => entry.content !== sha256.slice(0, LENGTH));
  if (left !== undefined)
    throw new UpdraftError("file-differs", { file: purpose.path, run: left.run, far: farOf(left) });
}

/** "a process goes on with it", "1 row is answered". */
export function farOf({ answered }: LeftBehind): string {
  if (answered === null) return "a process goes on with it";
  return `${answered.toLocaleString("en-US")} ${answered === 1 ? "row is" : "rows are"} answered`;
}

/** The unfinished runs that were started for this purpose, of those that are asked for. Forgets runs that are over, or gone. */
export function findLeftBehind(
  dataDir: string,
  purpose: Purpose,
  isAsked: (entry: { readonly run: string; readonly content: string }) => boolean,
): LeftBehind[] {
  const key = keyOf(purpose);
  return entries(dataDir).flatMap(({ run, ...entry }): LeftBehind[] => {
    if (entry.key !== key || !isAsked({ run, ...entry })) return [];
    const dir = runFolder(dataDir, run);
    const found = existsSync(dir)
      ? peekLedger(dir, (ledger) => ({ over: isOver(ledger.meta("state")), answered: ledger.size() }))
      : { over: true, answered: 0 };
    if (found === null) return [{ run, answered: null }];
    if (!found.over) return [{ run, answered: found.answered }];
    forgetUnfinished(dataDir, run);
    return [];
  });
}

function keyOf({ path, job, baseUrl, login }: Purpose): string {
  const all = JSON.stringify([path, job, baseUrl, login]);
  return createHash("sha256").update(all).digest("hex").slice(0, LENGTH);
}

function entries(dataDir: string) {
  let names: string[] = [];
  try {
    names = readdirSync(folderIn(dataDir));
  } catch {
    // No run was ever started here.
  }
  return names.map((name) => {
    const [key = "", run = "", content = ""] = name.split("-");
    return { name, key, run, content };
  });
}
