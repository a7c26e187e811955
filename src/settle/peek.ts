// A run's folder in; what its ledger says just now, read without keeping anybody from it, out.
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { UpdraftError } from "../errors.ts";
import { type Ledger, makeLedger } from "./ledger.ts";
import { guard, ledgerPath } from "./ledger-file.ts";

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
