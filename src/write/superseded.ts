// Rows that may be sent again and rows whose change stands, in file order, in; the former whose customer has one of the
// latter after them, out: sending such a row again would undo the newer change. Memory does not grow with either.
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UpdraftError } from "../errors.ts";
import type { Row } from "../parse/row.ts";
import { STATUSES, type Status } from "../settle/outcome.ts";

export interface Place {
  readonly row: number;
  readonly line: number;
  readonly status: Status;
}

export interface Superseded extends Place {
  /** As it was given: where in a report the row's mark belongs. */
  readonly at: number;
  /** The last row of the customer that stands. */
  readonly by: Place;
}

type Numbered = Pick<Row, "row" | "line">;

export interface Finder {
  /** A row that may be sent again; one whose customer cannot be read is never superseded. */
  again(row: Numbered, status: Status, customerId: string, at: number): void;
  /** A row that has, or may have, taken effect, and is not sent again. */
  stands(row: Numbered, status: Status, customerId: string): void;
  /** Superseded rows, ascending. */
  found(): Generator<Superseded, void, undefined>;
  /** Removes what it keeps on the disk. May be called twice. */
  close(): void;
}

/** Most rows that stand are of a customer without a row to be sent again: this says so without asking the disk. */
const FILTER_BITS = 2 ** 23;
const SEEDS = [0x811c9dc5, 0x2f0b4c47];

/** What it cannot hold in 4 MB lies in a file in `dir` until `close`; nothing is made there before the first `again`. */
export function makeFinder(dir: string): Finder {
  const path = join(dir, "superseded.partial");
  let table: Table | null = null;

  const asked = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      const full = error instanceof Error && "errcode" in error && Number(error.errcode) === 13;
      throw full ? new UpdraftError("disk-full", { dir }, { cause: error }) : error;
    }
  };

  return {
    again({ row, line }, status, customerId, at) {
      const customer = customerId.trim();
      if (customer === "") return;
      asked(() => {
        table ??= openTable(dir, path);
        table.filter.add(customer);
        table.again.run(row, line, STATUSES.indexOf(status), at, customer);
      });
    },
    stands({ row, line }, status, customerId) {
      if (table === null) return;
      const { filter, stands } = table;
      const customer = customerId.trim();
      if (filter.mayHave(customer)) asked(() => stands.run(customer, row, line, STATUSES.indexOf(status)));
    },
    *found() {
      if (table === null) return;
      for (const record of table.found.iterate()) yield readFound(record);
    },
    close() {
      if (table?.db.isOpen) table.db.close();
      if (table !== null) rmSync(path, { force: true });
    },
  };
}

type Table = ReturnType<typeof openTable>;

function openTable(dir: string, path: string) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const db = new DatabaseSync(path);
  chmodSync(path, 0o600);
  db.exec(
    "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -4000",
  );
  db.exec(`
    CREATE TABLE again (
      row INTEGER PRIMARY KEY, line INTEGER NOT NULL, status INTEGER NOT NULL, at INTEGER NOT NULL, customer TEXT NOT NULL
    ) STRICT;
    CREATE TABLE stands (
      customer TEXT PRIMARY KEY, row INTEGER NOT NULL, line INTEGER NOT NULL, status INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    BEGIN`);
  return {
    db,
    filter: makeFilter(),
    again: db.prepare("INSERT INTO again VALUES (?, ?, ?, ?, ?)"),
    // One row per customer, whatever they have: a customer with a thousand of each costs no more than others.
    stands: db.prepare("INSERT OR REPLACE INTO stands VALUES (?, ?, ?, ?)"),
    found: db.prepare(`
      SELECT a.row, a.line, a.status, a.at, s.row AS byRow, s.line AS byLine, s.status AS byStatus
      FROM again a CROSS JOIN stands s ON s.customer = a.customer WHERE s.row > a.row ORDER BY a.row`),
  };
}

/** The tables are STRICT: what SQLite gives back has the columns' types. */
function readFound(record: Readonly<Record<string, unknown>>): Superseded {
  const figure = (name: string) => Number(record[name]);
  const status = (name: string) => STATUSES[figure(name)] ?? "unknown";
  return {
    row: figure("row"),
    line: figure("line"),
    status: status("status"),
    at: figure("at"),
    by: { row: figure("byRow"), line: figure("byLine"), status: status("byStatus") },
  };
}

/** A Bloom filter of 1 MB: with a million customers in it, it is wrong about one of twenty that are not. */
function makeFilter() {
  const bits = new Uint8Array(FILTER_BITS / 8);
  return {
    add(text: string): void {
      for (const seed of SEEDS) {
        const bit = hash(text, seed);
        bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
      }
    },
    mayHave(text: string): boolean {
      for (const seed of SEEDS) {
        const bit = hash(text, seed);
        if (((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
      }
      return true;
    },
  };
}

/** FNV-1a over UTF-16 units, its bits mixed as in MurmurHash3, because the filter takes the lower ones only. */
function hash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) & (FILTER_BITS - 1);
}
