// Rows that are due in; sealed batches on the queue of the newest epoch, and which of them nobody has answered yet, out.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import type { Accepted } from "../settle/accepted.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Outcome } from "../settle/outcome.ts";
import { announceEpoch, changeEpoch, type EpochRecord, type RunRecord, type Terms } from "./epoch.ts";
import type { Holder } from "./holder.ts";
import { packBatch, type SealedBatch, unpackBatch } from "./payload.ts";
import { type BatchQueue, makeBatchQueue, removeQueue } from "./put.ts";
import { makeSealer, type Sealer } from "./seal.ts";
import type { Window } from "./window.ts";

/** A batch nobody has answered for this long is looked after: longer than a lock, a stalled check and a renewal. */
export const SILENT_MS = 12_000;
/** The ledger knows ahead which rows may be sent, in steps of this: one transaction and fsync each. */
const AHEAD = 10_000;

export interface Sent {
  /** As it was added: its rows' bodies, should it get lost. */
  readonly data: SealedBatch;
  /** Rows without an outcome. */
  open: number;
  /** Monotonic; after this it is asked whether the batch still exists. */
  quietUntil: number;
  /** It was found missing once; a worker may still have its rows in flight. */
  missing: boolean;
  /** The delay it was last found in; null while it was found in none. */
  due: number | null;
}

export interface ConveyorContext {
  readonly redis: Redis;
  readonly key: Buffer;
  readonly ledger: Ledger;
  readonly accepted: Pick<Accepted, "sync"> | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly record: RunRecord;
  readonly holder: Holder;
  /** Told of what waiting does not mend: the disk is full, or the run is another's. */
  fail(error: UpdraftError): void;
}

export interface Conveyor {
  /** The newest of them. */
  readonly epoch: string;
  readonly epochs: readonly string[];
  readonly sealer: Sealer;
  readonly queue: BatchQueue;
  /** Batches that have rows without an outcome. */
  readonly sent: ReadonlyMap<string, Sent>;
  /** What the workers are to keep to. */
  readonly terms: Terms;
  /** Tells them what is different from now on, in this epoch and those to come. */
  change(terms: Partial<Terms>): Promise<void>;
  /** Opens the next epoch and announces it to the workers. */
  open(): Promise<void>;
  /** Seals the batches that are due and adds them, one call after the other; with `all`, also what does not fill one. */
  send(all: boolean): void;
  /** Resolves when what was sent is in the queue, or was not taken by Redis. */
  added(): Promise<void>;
  /** False for a row that was not under way: it was settled before, or never sent. */
  settle(outcome: Outcome): boolean;
  /** The batch that a row travels in. */
  batchOf(row: number): Sent | undefined;
  /** Puts the rows of a lost batch that have no outcome back into the window. */
  putBack(id: string): void;
  /** This epoch is lost: nothing is sent until the next one is open. */
  halt(): void;
}

/**
 * @param newest number of the run's newest epoch so far
 * @param ending the run is ending: nothing is sent any more
 * @param held workers are not to send yet
 */
export function makeConveyor(
  context: ConveyorContext,
  window: Window,
  newest: number,
  ending: AbortSignal,
  held = false,
): Conveyor {
  const { redis, ledger, accepted, clock, log, record } = context;
  const sent = new Map<string, Sent>();
  const epochs: string[] = [];
  let epoch = "";
  let sealer: Sealer;
  let queue: BatchQueue;
  let batches = 0;
  /** Rows up to here may be sent: the ledger has it before a batch is added. */
  let highest = 0;
  /** The epoch is lost, and the next is not open yet. */
  let lost = true;
  let terms: Terms = { held, rate: record.rate };
  let adding: Promise<void> = Promise.resolve();

  const epochRecord = (): EpochRecord => ({ v: 1, epoch, ...record, ...terms });

  return {
    get epoch() {
      return epoch;
    },
    epochs,
    get sealer() {
      return sealer;
    },
    get queue() {
      return queue;
    },
    sent,
    get terms() {
      return terms;
    },
    async change(changed) {
      terms = { ...terms, ...changed };
      if (!lost && !ending.aborted) await changeEpoch(redis, context.holder, epochRecord());
    },
    async open() {
      newest++;
      const next = `${record.run}-${newest}`;
      ledger.write([], [], { epoch: String(newest) });
      await announceEpoch(redis, context.holder, { ...epochRecord(), epoch: next });
      // From here on the name is this process's. A crash may have left a queue of that name, paused and with batches in it,
      // and the ledger that knew of it may be gone.
      await removeQueue(redis, next);
      epoch = next;
      sealer = makeSealer(context.key, epoch);
      // Not before it is announced: BullMQ writes what it knows of a queue at once.
      queue = makeBatchQueue(redis, epoch);
      epochs.push(epoch);
      log.info({ epoch }, "epoch opened");
      lost = false;
    },
    send(all) {
      if (lost || ending.aborted) return;
      const taken = window.takeBatches(all);
      if (taken.length === 0) return;
      const jobs = taken.map((rows) => {
        const id = `${epoch}-${++batches}`;
        const data = packBatch(sealer, epoch, id, 0, rows);
        const quietUntil = clock.now() + SILENT_MS;
        sent.set(id, { data, open: rows.length, quietUntil, missing: false, due: null });
        for (const row of rows) {
          row.batch = id;
          row.body = "";
        }
        return { id, data };
      });
      const target = queue;
      const top = taken.reduce((max, rows) => rows.reduce((most, { row }) => Math.max(most, row), max), 0);
      if (top > highest) {
        highest = top + AHEAD;
        ledger.write([], [], { highest: String(highest) });
        adding = adding.then(() => ledger.sync());
      }
      // What is known of these customers is forgotten before a request can be written.
      if (accepted !== null) adding = Promise.all([adding, accepted.sync()]).then(() => {});
      // What does not arrive is found missing by the reconcile loop. A queue that another coordinator has removed must not be
      // made anew, and BullMQ asks nobody.
      adding = adding
        .then(() => context.holder.check())
        .then(() => target.add(jobs))
        .catch((error: unknown) => {
          if (error instanceof UpdraftError) return context.fail(error);
          log.warn({ epoch, reason: error instanceof Error ? error.name : "unknown" }, "batches not added");
        });
    },
    added: () => adding,
    settle(outcome) {
      const row = window.get(outcome.row);
      if (row === undefined) return false;
      const id = row.batch;
      const batch = id ? sent.get(id) : undefined;
      window.settle(outcome);
      if (id && batch && --batch.open === 0) sent.delete(id);
      return true;
    },
    batchOf: (row) => sent.get(window.get(row)?.batch ?? ""),
    putBack(id) {
      const batch = sent.get(id);
      if (!batch) return;
      sent.delete(id);
      for (const { row, body } of unpackBatch(sealer, epoch, id, batch.data).rows) {
        const known = window.get(row);
        if (known?.batch === id) window.requeue(known, body.toString("utf8"));
      }
    },
    halt() {
      lost = true;
      highest = 0;
    },
  };
}
