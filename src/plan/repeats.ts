// A file's rows in; which of them have another row of their customer in the file, and which one, out. Memory does not grow with the file.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { UpdraftError } from "../errors.ts";
import type { Reader, Row } from "../parse/row.ts";
import type { Duplicates } from "../settings/settings.ts";
import { makeHmac } from "./keyed-hash.ts";
import type { Plan, Planned, Problem } from "./plan.ts";

/** Which row it is that rows of one customer give way to. */
type Policy = Exclude<Duplicates, "in-order">;

export interface Repeats {
  /** Null for a row that may be sent. Asked in the file's order. */
  problemOf(row: number): Problem | null;
  /** Removes what it keeps on the disk. May be called twice. */
  close(): void;
}

export interface RepeatsInput {
  readonly reader: Reader;
  readonly plan: Plan;
  /** Only the rows up to so many valid ones; null for all. */
  readonly limit: number | null;
  /** For a file that is there while it is open. */
  readonly dir: string;
  readonly stop: AbortSignal;
}

/** Rows of a customer are in one of these: each is looked through at once. A file of 100 million rows has 100,000 in each. */
const SHARDS = 1_024;
/** A shard's rows are numbered from here on. */
const SHARD = 2 ** 40;
const HASH = 16;
const PAGE = 1_000;

const SAME = "FROM rows WHERE at >= ? AND at < ? WINDOW customers AS (PARTITION BY customer";
/** For each row the other one that matters to it, or null: the customer's last one, or the next one (of the last: the one before). */
const OTHERS: Readonly<Record<Policy, string>> = {
  "last-wins": `SELECT at, nullif(max(at) OVER customers, at) AS other ${SAME})`,
  reject: `SELECT at, coalesce(lead(at) OVER customers, lag(at) OVER customers) AS other ${SAME} ORDER BY at)`,
};

/** Null where every row is sent, in the file's order. */
export function repeatsOf(
  duplicates: Duplicates,
  input: Omit<RepeatsInput, "stop">,
): ((stop: AbortSignal) => Promise<Repeats>) | null {
  return duplicates === "in-order" ? null : (stop) => findRepeats(duplicates, { ...input, stop });
}

/**
 * One pass over the file, before a row of it is sent. `last-wins` looks at valid rows only: an invalid one takes no other's place.
 * `reject` looks at all rows whose customer can be read. Stopped early, it knows of the rows read so far.
 */
export async function findRepeats(policy: Policy, input: RepeatsInput): Promise<Repeats> {
  const { reader, plan, dir } = input;
  const path = join(dir, "repeats.partial");
  const column = plan.customerIdColumn === null ? null : (reader.columns[plan.customerIdColumn] ?? null);
  const guard = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      const full = error instanceof Error && "errcode" in error && Number(error.errcode) === 13;
      throw full ? new UpdraftError("disk-full", { dir }, { cause: error }) : error;
    }
  };
  const db = guard(() => openFile(dir, path));
  function close(): void {
    if (db.isOpen) db.close();
    rmSync(path, { force: true });
  }
  try {
    await readRows(db, policy, input, guard);
    await compareRows(db, policy, guard);
  } catch (error) {
    close();
    throw error;
  }
  const repeats = pagesOf(db, guard);
  let next = repeats.next();
  return {
    problemOf(row) {
      while (!next.done && next.value.row < row) next = repeats.next();
      return !next.done && next.value.row === row ? PROBLEMS[policy](column, next.value.other) : null;
    },
    close,
  };
}

const PROBLEMS: Readonly<Record<Policy, (column: string | null, other: number) => Problem>> = {
  "last-wins": (column, other) => ({
    ...{ column, path: "/customerId", code: "superseded" },
    message: `expected the last row of the customer, got one before row ${other}, which takes its place`,
  }),
  reject: (column, other) => ({
    ...{ column, path: "/customerId", code: "repeated" },
    message: `expected one row of each customer, got another in row ${other}`,
  }),
};

function openFile(dir: string, path: string): DatabaseSync {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const db = new DatabaseSync(path);
  chmodSync(path, 0o600);
  db.exec(
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -12000",
  );
  db.exec(`
    CREATE TABLE rows (at INTEGER PRIMARY KEY, customer BLOB NOT NULL) STRICT;
    CREATE TABLE repeats (row INTEGER PRIMARY KEY, other INTEGER NOT NULL) STRICT;
    BEGIN`);
  return db;
}

async function readRows(db: DatabaseSync, policy: Policy, input: RepeatsInput, guard: Guard): Promise<void> {
  const { reader, plan, limit, stop } = input;
  // Nothing but this pass has to read it: no customer can be found out from what is left of the file after a crash.
  const hash = makeHmac(randomBytes(HASH));
  const insert = db.prepare("INSERT INTO rows VALUES (?, ?)");
  const bytes = Buffer.alloc(HASH);
  let valid = 0;
  for await (const block of reader.blocks()) {
    if (stop.aborted) return;
    guard(() => {
      for (const row of block) {
        if (limit !== null && valid >= limit) return;
        const planned = plan.plan(row);
        if (planned.kind === "update") valid++;
        const customer = customerOf(row, planned, plan, policy);
        if (customer === "") continue;
        bytes.write(hash(JSON.stringify(customer)), "latin1");
        insert.run((bytes.readUInt16BE() % SHARDS) * SHARD + row.row, bytes);
      }
    });
    if (limit !== null && valid >= limit) return;
  }
}

type Guard = <T>(act: () => T) => T;

function customerOf(row: Row, planned: Planned, plan: Plan, policy: Policy): string {
  if (planned.kind === "update") return planned.customerId;
  return policy === "reject" ? plan.customerId(row).trim() : "";
}

async function compareRows(db: DatabaseSync, policy: Policy, guard: Guard): Promise<void> {
  const compare = db.prepare(
    `INSERT INTO repeats SELECT at % ${SHARD}, other % ${SHARD} FROM (${OTHERS[policy]}) WHERE other IS NOT NULL`,
  );
  for (let shard = 0; shard < SHARDS; shard++) {
    guard(() => compare.run(shard * SHARD, (shard + 1) * SHARD));
    // A hold in Redis must be renewed meanwhile.
    await setImmediate();
  }
}

function* pagesOf(db: DatabaseSync, guard: Guard): Generator<{ row: number; other: number }, void, undefined> {
  const page = db.prepare(`SELECT row, other FROM repeats WHERE row > ? ORDER BY row LIMIT ${PAGE}`);
  for (let after = 0; ; ) {
    const found = guard(() => page.all(after).map(({ row, other }) => ({ row: Number(row), other: Number(other) })));
    yield* found;
    const last = found.at(-1);
    if (last === undefined) return;
    after = last.row;
  }
}
