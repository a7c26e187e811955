// Updates and their outcomes in; whether the endpoint has all of an update already, by keyed hashes of what it accepted before, out.
import { closeSync, existsSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import type { Clock } from "../clock.ts";
import { deriveHash } from "../plan/keyed-hash.ts";
import type { Parts } from "../plan/parts.ts";
import type { Update } from "../plan/plan.ts";
import { keyFingerprint } from "../queue/seal.ts";
import {
  type AcceptedName,
  acceptedPath,
  asOurs,
  dropExpired,
  guardAccepted,
  openAcceptedFile,
} from "./accepted-file.ts";
import type { Outcome } from "./outcome.ts";
import { covers, hasAll, merge, packPart } from "./packed-parts.ts";

const datasync = promisify(fdatasync);

/** Bytes of a customer's hash, and of a body's. */
const CUSTOMER = 16;
const BODY = 8;

export interface AcceptedContext extends AcceptedName {
  readonly key: Buffer;
  readonly parts: Parts;
  /** Milliseconds after which what was accepted is no longer taken to be there; null: never. */
  readonly recheckAfter: number | null;
  /** False: nothing is taken to be there, and everything is noted all the same. */
  readonly compare: boolean;
  readonly clock: Clock;
}

/**
 * What is known of a customer holds only while no update of theirs is under way: it is forgotten before one can be sent, and noted anew when the
 * endpoint has said that it accepted the last one. So a crash at any moment leaves too little there, never too much: a needless call, never a
 * missed one. Workers outlive a run that is killed: what they still have of it would be sent after what is noted here, unseen. Such a run is
 * known by enter() without leave(), and has to be taken back first.
 */
export interface Accepted {
  /** Of this file alone. */
  readonly id: string;
  /** Of customers who came long ago, and in no file since, some are forgotten for good. Before any update is asked about. */
  dropExpired(): Promise<void>;
  /** Somebody else has sent to the endpoint what is not noted here. */
  forgetAll(): void;
  /** Notes that the run is going to send; returns the others that have begun to and not ended. */
  enter(run: string): readonly string[];
  /** No worker has anything of it any more. */
  leave(run: string): void;
  /** The endpoint has accepted all of it. What it does not give changes nothing. */
  has(update: Update): boolean;
  /** Forgets the customer: the update is put on its way, and no request of it may be written before sync() has resolved. */
  sending(update: Update): void;
  /** Throws what goes wrong at once; resolves when all that was forgotten is so on the disk. */
  sync(): Promise<void>;
  /** Outcomes that the ledger has. Notes what was accepted, in one transaction. */
  settle(outcomes: readonly Outcome[]): void;
  close(): void;
}

/** What the file has of a customer. */
interface Known {
  readonly place: number;
  readonly at: number;
  /** Hashes; both empty where the customer is forgotten. */
  readonly body: string;
  readonly parts: string;
}

/** An update that is looked at, or under way. */
interface Sent extends Omit<Known, "at"> {
  readonly customer: string;
  /** What the customer has before it; null where that is not known. */
  before: Pick<Known, "at" | "parts"> | null;
  /** The customer's next one: what that leaves is what is to be noted. */
  next: Sent | null;
}

/** Null where no file of this job and endpoint is there, and none is to be made. Throws as openAcceptedFile does. */
export function openAccepted(context: AcceptedContext, make: boolean): Accepted | null {
  if (!make && !existsSync(acceptedPath(context))) return null;
  const { key, parts, recheckAfter, compare, clock } = context;
  const hash = deriveHash(key, `accepted:${context.job}:${context.endpoint}`);
  const db = openAcceptedFile(context, JSON.stringify([keyFingerprint(key), parts.labels]));
  const guard = <T>(act: () => T): T => guardAccepted(context, act);
  const age = recheckAfter ?? Number.MAX_SAFE_INTEGER;

  const following = db.prepare(
    `SELECT place, body = ? AND abs(at - ?) < ? FROM (SELECT * FROM accepted WHERE place > ? ORDER BY place LIMIT 1)
     WHERE customer = ?`,
  );
  following.setReturnArrays(true);
  const find = db.prepare("SELECT place, at, body, parts FROM accepted WHERE customer = ?");
  const forget = db.prepare("UPDATE accepted SET at = 0, body = x'', parts = x'' WHERE place = ?");
  const note = db.prepare(
    `INSERT INTO accepted VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (place) DO UPDATE SET at = excluded.at, body = excluded.body, parts = excluded.parts`,
  );
  const customerBytes = Buffer.alloc(CUSTOMER);
  const bodyBytes = Buffer.alloc(BODY);
  const rows = new Map<number, Sent>();
  const last = new Map<string, Sent>();
  /** Of the customer that was found last. */
  let place = 0;
  /** The highest that is taken. */
  let highest = Number(db.prepare("SELECT max(place) AS n FROM accepted").get()?.n ?? 0);
  /** What has() found of an update that it said no to: that is the one to be sent. */
  let looked: { readonly update: Update; readonly known: Known | null; readonly sent: Sent } | null = null;
  let unsynced = false;
  let wal: number | null = null;

  function bind(bytes: Buffer, text: string): Buffer {
    bytes.write(text, "latin1");
    return bytes;
  }

  function begin(): void {
    if (!db.isTransaction) db.exec("BEGIN");
  }

  // As JSON an id is well-formed.
  const hashCustomer = ({ customerId }: Update) => hash(`c${JSON.stringify(customerId)}`).slice(0, CUSTOMER);
  const hashBody = ({ body }: Update) => hash(`b${body}`).slice(0, BODY);

  /** The customer stands where the last one makes one expect it, and this very body was accepted. */
  function isNext(customer: string, body: string): boolean {
    const found = following.get(bind(bodyBytes, body), clock.wall(), age, place, bind(customerBytes, customer));
    if (found === undefined) return false;
    const [at, same] = Object.values(found);
    place = Number(at);
    return same === 1;
  }

  function lookUp(customer: string): Known | null {
    const found = find.get(bind(customerBytes, customer));
    if (found === undefined) return null;
    place = Number(found.place);
    return { place, at: Number(found.at), body: textOf(found.body), parts: textOf(found.parts) };
  }

  /** Expired, it says nothing. A clock that was wrong for a while must not keep it for ever. */
  const holds = (known: Known | null): known is Known =>
    known !== null && known.parts !== "" && Math.abs(clock.wall() - known.at) < age;

  function sentOf(update: Update, customer: string, body: string, known: Known | null): Sent {
    const owner = JSON.stringify(update.customerId);
    const packed = parts.of(update.body).map(({ part, value }) => packPart(part, hash(`p${owner}${part}:${value}`)));
    return {
      ...{ place: known?.place ?? ++highest, customer, body, parts: packed.join("") },
      ...{ before: holds(known) ? known : null, next: null },
    };
  }

  return {
    id: String(db.prepare("SELECT id FROM self").get()?.id),
    async dropExpired() {
      if (recheckAfter !== null) await dropExpired(context, db, { now: clock.wall(), age: recheckAfter });
    },
    forgetAll() {
      guard(() => db.exec("DELETE FROM accepted"));
      [highest, place, looked, unsynced] = [0, 0, null, true];
    },
    enter(run) {
      return guard(() => {
        unsynced = true;
        db.prepare("INSERT OR IGNORE INTO runs VALUES (?)").run(run);
        return db
          .prepare("SELECT run FROM runs WHERE run <> ?")
          .all(run)
          .map((found) => String(found.run));
      });
    },
    leave(run) {
      guard(() => db.prepare("DELETE FROM runs WHERE run = ?").run(run));
    },
    has(update) {
      looked = null;
      if (!compare) return false;
      return guard(() => {
        const [customer, body] = [hashCustomer(update), hashBody(update)];
        if (isNext(customer, body)) return true;
        const known = lookUp(customer);
        if (holds(known) && known.body === body) return true;
        const sent = sentOf(update, customer, body, known);
        looked = { update, known, sent };
        return holds(known) && hasAll(known.parts, sent.parts);
      });
    },
    sending(update) {
      guard(() => {
        const { known, sent } = looked?.update === update ? looked : lookAt(update);
        looked = null;
        rows.set(update.row, sent);
        const earlier = last.get(sent.customer);
        last.set(sent.customer, sent);
        if (earlier !== undefined) earlier.next = sent;
        if (known === null || known.parts === "") return;
        begin();
        forget.run(known.place);
        unsynced = true;
      });
    },
    sync() {
      guard(() => {
        if (db.isTransaction) db.exec("COMMIT");
      });
      if (!unsynced) return Promise.resolve();
      unsynced = false;
      return guard(() => {
        wal ??= openSync(`${acceptedPath(context)}-wal`, "r");
        return datasync(wal);
      }).catch((error: unknown) => {
        unsynced = true;
        throw asOurs(context, error);
      });
    },
    settle(outcomes) {
      // The row that was looked at may have waited for these, as a canary makes it: what was found of its customer is old by now.
      looked = null;
      guard(() => {
        for (const { row, status, at } of outcomes) {
          const sent = rows.get(row);
          if (sent === undefined) continue;
          rows.delete(row);
          const now = status === "updated" ? leftBy(sent, at) : null;
          if (sent.next !== null) {
            sent.next.before = now;
            continue;
          }
          last.delete(sent.customer);
          if (now === null) continue;
          begin();
          const [customer, body] = [bind(customerBytes, sent.customer), bind(bodyBytes, sent.body)];
          note.run(sent.place, customer, now.at, body, Buffer.from(now.parts, "latin1"));
        }
        if (db.isTransaction) db.exec("COMMIT");
      });
    },
    close() {
      if (wal !== null) closeSync(wal);
      wal = null;
      if (db.isOpen) db.close();
    },
  };

  function lookAt(update: Update): Omit<NonNullable<typeof looked>, "update"> {
    const customer = hashCustomer(update);
    const known = lookUp(customer);
    return { known, sent: sentOf(update, customer, hashBody(update), known) };
  }
}

/** What is not given now is still there, and as old as it was. */
function leftBy({ parts, before }: Sent, at: number): Pick<Known, "at" | "parts"> {
  if (before === null || covers(parts, before.parts)) return { at, parts };
  return { at: Math.min(at, before.at), parts: merge(before.parts, parts) };
}

function textOf(bytes: unknown): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("latin1") : "";
}
