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
  const left = findLeftBehind(dataDir, purpose, sha256);
  if (left === null) return;
  const { run, answered } = left;
  const count = answered?.toLocaleString("en-US") ?? "";
  const far =
    answered === null ? "a process goes on with it" : `${count} ${answered === 1 ? "row is" : "rows are"} answered`;
  throw new UpdraftError("file-differs", { file: purpose.path, run, far });
}

/** Unfinished runs of what the file was before are gone on with no more: whatever they have not sent is compared with the file as it is now. */
export function forgetLeftBehind(dataDir: string, purpose: Purpose): void {
  const wanted = keyOf(purpose);
  for (const { key, run } of entries(dataDir)) if (key === wanted) forgetUnfinished(dataDir, run);
}

/** The unfinished run that was started for this purpose with other content; null where there is none. Forgets runs that are over, or gone. */
export function findLeftBehind(dataDir: string, purpose: Purpose, sha256: string): LeftBehind | null {
  const key = keyOf(purpose);
  for (const { run, ...entry } of entries(dataDir)) {
    if (entry.key !== key || entry.content === sha256.slice(0, LENGTH)) continue;
    const dir = runFolder(dataDir, run);
    const found = existsSync(dir)
      ? peekLedger(dir, (ledger) => ({ over: isOver(ledger.meta("state")), answered: ledger.size() }))
      : { over: true, answered: 0 };
    if (found === null) return { run, answered: null };
    if (!found.over) return { run, answered: found.answered };
    forgetUnfinished(dataDir, run);
  }
  return null;
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
