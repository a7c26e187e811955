// A file in, a lock on it out that the operating system takes back when its process dies, however it dies.

import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";

const SQLITE_BUSY = 5;
const POLL_MS = 20;

/** Gives the lock back; may be called twice. */
export type Release = () => void;

/**
 * Null when another holds it. `shared` may be held by many at once, `exclusive` by one alone. The locks are SQLite's own:
 * Node offers no other that works on each system and between the connections of one process too.
 */
export function tryLock(file: string, mode: "shared" | "exclusive"): Release | null {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
  } catch (cause) {
    throw new UpdraftError("data-dir-unwritable", { dir: file }, { cause });
  }
  try {
    // Its journal would be written to the disk, which may be full: then of all things the way out must not be barred.
    if (mode === "exclusive") db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    else {
      db.exec("BEGIN");
      // A transaction takes its lock with the first read.
      db.prepare("SELECT count(*) FROM sqlite_master").get();
    }
  } catch (cause) {
    db.close();
    if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY) return null;
    throw new UpdraftError("data-dir-unwritable", { dir: file }, { cause });
  }
  return () => {
    if (db.isOpen) db.close();
  };
}

/** Asks again until it has the exclusive lock; null after `ms`. It never blocks: the holder may be in this process. */
export async function waitForLock(file: string, ms: number, clock: Clock): Promise<Release | null> {
  const end = clock.now() + ms;
  while (true) {
    const release = tryLock(file, "exclusive");
    if (release !== null) return release;
    if (clock.now() >= end) return null;
    await clock.sleep(POLL_MS);
  }
}
