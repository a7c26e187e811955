// Outcomes in, one row of SQLite each: the run's ledger, the truth about what happened to every row.
import { chmodSync, closeSync, existsSync, fdatasync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import * as z from "zod";
import { UpdraftError } from "../errors.ts";
import { type Fault, sentCause } from "./entry.ts";
import { type Cause, type Outcome, STATUSES, type Status } from "./outcome.ts";

const datasync = promisify(fdatasync);

/** "UPDR": tells our ledgers from other SQLite files. */
const APPLICATION_ID = 0x55504452;
const VERSION = 1;
/** Outcomes read at once: no read is open while the ledger is written. */
const PAGE = 1_000;

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

const causeShape: z.ZodType<Cause> = sentCause.extend({
  problems: z
    .array(
      z.object({ column: z.string().nullable(), path: z.string().nullable(), code: z.string(), message: z.string() }),
    )
    .exactOptional(),
});

/** What has been tried for a row that has no outcome yet. */
export interface Past {
  readonly tries: number;
  readonly requests: number;
  readonly ambiguous: boolean;
}

export const NOTHING_TRIED: Past = { tries: 0, requests: 0, ambiguous: false };

export interface Ledger {
  /**
   * Writes all of it in one transaction; a row that has an outcome keeps it. Returns the outcomes that were new.
   * It survives the process at once, and the machine after sync().
   */
  write(
    outcomes: readonly Outcome[],
    faults?: readonly Fault[],
    meta?: Readonly<Record<string, string>>,
  ): readonly Outcome[];
  /** Resolves when everything written so far is on the disk. The event loop goes on meanwhile: a sync takes milliseconds. */
  sync(): Promise<void>;
  meta(key: string): string | null;
  /** Notes that a coordinator starts on the run (wall clock); returns how many have by now, this one included. */
  begin(start: number): number;
  /** What is known of rows that were under way when an epoch ended, for the next one. */
  past(): Map<number, Past>;
  writePast(rows: Iterable<readonly [row: number, past: Past]>): void;
  /** Outcomes by status. */
  counts(): Record<Status, number>;
  /** Rows that have an outcome. */
  size(): number;
  /** Rows that have an outcome, one bit each (bit `row`), for skipping them on resume. */
  answered(): Uint8Array;
  /** Outcomes, ascending by row, up to the row that `upTo` says when more are needed; the ledger may be written meanwhile. */
  outcomes(upTo?: () => number): Generator<Outcome, void, undefined>;
  requests(): { sent: number; retried: number; ambiguousUpdated: number };
  close(): void;
}

/**
 * Opens or makes `<dir>/ledger.db` and locks it for this process until close() or death: SQLite's own exclusive lock.
 * @throws UpdraftError `run-held`, `ledger-foreign`, `ledger-newer`, `ledger-broken`, `data-dir-unwritable`, `disk-full`
 */
export function openLedger(dir: string): Ledger {
  const file = join(dir, "ledger.db");
  const db = guard(dir, () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const fresh = !existsSync(file);
    const opened = new DatabaseSync(file);
    if (fresh) chmodSync(file, 0o600);
    return opened;
  });
  try {
    return guard(dir, () => {
      db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 500; PRAGMA journal_mode = WAL;`);
      // NORMAL: SQLite syncs around checkpoints, so the file is never damaged; each commit is synced by sync().
      db.exec("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 2000");
      db.exec("BEGIN EXCLUSIVE");
      prepareSchema(db, file);
      db.exec("COMMIT");
      return makeLedger(db, dir);
    });
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareSchema(db: DatabaseSync, file: string): void {
  const id = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
  if (id === 0 && tables === 0) db.exec(SCHEMA);
  else if (id !== APPLICATION_ID) throw new UpdraftError("ledger-foreign", { file });
  else if (version > VERSION) throw new UpdraftError("ledger-newer", { file, version, known: VERSION });
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function makeLedger(db: DatabaseSync, dir: string): Ledger {
  const insert = db.prepare("INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const insertFault = db.prepare("INSERT INTO faults VALUES (?, ?, ?, ?, ?, ?)");
  const insertMeta = db.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
  const counted: Record<Status, number> = countByStatus(db);
  let wal: number | null = null;

  return {
    write(outcomes, faults = [], meta = {}) {
      return guard(dir, () => {
        db.exec("BEGIN");
        try {
          const added = outcomes.filter((o) => {
            const cause = o.cause === null ? null : JSON.stringify(o.cause);
            const status = STATUSES.indexOf(o.status);
            const done = insert.run(o.row, status, o.attempts, o.http, o.at, o.ambiguous ? 1 : 0, o.latency, cause);
            return done.changes === 1;
          });
          for (const f of faults) insertFault.run(f.row, f.at, f.fault, f.http, f.latency, f.wait);
          for (const [key, value] of Object.entries(meta)) insertMeta.run(key, value);
          db.exec("COMMIT");
          for (const o of added) counted[o.status]++;
          return added;
        } catch (error) {
          if (db.isTransaction) db.exec("ROLLBACK");
          throw error;
        }
      });
    },
    async sync() {
      try {
        // A plain descriptor: two syncs that begin at once share it, and none is left to the garbage collector.
        wal ??= openSync(join(dir, "ledger.db-wal"), "r");
        await datasync(wal);
      } catch (error) {
        throw asOurs(dir, error);
      }
    },
    meta(key) {
      const value = db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.value;
      return typeof value === "string" ? value : null;
    },
    begin(start) {
      const spells = Number(this.meta("spells") ?? "0") + 1;
      this.write([], [], { spells: String(spells), start: this.meta("start") ?? String(start), state: "running" });
      return spells;
    },
    past() {
      const open = db.prepare("SELECT * FROM past WHERE row NOT IN (SELECT row FROM outcomes)").all();
      return new Map(
        open.map((p) => [
          Number(p.row),
          { tries: Number(p.tries), requests: Number(p.requests), ambiguous: p.ambiguous === 1 },
        ]),
      );
    },
    writePast(rows) {
      const upsert = db.prepare(
        `INSERT INTO past VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET tries = max(tries, excluded.tries),
         requests = max(requests, excluded.requests), ambiguous = max(ambiguous, excluded.ambiguous)`,
      );
      guard(dir, () => {
        db.exec("BEGIN");
        try {
          for (const [row, p] of rows) upsert.run(row, p.tries, p.requests, p.ambiguous ? 1 : 0);
          db.exec("COMMIT");
        } catch (error) {
          if (db.isTransaction) db.exec("ROLLBACK");
          throw error;
        }
      });
    },
    counts: () => ({ ...counted }),
    size: () => Object.values(counted).reduce((sum, n) => sum + n, 0),
    answered() {
      const last = Number(db.prepare("SELECT max(row) AS n FROM outcomes").get()?.n ?? 0);
      const bits = new Uint8Array((last >> 3) + 1);
      const rows = db.prepare("SELECT row FROM outcomes");
      rows.setReturnArrays(true);
      for (const record of rows.iterate()) {
        const row = Number(Object.values(record)[0]);
        bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
      }
      return bits;
    },
    *outcomes(upTo = () => Number.MAX_SAFE_INTEGER) {
      const page = db.prepare(
        `SELECT row, status, attempts, http, at, ambiguous, latency, cause FROM outcomes
         WHERE row > ? AND row <= ? ORDER BY row LIMIT ${PAGE}`,
      );
      page.setReturnArrays(true);
      for (let after = 0; ; ) {
        const records = page.all(after, upTo());
        if (records.length === 0) return;
        for (const record of records) {
          const outcome = readOutcome(record);
          after = outcome.row;
          yield outcome;
        }
      }
    },
    requests() {
      const sums = db.prepare(
        `SELECT total(attempts) AS sent, total(max(attempts - 1, 0)) AS retried,
                total(ambiguous = 1 AND status = 0) AS ambiguous FROM outcomes`,
      );
      const found = sums.get();
      return {
        sent: Number(found?.sent),
        retried: Number(found?.retried),
        ambiguousUpdated: Number(found?.ambiguous),
      };
    },
    close() {
      if (wal !== null) closeSync(wal);
      wal = null;
      if (db.isOpen) db.close();
    },
  };
}

/** The table is STRICT: what SQLite gives back has the columns' types. */
function readOutcome(record: Record<number, unknown>): Outcome {
  const cause = record[7];
  return {
    row: Number(record[0]),
    status: STATUSES[Number(record[1])] ?? "unknown",
    attempts: Number(record[2]),
    http: Number(record[3]),
    at: Number(record[4]),
    ambiguous: record[5] === 1,
    latency: Number(record[6]),
    cause: typeof cause === "string" ? causeShape.parse(JSON.parse(cause)) : null,
  };
}

function countByStatus(db: DatabaseSync): Record<Status, number> {
  const counts: Record<Status, number> = { updated: 0, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0 };
  for (const found of db.prepare("SELECT status, count(*) AS n FROM outcomes GROUP BY status").all()) {
    const status = STATUSES[Number(found.status)];
    if (status) counts[status] = Number(found.n);
  }
  return counts;
}

/** SQLite's own failures as errors of the table. */
function guard<T>(dir: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asOurs(dir, error);
  }
}

function asOurs(dir: string, error: unknown): unknown {
  if (error instanceof UpdraftError || !(error instanceof Error)) return error;
  const code = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  const file = join(dir, "ledger.db");
  const cause = { cause: error };
  if (code === 5 || code === 6) return new UpdraftError("run-held", { dir }, cause);
  if (code === 13 || ("code" in error && error.code === "ENOSPC")) return new UpdraftError("disk-full", { dir }, cause);
  if (code === 11 || code === 26) return new UpdraftError("ledger-broken", { file }, cause);
  if (code === 8 || code === 10 || code === 14 || "syscall" in error) {
    return new UpdraftError("data-dir-unwritable", { dir }, cause);
  }
  return error;
}
