// A data folder and an age in; runs and checks that ended longer ago gone from it, and what was left alone and why, out.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { isOver } from "../queue/open-run.ts";
import { type Ledger, openLedger } from "../settle/ledger.ts";
import { ledgerPath } from "../settle/ledger-file.ts";
import { type Origin, readOrigin } from "../settle/origin.ts";
import { listRuns, runFolder } from "../settle/run-folder.ts";
import { forgetUnfinished } from "../settle/unfinished.ts";

export interface PruneRequest {
  readonly dataDir: string;
  /** Milliseconds since its end. */
  readonly olderThan: number;
  /** Only tells. */
  readonly dryRun: boolean;
}

export interface PrunedRun {
  readonly run: string;
  /** The name of its file, where that is known. */
  readonly file: string | null;
  readonly state: string;
  /** When it ended; of one that is not over, when it was last written to. ISO 8601. */
  readonly at: string;
  readonly bytes: number;
}

export interface Pruned {
  readonly runs: readonly PrunedRun[];
  readonly checks: number;
  readonly bytes: number;
  /** As old, but not over: they are never removed. */
  readonly unfinished: readonly PrunedRun[];
  /** As old, and in the hands of a process. */
  readonly held: readonly string[];
  /** As old, and without a ledger that can be read. */
  readonly unreadable: readonly { readonly run: string; readonly why: string }[];
}

/** May be called beside runs and beside itself. Throws where the data folder cannot be read or changed. */
export async function prune({ dataDir, olderThan, dryRun }: PruneRequest, clock: Clock): Promise<Pruned> {
  const cutoff = clock.wall() - olderThan;
  const remove = (dir: string) => (dryRun ? Promise.resolve(true) : removeFolder(dataDir, dir));
  const runs: PrunedRun[] = [];
  const unfinished: PrunedRun[] = [];
  const held: string[] = [];
  const unreadable: { run: string; why: string }[] = [];
  for (const run of listRuns(dataDir)) {
    const dir = runFolder(dataDir, run);
    const written = await lastWritten(dir);
    // A ledger that was written to since then is of a run that cannot have ended before.
    if (written === null || written > cutoff) continue;
    try {
      const told = look(dir);
      if (told === null) {
        held.push(run);
        continue;
      }
      const state = told.state ?? "running";
      const file = told.origin?.name ?? null;
      if (!isOver(state)) {
        unfinished.push({ run, file, state, at: new Date(written).toISOString(), bytes: await sizeOf(dir) });
      } else if (told.end !== null && Date.parse(told.end) <= cutoff) {
        const bytes = await sizeOf(dir);
        if (await remove(dir)) runs.push({ run, file, state, at: told.end, bytes });
      }
    } catch (error) {
      if (!(error instanceof UpdraftError)) throw error;
      // Another prune may just have taken it away.
      if (existsSync(dir)) unreadable.push({ run, why: error.message });
    }
  }
  const checks = await pruneChecks(dataDir, cutoff, remove);
  if (!dryRun) await emptyTrash(dataDir);
  const bytes = [...runs, ...checks].reduce((sum, one) => sum + one.bytes, 0);
  return { runs, checks: checks.length, bytes, unfinished, held, unreadable };
}

/** After a run, whatever its end. What fails here is logged: it takes nothing back of what the run has done. */
export async function tidyUp(
  { dataDir, keep }: { readonly dataDir: string; readonly keep: number | null },
  run: string,
  ledger: Pick<Ledger, "meta">,
  log: Logger,
  clock: Clock,
): Promise<void> {
  try {
    if (!isOver(ledger.meta("state"))) return;
    forgetUnfinished(dataDir, run);
    if (keep === null) return;
    const { runs, checks, bytes } = await prune({ dataDir, olderThan: keep, dryRun: false }, clock);
    log.info({ runs: runs.map((one) => one.run), checks, bytes }, "pruned");
  } catch (err) {
    log.warn({ err }, "not pruned");
  }
}

/** Null while a process holds it. Alone for an instant: to share a ledger takes a file of its own, and the disk may be full. */
function look(dir: string): { state: string | null; end: string | null; origin: Origin | null } | null {
  try {
    const ledger = openLedger(dir, { make: false });
    try {
      return { state: ledger.meta("state"), end: ledger.meta("end"), origin: readOrigin(ledger) };
    } finally {
      ledger.close();
    }
  } catch (error) {
    if (error instanceof UpdraftError && error.code === "run-held") return null;
    throw error;
  }
}

async function pruneChecks(
  dataDir: string,
  cutoff: number,
  remove: (dir: string) => Promise<boolean>,
): Promise<{ bytes: number }[]> {
  const pruned: { bytes: number }[] = [];
  for (const name of await namesIn(join(dataDir, "checks"))) {
    const dir = join(dataDir, "checks", name);
    const seen = await stat(dir).catch(() => null);
    if (!seen?.isDirectory() || seen.mtimeMs > cutoff) continue;
    const bytes = await sizeOf(dir);
    if (await remove(dir)) pruned.push({ bytes });
  }
  return pruned;
}

/** Of its ledger; of a folder without one, its own. Null where it is gone. */
async function lastWritten(dir: string): Promise<number | null> {
  const seen = (await stat(ledgerPath(dir)).catch(() => null)) ?? (await stat(dir).catch(() => null));
  return seen?.mtimeMs ?? null;
}

const trashIn = (dataDir: string) => join(dataDir, "trash");

/** Renamed first: whoever looks sees all of a run or nothing. False where another was quicker. */
async function removeFolder(dataDir: string, dir: string): Promise<boolean> {
  const trash = join(trashIn(dataDir), randomBytes(8).toString("hex"));
  try {
    await mkdir(trashIn(dataDir), { recursive: true, mode: 0o700 });
    await rename(dir, trash);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return false;
    // No room even for a name: then it is removed where it is.
    if (code === "ENOSPC" || code === "EDQUOT") {
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
      return true;
    }
    throw new UpdraftError("data-dir-unwritable", { dir }, { cause: error });
  }
  await rm(trash, { recursive: true, force: true, maxRetries: 3 });
  return true;
}

/** What a process that died left there, and what another is about to remove. */
async function emptyTrash(dataDir: string): Promise<void> {
  for (const name of await namesIn(trashIn(dataDir)))
    await rm(join(trashIn(dataDir), name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

async function namesIn(dir: string): Promise<string[]> {
  return (await readdir(dir).catch(() => [])).sort();
}

async function sizeOf(dir: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(dir, { recursive: true }).catch(() => []))
    bytes += (await lstat(join(dir, name)).catch(() => null))?.size ?? 0;
  return bytes;
}
