// A job and an endpoint in; the SQLite file of what that endpoint has accepted from it, locked for this process, out.
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UpdraftError } from "../errors.ts";

/** How long another may take to let go. */
const BUSY_MS = 500;
const VERSION = 3;
/** So many customers are looked at in one step: some hundredths of a second, a third of one if all have expired. */
const EXPIRE_STEP = 20_000;
/** At least one step each time, and so many customers for each that is new since: with one, files of ever new ones would outgrow it. */
const LOOKED_AT_PER_NEW = 2;

// `place`: customers stand in the order in which they were first sent, because the next file will probably have them in that order, too:
// what comes next is then read already, where a place that the hash decides would be a page of its own for each row. `at`: when the oldest
// of the parts was accepted. `body`: hash of the whole body that was accepted last, because nearly all rows of a nightly file are equal to
// that: one comparison then does for all of their parts. `parts`: packed-parts.ts. All three are empty for a customer that is forgotten.
// `looked`: the place up to which expired customers were looked for last; `highest`: the highest place there was then.
const SCHEMA = `
DROP TABLE IF EXISTS accepted;
DROP TABLE IF EXISTS made;
CREATE TABLE made (what TEXT NOT NULL, looked INTEGER NOT NULL, highest INTEGER NOT NULL) STRICT;
CREATE TABLE accepted (
  place INTEGER PRIMARY KEY, customer BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, body BLOB NOT NULL, parts BLOB NOT NULL
) STRICT;`;

/** Runs that began to send and have not ended. They outlive what is noted under another key. */
const RUNS = "CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY) STRICT, WITHOUT ROWID";
/** Tells this file from that of another data folder. */
const ID = `
CREATE TABLE IF NOT EXISTS self (id TEXT NOT NULL) STRICT;
INSERT INTO self SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM self);`;

export interface AcceptedName {
  readonly dataDir: string;
  readonly job: string;
  /** A fingerprint. */
  readonly endpoint: string;
}

/** What was accepted `age` or longer before `now`, in milliseconds, says nothing any more. */
export interface Expiry {
  readonly now: number;
  readonly age: number;
}

export function acceptedPath({ dataDir, job, endpoint }: AcceptedName): string {
  return join(dataDir, "accepted", `${encodeURIComponent(job)}-${endpoint}.db`);
}

/**
 * One process at a time: two that send to one customer would each know only half of what the endpoint has. What was made for
 * something else (another key, another contract) can be compared with nothing, and is forgotten.
 * @param made what the hashes in it depend on
 * @throws UpdraftError `accepted-held`, `accepted-broken`, `data-dir-unwritable`, `disk-full`
 */
export function openAcceptedFile(name: AcceptedName, made: string): DatabaseSync {
  const file = acceptedPath(name);
  return guardAccepted(name, () => {
    mkdirSync(join(name.dataDir, "accepted"), { recursive: true, mode: 0o700 });
    const fresh = !existsSync(file);
    const db = new DatabaseSync(file, { timeout: BUSY_MS });
    try {
      if (fresh) chmodSync(file, 0o600);
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
      // As the ledger's: SQLite syncs around checkpoints, and what must be on the disk sooner is synced by sync(). Rows come in
      // no order that the file knows, so a larger log lets more of them share a page before it is written where it belongs.
      db.exec("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 10000");
      db.exec("BEGIN EXCLUSIVE");
      db.exec(RUNS);
      db.exec(ID);
      if (readMade(db) !== `${VERSION} ${made}`) {
        db.exec(SCHEMA);
        db.prepare("INSERT INTO made VALUES (?, 0, 0)").run(`${VERSION} ${made}`);
      }
      db.exec("COMMIT");
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/**
 * A customer who is in no file any more would stay for ever: each time the next ones are looked at, and after the last the first again. One who
 * comes after all is sent, as they would be if they had stayed. In steps: of a million, ten seconds' work, none may keep the process
 * from renewing what it holds.
 */
export async function dropExpired(name: AcceptedName, db: DatabaseSync, { now, age }: Expiry): Promise<void> {
  const highest = "SELECT coalesce(max(place), 0) FROM accepted";
  const step = db.prepare("SELECT place FROM accepted WHERE place > ? ORDER BY place LIMIT 1 OFFSET ?");
  const drop = db.prepare("DELETE FROM accepted WHERE place > ? AND place <= ? AND abs(at - ?) >= ?");
  const note = db.prepare("UPDATE made SET looked = ?");
  const guard = <T>(act: () => T): T => guardAccepted(name, act);
  const { looked, fresh } =
    guard(() => db.prepare(`SELECT looked, (${highest}) - highest AS fresh FROM made`).get()) ?? {};
  let from = Number(looked);
  for (let left = Math.max(EXPIRE_STEP, LOOKED_AT_PER_NEW * Number(fresh)); left > 0; left -= EXPIRE_STEP) {
    const last = guard(() => {
      const to = step.get(from, EXPIRE_STEP - 1)?.place;
      drop.run(from, Number(to ?? Number.MAX_SAFE_INTEGER), now, age);
      from = Number(to ?? 0);
      note.run(from);
      return to === undefined;
    });
    if (last) break;
    await nextTurn();
  }
  guard(() => db.exec(`UPDATE made SET highest = (${highest})`));
}

function readMade(db: DatabaseSync): string | null {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'made'").get() === undefined) return null;
  return String(db.prepare("SELECT what FROM made").get()?.what);
}

/** Runs `act`; SQLite's own failures become errors of the table. */
export function guardAccepted<T>(name: AcceptedName, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asOurs(name, error);
  }
}

export function asOurs(name: AcceptedName, error: unknown): unknown {
  if (error instanceof UpdraftError || !(error instanceof Error)) return error;
  const file = acceptedPath(name);
  const sqlite = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  const code = "code" in error ? error.code : undefined;
  const cause = { cause: error };
  if (sqlite === 5 || sqlite === 6) return new UpdraftError("accepted-held", { job: name.job, file }, cause);
  if (sqlite === 13 || code === "ENOSPC") return new UpdraftError("disk-full", { dir: name.dataDir }, cause);
  if (sqlite === 1 || sqlite === 11 || sqlite === 19 || sqlite === 26)
    return new UpdraftError("accepted-broken", { file }, cause);
  if (sqlite === 8 || sqlite === 10 || sqlite === 14 || "syscall" in error)
    return new UpdraftError("data-dir-unwritable", { dir: name.dataDir }, cause);
  return error;
}
