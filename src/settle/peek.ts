// A run's folder in; what its ledger says just now, read without keeping anybody from it, out.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UpdraftError } from "../errors.ts";
import { type Ledger, makeLedger } from "./ledger.ts";
import { guard, ledgerPath } from "./ledger-file.ts";

const inputPath = (dir: string) => join(dir, "ledger.input");

/** Puts the name of the run's file where it can be read while a process holds the ledger. */
export function noteInput(dir: string, name: string): void {
  try {
    writeFileSync(inputPath(dir), name, { mode: 0o600 });
  } catch {
    // A word for people and no more.
  }
}

/** Null where it was not noted. */
export function notedInput(dir: string): string | null {
  try {
    return readFileSync(inputPath(dir), "utf8");
  } catch {
    return null;
  }
}

export type Peeked = Pick<Ledger, "meta" | "counts" | "size">;

/**
 * Null while a process holds the ledger. Opened for writing all the same: what a crash left beside it is tidied up then.
 * @throws UpdraftError as openLedger does, but not `run-held`
 */
export function peekLedger<T>(dir: string, read: (ledger: Peeked) => T): T | null {
  try {
    return guard(dir, () => {
      if (!existsSync(ledgerPath(dir))) throw new UpdraftError("ledger-missing", { dir });
      const db = new DatabaseSync(ledgerPath(dir));
      try {
        return read(makeLedger({ db, close: () => db.close() }, dir));
      } finally {
        db.close();
      }
    });
  } catch (error) {
    if (error instanceof UpdraftError && error.code === "run-held") return null;
    throw error;
  }
}

/** Null where there is none, and where a process holds it. What is wrong with it is told when it is opened. */
export function peekRun<T>(dir: string, read: (ledger: Peeked) => T): T | null {
  try {
    return existsSync(ledgerPath(dir)) ? peekLedger(dir, read) : null;
  } catch {
    return null;
  }
}
