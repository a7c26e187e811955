// What a run is made of in, its id and its folder out; and what that folder says of earlier spells.
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";

export interface Identity {
  readonly job: string;
  readonly plan: string;
  readonly contract: string;
  readonly baseUrl: string;
  readonly login: string;
  /** SHA-256 of the decompressed content: a renamed or re-compressed file is the same. */
  readonly content: string;
  /** What it is read as: in another encoding its texts are others. */
  readonly encoding: string;
  /** `--limit`: the first rows of a file are another run than all of them. */
  readonly limit: number | null;
}

/** 16 hex digits. */
export function runId(identity: Identity): string {
  const { job, plan, contract, baseUrl, login, content, encoding, limit } = identity;
  const read = encoding === "utf-8" ? [] : [encoding];
  const all = JSON.stringify([job, plan, contract, baseUrl, login, content, limit, ...read]);
  return createHash("sha256").update(all).digest("hex").slice(0, 16);
}

export interface RunFolder {
  /** The id, with `.2`, `.3`, … for a file that is applied anew. */
  readonly run: string;
  readonly dir: string;
}

const runsIn = (dataDir: string) => join(dataDir, "runs");
export const runFolder = (dataDir: string, run: string) => join(runsIn(dataDir), run);
/** Names that an error shows of many. */
const SHOWN = 5;

/** The newest application of a file, or with `next` a new one after it. A run id is free of `-` and `:`, which name epochs and keys. */
export function findRun(dataDir: string, id: string, next: boolean): RunFolder {
  // Earlier applications may have been pruned: the newest is the one with the highest number, whatever is before it.
  const newest = Math.max(listRuns(dataDir).includes(id) ? 1 : 0, newestOf(dataDir, `${id}.`));
  const n = next ? newest + 1 : Math.max(newest, 1);
  const run = n === 1 ? id : `${id}.${n}`;
  return { run, dir: runFolder(dataDir, run) };
}

/** The run that a retry goes back to, also where that was a retry; any other run itself. */
export const firstRun = (run: string) => run.replace(/\.r\d+$/, "");

/** The newest of a run and its retries, or with `next` a new retry behind it: `<run>.r1`, `.r2`, …, also where a retry is retried. */
export function findRetry(dataDir: string, named: string, next: boolean): RunFolder {
  const first = firstRun(named);
  const n = newestOf(dataDir, `${first}.r`) + (next ? 1 : 0);
  const run = n === 0 ? first : `${first}.r${n}`;
  return { run, dir: runFolder(dataDir, run) };
}

/** Names of all runs that the data folder has, sorted. */
export function listRuns(dataDir: string): string[] {
  try {
    const entries = readdirSync(runsIn(dataDir), { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new UpdraftError("data-dir-unreadable", { dir: runsIn(dataDir), reason: String(code) }, { cause: error });
  }
}

/** The run of that name, else the only one whose name begins so. Throws `run-unknown` and `run-ambiguous`. */
export function findRunByPrefix(dataDir: string, prefix: string): RunFolder {
  const run = pickRun(listRuns(dataDir), prefix, dataDir);
  return { run, dir: runFolder(dataDir, run) };
}

/** As findRunByPrefix, among these names. */
export function pickRun(runs: readonly string[], prefix: string, dataDir: string): string {
  const found = runs.includes(prefix) ? [prefix] : runs.filter((run) => run.startsWith(prefix));
  const [run] = found;
  if (run === undefined || prefix === "") throw new UpdraftError("run-unknown", { run: prefix, dir: runsIn(dataDir) });
  if (found.length > 1) {
    const more = found.length > SHOWN ? `, and ${found.length - SHOWN} more` : "";
    throw new UpdraftError("run-ambiguous", { run: prefix, found: found.slice(0, SHOWN).join(", ") + more });
  }
  return run;
}

/** The highest number behind `start` in a run's name; 0 where there is none. */
function newestOf(dataDir: string, start: string): number {
  return listRuns(dataDir)
    .filter((run) => run.startsWith(start))
    .map((run) => Number(run.slice(start.length)))
    .reduce((most, n) => (Number.isSafeInteger(n) ? Math.max(most, n) : most), 0);
}
