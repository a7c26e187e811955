// Outcomes in, one row of SQLite each: the run's ledger, the truth about what happened to every row.
import { closeSync, fdatasync, openSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import type { Fault } from "./entry.ts";
import { asOurs, broken, guard, type LedgerFile, ledgerPath, openLedgerFile } from "./ledger-file.ts";
import { COLUMNS, columnsOf, readOutcome } from "./ledger-record.ts";
import { addToSum, sumUp } from "./ledger-sum.ts";
import { type Outcome, STATUSES, type Status } from "./outcome.ts";
import { type Past, readPast } from "./past.ts";

const datasync = promisify(fdatasync);

/** Lines read at once: no read is open while the ledger is written. */
const PAGE = 1_000;

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
  /** What is known of rows that were under way when an epoch ended, for the next one: ascending, the ledger may be written meanwhile. */
  past(): Generator<readonly [row: number, past: Past], void, undefined>;
  writePast(rows: Iterable<readonly [row: number, past: Past]>): void;
  /** Outcomes by status. */
  counts(): Record<Status, number>;
  /** Rows that have an outcome. */
  size(): number;
  /** The highest row that has an outcome; 0 where none has. */
  last(): number;
  /** Rows that have an outcome (of this status, where one is given), one bit each (bit `row`), for skipping them on resume. */
  answered(status?: Status): Uint8Array;
  /** Outcomes, ascending by row, up to the row that `upTo` says when more are needed; the ledger may be written meanwhile. */
  outcomes(upTo?: () => number): Generator<Outcome, void, undefined>;
  /** All that is known of one row; its faults in the order in which they were told. */
  history(row: number): { outcome: Outcome | null; faults: readonly Fault[]; past: Past };
  /** Of all rows, those without an outcome included. */
  requests(): { sent: number; retried: number; ambiguousUpdated: number };
  /** Reads all of it: rejects with `ledger-broken` where it is not what was written. A second per million rows. */
  check(): Promise<void>;
  close(): void;
}

/**
 * Opens or makes `<dir>/ledger.db` and locks it for this process until close() or death: SQLite's own exclusive lock.
 * @param how `make` false: only one that is there
 * @throws UpdraftError `run-held`, `ledger-missing`, `ledger-foreign`, `ledger-newer`, `ledger-broken`, `data-dir-unwritable`, `disk-full`
 */
export function openLedger(dir: string, how: { readonly make: boolean } = { make: true }): Ledger {
  const file = openLedgerFile(dir, how.make);
  try {
    return guard(dir, () => makeLedger(file, dir));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The ledger in a file that this process holds. */
export function makeLedger({ db, close }: LedgerFile, dir: string): Ledger {
  const insert = db.prepare("INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const insertFault = db.prepare("INSERT INTO faults VALUES (?, ?, ?, ?, ?, ?)");
  const insertMeta = db.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
  const counted: Record<Status, number> = countByStatus(db);
  let wal: number | null = null;
  /** Of all outcomes; null for a ledger that was begun without. */
  let sum: number | null = null;

  const meta = (key: string): string | null => {
    const value = db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.value;
    return typeof value === "string" ? value : null;
  };
  /** All of it in one transaction, or nothing. */
  const atOnce = <T>(act: () => T): T =>
    guard(dir, () => {
      db.exec("BEGIN");
      try {
        const done = act();
        db.exec("COMMIT");
        return done;
      } catch (error) {
        if (db.isTransaction) db.exec("ROLLBACK");
        throw error;
      }
    });
  const last = () => Number(db.prepare("SELECT max(row) AS n FROM outcomes").get()?.n ?? 0);
  const size = () => Object.values(counted).reduce((total, n) => total + n, 0);
  const outcomeOf = (record: Record<number, unknown>): Outcome => {
    const outcome = readOutcome(record);
    if (outcome === null) throw broken(dir, "an outcome in it cannot be read");
    return outcome;
  };
  const told = meta("sum");
  if (told !== null || size() === 0) sum = Number(told ?? "0");

  return {
    write(outcomes, faults = [], meta = {}) {
      let next = sum ?? 0;
      const added = atOnce(() => {
        const fresh = outcomes.filter((o) => {
          const { figures, cause } = columnsOf(o);
          if (insert.run(...figures, cause).changes !== 1) return false;
          next = addToSum(next, figures, cause);
          return true;
        });
        if (sum !== null && fresh.length > 0) insertMeta.run("sum", String(next));
        for (const f of faults) insertFault.run(f.row, f.at, f.fault, f.http, f.latency, f.wait);
        for (const [key, value] of Object.entries(meta)) insertMeta.run(key, value);
        return fresh;
      });
      if (sum !== null) sum = next;
      for (const o of added) counted[o.status]++;
      return added;
    },
    async sync() {
      try {
        // A plain descriptor: two syncs that begin at once share it, and none is left to the garbage collector.
        wal ??= openSync(`${ledgerPath(dir)}-wal`, "r");
        await datasync(wal);
      } catch (error) {
        throw asOurs(dir, error);
      }
    },
    meta: (key) => guard(dir, () => meta(key)),
    begin(start) {
      const spells = Number(this.meta("spells") ?? "0") + 1;
      this.write([], [], { spells: String(spells), start: this.meta("start") ?? String(start), state: "running" });
      return spells;
    },
    *past() {
      const page = db.prepare(
        `SELECT * FROM past WHERE row > ? AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.row = past.row)
         ORDER BY row LIMIT ${PAGE}`,
      );
      for (let after = 0; ; ) {
        const open = guard(dir, () => page.all(after).map((record) => [Number(record.row), readPast(record)] as const));
        yield* open;
        const last = open.at(-1);
        if (last === undefined) return;
        [after] = last;
      }
    },
    writePast(rows) {
      const upsert = db.prepare(
        `INSERT INTO past VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET tries = max(tries, excluded.tries),
         requests = max(requests, excluded.requests), ambiguous = max(ambiguous, excluded.ambiguous)`,
      );
      atOnce(() => {
        for (const [row, p] of rows) upsert.run(row, p.tries, p.requests, p.ambiguous ? 1 : 0);
      });
    },
    counts: () => ({ ...counted }),
    size,
    last: () => guard(dir, last),
    answered: (status) =>
      guard(dir, () => {
        const bits = new Uint8Array((last() >> 3) + 1);
        const rows = db.prepare(`SELECT row FROM outcomes ${status ? "WHERE status = ?" : ""}`);
        rows.setReturnArrays(true);
        for (const record of rows.iterate(...(status ? [STATUSES.indexOf(status)] : []))) {
          const row = Number(Object.values(record)[0]);
          bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
        }
        return bits;
      }),
    *outcomes(upTo = () => Number.MAX_SAFE_INTEGER) {
      const page = db.prepare(`SELECT ${COLUMNS} FROM outcomes WHERE row > ? AND row <= ? ORDER BY row LIMIT ${PAGE}`);
      page.setReturnArrays(true);
      for (let after = 0; ; ) {
        const outcomes = guard(dir, () => page.all(after, upTo()).map(outcomeOf));
        yield* outcomes;
        const last = outcomes.at(-1);
        if (last === undefined) return;
        after = last.row;
      }
    },
    history: (row) =>
      guard(dir, () => {
        const one = db.prepare(`SELECT ${COLUMNS} FROM outcomes WHERE row = ?`);
        one.setReturnArrays(true);
        const found = one.get(row);
        // A read of the stream that was cut off before it could delete what it wrote is read again: the same fault is one.
        const faults = db.prepare(
          "SELECT at, fault, http, latency, wait FROM faults WHERE row = ? GROUP BY 1, 2, 3, 4, 5 ORDER BY min(rowid)",
        );
        return {
          outcome: found === undefined ? null : outcomeOf(found),
          faults: faults.all(row).map((f) => ({
            row,
            at: Number(f.at),
            fault: String(f.fault),
            http: Number(f.http),
            latency: Number(f.latency),
            wait: Number(f.wait),
          })),
          past: readPast(db.prepare("SELECT * FROM past WHERE row = ?").get(row)),
        };
      }),
    async check() {
      try {
        const verdict = Object.values(db.prepare("PRAGMA quick_check(1)").get() ?? {})[0];
        if (verdict !== "ok") throw broken(dir, "SQLite finds it inconsistent");
        if (sum === null) return;
        const summing = sumUp(db, "main");
        let step = summing.next();
        for (; !step.done; step = summing.next()) await setImmediate();
        if (sum !== step.value) throw broken(dir, "its outcomes are not those that were written");
      } catch (error) {
        throw asOurs(dir, error);
      }
    },
    requests() {
      const sums = db.prepare(
        `SELECT total(attempts) AS sent, total(max(attempts - 1, 0)) AS retried,
                total(ambiguous = 1 AND status = 0) AS ambiguous FROM (
           SELECT attempts, ambiguous, status FROM outcomes
           UNION ALL SELECT requests, 0, -1 FROM past WHERE row NOT IN (SELECT row FROM outcomes))`,
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
      close();
    },
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
