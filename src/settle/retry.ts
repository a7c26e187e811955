// The ledger of a run that has ended, and which of its rows are to be sent again, in; the ledger of the run that sends them, out.
import type { DatabaseSync } from "node:sqlite";
import * as z from "zod";
import type { Ledger } from "./ledger.ts";
import { guard, type LedgerFile, ledgerPath, openLedgerFile } from "./ledger-file.ts";
import { sumOf } from "./ledger-sum.ts";
import type { Origin } from "./origin.ts";
import { STATUSES, type Status } from "./outcome.ts";

/** How a row may have ended that is sent again. */
export const RETRIABLE = ["failed", "unknown", "rejected", "unsent"] as const satisfies readonly Status[];

export type Retriable = (typeof RETRIABLE)[number];

const note = z.object({
  v: z.literal(1),
  /** The run that is retried: its newest retry, where it had one before. */
  of: z.string(),
  only: z.array(z.enum(RETRIABLE)).readonly(),
  /** Rows too whose customer has a newer one. */
  superseded: z.boolean(),
});
/** What a retry's ledger says of how it came about. */
export type RetryNote = z.infer<typeof note>;

/** Null for a run that is no retry. */
export function readRetry(ledger: Pick<Ledger, "meta">): RetryNote | null {
  const text = ledger.meta("retry");
  return text === null ? null : note.parse(JSON.parse(text));
}

export interface RetryRows {
  readonly retry: RetryNote;
  readonly origin: Origin;
  /** Rows that the first run read. Those of them without an outcome are unsent. */
  readonly read: number;
  /** Rows that are left as they are although their outcome is one of `retry.only`. */
  readonly left: Iterable<number>;
  /** Wall clock. */
  readonly now: number;
}

/**
 * Makes `<dir>/ledger.db` as if a spell had answered every row but those to be sent again there: a run that only has to be
 * gone on with. What was tried for those rows before is kept; the count of their tries begins anew. A million
 * rows take seconds.
 */
export function makeRetryLedger(first: LedgerFile, dir: string, rows: RetryRows): void {
  openLedgerFile(dir, true).close();
  const { db } = first;
  guard(dir, () => {
    db.prepare("ATTACH ? AS retry").run(ledgerPath(dir));
    try {
      db.exec("PRAGMA retry.synchronous = FULL; BEGIN");
      copyOutcomes(db, rows);
      copyPast(db, rows.read);
      copyFaults(db);
      noteMeta(db, rows);
      db.exec("COMMIT");
    } finally {
      if (db.isTransaction) db.exec("ROLLBACK");
      db.exec("DETACH retry");
    }
  });
}

/** Rows up to `last` that the first ledger has no outcome of. */
const unanswered = (last: number) => `(
  WITH RECURSIVE rows (row) AS (SELECT 1 UNION ALL SELECT row + 1 FROM rows WHERE row < ${last})
  SELECT row FROM rows WHERE row <= ${last} AND row NOT IN (SELECT row FROM main.outcomes))`;
/** Outcomes that the retry's ledger was not given, of rows that were sent. */
const SENT_AGAIN = `main.outcomes WHERE row NOT IN (SELECT row FROM retry.outcomes) AND (attempts > 0 OR ambiguous = 1)`;

/** A ledger with a gap is one of a run that goes on there: a row that is to stay unsent is given that outcome. */
function copyOutcomes(db: DatabaseSync, { retry, read, left, now }: RetryRows): void {
  const again = retry.only.map((status) => STATUSES.indexOf(status)).join(", ");
  const asUnsent = (rows: string) =>
    `INSERT INTO retry.outcomes SELECT u.row, ${STATUSES.indexOf("unsent")}, coalesce(p.requests, 0), 0, ${now}, 0, 0, NULL
     FROM ${rows} u LEFT JOIN main.past p ON p.row = u.row`;
  db.exec(`INSERT INTO retry.outcomes SELECT * FROM main.outcomes WHERE status NOT IN (${again})`);
  if (!retry.only.includes("unsent")) db.exec(asUnsent(unanswered(read)));
  const keep = db.prepare("INSERT INTO retry.outcomes SELECT * FROM main.outcomes WHERE row = ?");
  const keepUnsent = db.prepare(asUnsent("(SELECT ? AS row)"));
  for (const row of left) if (keep.run(row).changes === 0) keepUnsent.run(row);
}

function copyPast(db: DatabaseSync, read: number): void {
  const merged =
    "ON CONFLICT DO UPDATE SET requests = max(requests, excluded.requests), ambiguous = max(ambiguous, excluded.ambiguous)";
  db.exec("INSERT INTO retry.past SELECT row, 0, requests, ambiguous FROM main.past");
  db.exec(`INSERT INTO retry.past SELECT row, 0, attempts, ambiguous FROM ${SENT_AGAIN} ${merged}`);
  const doubtful = Number(db.prepare("SELECT value FROM main.meta WHERE key = 'doubtful'").get()?.value ?? 0);
  const doubted = unanswered(Math.min(read, doubtful));
  db.exec(`INSERT INTO retry.past SELECT row, 0, 0, 1 FROM ${doubted} WHERE true ${merged}`);
}

/** The exchange that ended a row is one more fault of it, once it is sent again; `stopped` came without one. */
function copyFaults(db: DatabaseSync): void {
  db.exec("INSERT INTO retry.faults SELECT * FROM main.faults");
  db.exec(
    `INSERT INTO retry.faults SELECT row, at, coalesce(cause ->> '$.last', cause ->> '$.code', 'no-reason'), http, latency, 0
     FROM ${SENT_AGAIN} AND attempts > 0 AND coalesce(cause ->> '$.code', '') <> 'stopped'`,
  );
}

function noteMeta(db: DatabaseSync, { retry, origin, read }: RetryRows): void {
  const meta = {
    retry: JSON.stringify(retry),
    origin: JSON.stringify(origin),
    read: String(read),
    sum: String(sumOf(db, "retry")),
  };
  const insert = db.prepare("INSERT INTO retry.meta VALUES (?, ?)");
  for (const [key, value] of Object.entries(meta)) insert.run(key, value);
  // Until its first spell notes its own, should it be cancelled before.
  db.exec("INSERT INTO retry.meta SELECT key, value FROM main.meta WHERE key = 'settings'");
}
