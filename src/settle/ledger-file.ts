// A run's folder in; its SQLite file, locked for this process and known to be a ledger, or the reason why it is none, out.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as z from "zod";
import { UpdraftError } from "../errors.ts";

/** "UPDR": tells our ledgers from other SQLite files. */
const APPLICATION_ID = 0x55504452;
const VERSION = 1;

const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outcomes (
  row INTEGER PRIMARY KEY, status INTEGER NOT NULL, attempts INTEGER NOT NULL, http INTEGER NOT NULL,
  at INTEGER NOT NULL, ambiguous INTEGER NOT NULL, latency REAL NOT NULL, cause TEXT
) STRICT;
CREATE TABLE faults (
  row INTEGER NOT NULL, at INTEGER NOT NULL, fault TEXT NOT NULL, http INTEGER NOT NULL, latency REAL NOT NULL, wait REAL NOT NULL
) STRICT;
CREATE TABLE past (row INTEGER PRIMARY KEY, tries INTEGER NOT NULL, requests INTEGER NOT NULL, ambiguous INTEGER NOT NULL) STRICT;
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};`;

/** How long another may take to let go. */
const BUSY_MS = 500;

const holderShape = z.object({ pid: z.number(), host: z.string() });

export interface LedgerFile {
  readonly db: DatabaseSync;
  /** Lets go of the lock. May be called twice. */
  close(): void;
}

export const ledgerPath = (dir: string) => join(dir, "ledger.db");
/** Who has the lock, for those who do not get it: SQLite's own cannot say. */
const holderPath = (dir: string) => join(dir, "ledger.holder");

/** `make`: a folder without a ledger gets one; otherwise it is refused with `ledger-missing`. */
export function openLedgerFile(dir: string, make: boolean): LedgerFile {
  const file = ledgerPath(dir);
  const db = guard(dir, () => {
    const fresh = !existsSync(file);
    if (fresh && !make) throw new UpdraftError("ledger-missing", { dir });
    // Only then: another process may be taking the folder away, and nothing must come back in its place.
    if (make) mkdirSync(dir, { recursive: true, mode: 0o700 });
    const opened = new DatabaseSync(file, { timeout: BUSY_MS });
    if (fresh) chmodSync(file, 0o600);
    return opened;
  });
  try {
    guard(dir, () => {
      // On a connection of its own, because this one keeps every lock it gets: what is none of ours stays as it is.
      const probe = new DatabaseSync(file, { timeout: BUSY_MS });
      try {
        // Alone for an instant, because sharing takes a file of its own, and the disk may be full.
        probe.exec("PRAGMA locking_mode = EXCLUSIVE");
        refuseOthers(probe, dir);
      } finally {
        probe.close();
      }
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
      // NORMAL: SQLite syncs around checkpoints, so the file is never damaged; each commit is synced by sync().
      db.exec("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 2000");
      db.exec("BEGIN EXCLUSIVE");
      if (refuseOthers(db, dir)) db.exec(SCHEMA);
      db.exec("COMMIT");
    });
    noteHolder(dir);
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    db,
    close() {
      if (!db.isOpen) return;
      // While the lock is held: afterwards it may be another's note.
      rmSync(holderPath(dir), { force: true });
      db.close();
    },
  };
}

/** True for a ledger that is still to be made. */
function refuseOthers(db: DatabaseSync, dir: string): boolean {
  const file = ledgerPath(dir);
  const id = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
  if (id === 0 && tables === 0) {
    // A process may die in the instant in which it made the file; one that came further has left more than that.
    if (readdirSync(dir).some((name) => !name.startsWith("ledger.")))
      throw broken(dir, "it is empty, though its run has begun its reports");
    return true;
  }
  if (id !== APPLICATION_ID) throw new UpdraftError("ledger-foreign", { file });
  if (version > VERSION) throw new UpdraftError("ledger-newer", { file, version, known: VERSION });
  return false;
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

export function broken(dir: string, why: string, options?: { cause: unknown }): UpdraftError {
  return new UpdraftError("ledger-broken", { file: ledgerPath(dir), why }, options);
}

/** A word for people and no more: where it cannot be written or read, the lock holds as well. */
function noteHolder(dir: string): void {
  try {
    writeFileSync(holderPath(dir), JSON.stringify({ pid: process.pid, host: hostname() }), { mode: 0o600 });
  } catch {
    // As when the disk is full.
  }
}

function holderOf(dir: string): string {
  try {
    const file = holderPath(dir);
    const { pid, host } = holderShape.parse(JSON.parse(readFileSync(file, "utf8")));
    return `process ${pid} on ${host} since ${statSync(file).mtime.toISOString()}`;
  } catch {
    return "another process";
  }
}

/** Runs `act`; SQLite's own failures become errors of the table. */
export function guard<T>(dir: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asOurs(dir, error);
  }
}

export function asOurs(dir: string, error: unknown): unknown {
  if (error instanceof UpdraftError || !(error instanceof Error)) return error;
  const sqlite = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  const code = "code" in error ? error.code : undefined;
  const cause = { cause: error };
  if (sqlite === 5 || sqlite === 6) return new UpdraftError("run-held", { dir, who: holderOf(dir) }, cause);
  if (sqlite === 13 || code === "ENOSPC") return new UpdraftError("disk-full", { dir }, cause);
  // 1: a statement of ours that fits no table; and a figure that no number holds is none that was written.
  if (sqlite === 1 || sqlite === 11 || sqlite === 26 || code === "ERR_OUT_OF_RANGE")
    return broken(dir, "SQLite cannot read it", cause);
  if (sqlite === 8 || sqlite === 10 || sqlite === 14 || "syscall" in error) {
    return new UpdraftError("data-dir-unwritable", { dir }, cause);
  }
  return error;
}
