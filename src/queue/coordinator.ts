// Updates in; every one of them travels through the queue until the ledger has its outcome: the coordinator of a run.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { makeSpeed } from "../events.ts";
import type { Update } from "../plan/plan.ts";
import { collect } from "../settle/collect.ts";
import type { Ledger, Past } from "../settle/ledger.ts";
import type { Outcome } from "../settle/outcome.ts";
import { announceEpoch, type EpochRecord, epochKeys, epochsOf, LOCK_MS } from "./epoch.ts";
import type { Holder } from "./holder.ts";
import { packBatch, type SealedBatch, unpackBatch } from "./payload.ts";
import { type BatchQueue, makeBatchQueue } from "./put.ts";
import { doubtAll, retireEpoch } from "./retire.ts";
import { makeSealer, type Sealer } from "./seal.ts";
import { makeWindow, type WindowRow } from "./window.ts";

/** A batch nobody has answered for this long is looked after: longer than a lock, a stalled check and a renewal. */
const SILENT_MS = 12_000;
const RECONCILE_MS = 3_000;
/** One read of the stream, and so one fsync, per this; shorter while rows wait for an earlier one of their customer. */
const COLLECT_MS = 40;
const COLLECT_SOON_MS = 3;
/** Reading the stream blocks at most this long. */
const BLOCK_MS = 500;
/** What fills no batch goes out after this. */
const LINGER_MS = 5;
/** The speed of the first moments says little. */
const TUNE_AFTER_MS = 3_000;
/** Rejections wait for the next read of the stream, so that they share its fsync. */
const MAX_REJECTIONS = 5_000;
/** The ledger knows ahead which rows may be sent, in steps of this: one transaction and fsync each. */
const AHEAD = 10_000;

export interface CoordinatorContext {
  readonly redis: Redis;
  /** For reads that block. */
  readonly stream: Redis;
  readonly key: Buffer;
  readonly ledger: Ledger;
  readonly holder: Holder;
  readonly clock: Clock;
  readonly log: Logger;
  /** All of the epoch's record but what changes from epoch to epoch. */
  readonly record: Omit<EpochRecord, "v" | "epoch" | "held">;
  /** Ends every wait: the run is to be stopped. */
  readonly stop: AbortSignal;
}

export interface Coordinator {
  put(update: Update, past?: Past): void;
  /** An outcome that needs no sending: a rejection. */
  reject(outcome: Outcome): void;
  /** Sends the batches that are full, and resolves when more may be put, or nothing will be any more. */
  room(): Promise<void>;
  /** Resolves when every row put has its outcome in the ledger, or none will come any more. */
  drain(): Promise<void>;
  /** Ends the epoch; rows that are under way are awaited no longer than their requests may take. */
  end(): Promise<void>;
  /** The credentials were refused: nothing more will be sent. */
  readonly blocked: boolean;
  /** Blocked, or told to stop. */
  readonly over: boolean;
  /** The first row of the file that was put or rejected and is not yet in the ledger; null where there is none. */
  firstOpen(): number | null;
  /** Rows without an outcome. */
  readonly underway: number;
  /** Rows that wait for a retry, lately. */
  readonly retrying: number;
  readonly windowFull: boolean;
  /** Rows answered per second, over the last seconds. */
  readonly rowsPerSecond: number;
  readonly epochs: readonly string[];
}

interface Sent {
  readonly rows: readonly WindowRow[];
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

/** Retires the epochs that earlier coordinators left, if any, then opens a new one and announces it to the workers. */
export async function openCoordinator(context: CoordinatorContext): Promise<Coordinator> {
  const { redis, stream, ledger, clock, log, record, holder } = context;
  const window = makeWindow(record.timeout, record.rate, clock, nudge);
  const speed = makeSpeed(clock);
  const sent = new Map<string, Sent>();
  const epochs: string[] = [];
  let epoch = "";
  let sealer: Sealer;
  let queue: BatchQueue;
  let batches = 0;
  /** Rows up to here may be sent: the ledger has it before a batch is added. */
  let highest = 0;
  let rejections: Outcome[] = [];
  let blocked = false;
  let failure: unknown = null;
  let closed = false;
  /** No batches are added: the epoch is lost, and the next is not open yet. */
  let replacing = false;
  const ending = new AbortController();
  const wake: (() => void)[] = [];
  let linger: NodeJS.Timeout | null = null;
  let adding: Promise<void> = Promise.resolve();
  const retries = makeSpeed(clock);
  const opened = clock.now();

  async function openEpoch(): Promise<void> {
    newest++;
    epoch = `${record.run}-${newest}`;
    ledger.write([], [], { epoch: String(newest) });
    sealer = makeSealer(context.key, epoch);
    queue = makeBatchQueue(redis, epoch);
    epochs.push(epoch);
    await announceEpoch(redis, { v: 1, epoch, held: false, ...record });
    log.info({ epoch }, "epoch opened");
  }

  /** Seals the batches that are due and adds them, one call after the other. */
  function send(all: boolean): void {
    if (closed || replacing) return;
    const taken = window.takeBatches(all);
    if (taken.length === 0) return;
    const jobs = taken.map((rows) => {
      const id = `${epoch}-${++batches}`;
      const data = packBatch(sealer, epoch, id, 0, rows);
      const quietUntil = clock.now() + SILENT_MS;
      sent.set(id, { rows, data, open: rows.length, quietUntil, missing: false, due: null });
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
    // What does not arrive is found missing by the reconcile loop.
    adding = adding.then(() => target.add(jobs)).catch((error: unknown) => warn(error, "batches not added"));
  }

  function nudge(): void {
    if (closed) return;
    linger ??= setTimeout(() => {
      linger = null;
      try {
        send(true);
      } catch (error) {
        fail(error);
      }
    }, LINGER_MS);
  }

  function settle(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      const id = window.get(outcome.row)?.batch;
      const batch = id ? sent.get(id) : undefined;
      window.settle(outcome);
      if (id && batch && --batch.open === 0) sent.delete(id);
    }
    speed.add(outcomes.length);
    if (clock.now() - opened > TUNE_AFTER_MS) window.tune(speed.perSecond());
  }

  async function collectOnce(block: number): Promise<number> {
    const found = await collect(stream, epoch, sealer, ledger, rejections, {}, block);
    rejections = rejections.slice(found.own);
    settle(found.outcomes);
    for (const fault of found.faults) {
      const batch = sent.get(window.get(fault.row)?.batch ?? "");
      if (batch) batch.quietUntil = Math.max(batch.quietUntil, clock.now() + fault.wait + SILENT_MS);
    }
    retries.add(found.faults.length);
    blocked ||= found.blocked;
    wakeAll();
    return found.entries;
  }

  async function collectLoop(): Promise<void> {
    while (!closed) {
      try {
        await collectOnce(window.size > 0 && rejections.length === 0 ? BLOCK_MS : 0);
        await clock.sleep(window.deferred > 0 ? COLLECT_SOON_MS : COLLECT_MS);
      } catch (error) {
        if (error instanceof UpdraftError) return fail(error);
        warn(error, "cannot read outcomes");
        await clock.sleep(RECONCILE_MS / 3);
      }
    }
  }

  /** What waiting does not mend: the disk, the ledger, the key, another coordinator. */
  function fail(error: unknown): void {
    failure = error;
    wakeAll();
  }

  function wakeAll(): void {
    for (const go of wake.splice(0)) go();
  }

  function warn(error: unknown, message: string): void {
    log.warn({ epoch, reason: error instanceof Error ? error.name : "unknown" }, message);
  }

  /** Redis is a conveyor, not a vault: what it lost is put on it again. */
  async function reconcile(): Promise<void> {
    await holder.check();
    if ((await redis.exists(epochKeys(epoch).record)) === 0) return replaceEpoch();
    const now = clock.now();
    const silent = [...sent].filter(([, batch]) => now >= batch.quietUntil);
    if (silent.length === 0) return;
    const lost = new Set(await queue.lost(silent.map(([id]) => id)));
    // A batch is settled before it is completed: after this read a missing one was answered, or never will be.
    if (lost.size > 0) await collectNow();
    for (const [id, batch] of silent) {
      if (!sent.has(id)) continue;
      batch.quietUntil = now + SILENT_MS;
      if (!lost.has(id)) await promoteOverdue(id, batch);
      else if (!batch.missing) {
        batch.missing = true;
        batch.quietUntil = now + record.timeout;
      } else {
        log.warn({ epoch, batch: id, rows: batch.open }, "batch lost, its rows are added again");
        again(id, batch);
      }
    }
    send(true);
  }

  /** What waits for its delay waits by wall clocks, which may jump: by the monotonic one it waits no longer than that. */
  async function promoteOverdue(id: string, batch: Sent): Promise<void> {
    const delay = await queue.delayOf(id);
    if (delay && delay.due === batch.due) await queue.promote(id).catch(() => {});
    else if (delay) batch.quietUntil = clock.now() + delay.wait;
    batch.due = delay?.due ?? null;
  }

  /** Reads the stream on the other connection: the loop's own read may be blocking. */
  async function collectNow(): Promise<void> {
    for (;;) {
      const found = await collect(redis, epoch, sealer, ledger, [], {}, 0);
      settle(found.outcomes);
      blocked ||= found.blocked;
      if (found.entries === 0) return;
    }
  }

  /** Puts the rows of a lost batch that have no outcome back into the window. */
  function again(id: string, batch: Sent): void {
    sent.delete(id);
    for (const { row, body } of unpackBatch(sealer, epoch, id, batch.data).rows) {
      const known = window.get(row);
      if (known?.batch === id) window.requeue(known, body.toString("utf8"));
    }
  }

  /**
   * Redis came back empty. Workers may go on sending until their leases are over, and what they sent last may take
   * effect until it has timed out, so a new epoch waits that long.
   */
  async function replaceEpoch(): Promise<void> {
    log.warn({ epoch }, "epoch lost, opening a new one");
    replacing = true;
    doubtAll(ledger);
    highest = 0;
    await clock.sleep(retirement.patience, ending.signal);
    if (closed) return;
    await holder.check();
    await adding;
    await retireEpoch({ ...retirement, patience: 0, answered: settle }, epoch);
    await queue.close();
    for (const [id, batch] of sent) again(id, batch);
    await openEpoch();
    replacing = false;
    send(true);
  }

  async function reconcileLoop(): Promise<void> {
    while (!closed) {
      await clock.sleep(RECONCILE_MS, ending.signal);
      try {
        if (!closed) await reconcile();
      } catch (error) {
        if (error instanceof UpdraftError) return fail(error);
        warn(error, "cannot reconcile");
      }
    }
  }

  const retirement = { redis, key: context.key, ledger, clock, log, patience: record.timeout + LOCK_MS };
  // An earlier coordinator may have had another ledger: another machine, or a data folder that was deleted.
  const left = await epochsOf(redis, record.run);
  let newest = Number(ledger.meta("epoch") ?? "0");
  if (newest > 0 && ledger.meta("retired") !== String(newest)) left.add(newest);
  for (const number of left) await retireEpoch({ ...retirement, answered: () => {} }, `${record.run}-${number}`);
  newest = Math.max(newest, ...left);
  await openEpoch();
  const collecting = collectLoop();
  const reconciling = reconcileLoop();
  context.stop.addEventListener("abort", wakeAll, { signal: ending.signal });

  const over = () => blocked || context.stop.aborted;

  async function until(done: () => boolean): Promise<void> {
    while (!failure && !over() && !done()) await new Promise<void>((resolve) => wake.push(resolve));
    if (failure) throw failure;
  }

  return {
    put: (update, past) => window.put(update, past),
    reject(outcome) {
      rejections.push(outcome);
    },
    room() {
      send(false);
      nudge();
      return until(() => window.hasRoom() && rejections.length < MAX_REJECTIONS);
    },
    drain() {
      send(true);
      return until(() => window.size === 0 && rejections.length === 0);
    },
    async end() {
      if (linger) clearTimeout(linger);
      closed = true;
      ending.abort();
      window.close();
      await reconciling;
      await adding;
      await collecting;
      if (failure) {
        // The disk or Redis has failed, and that is what is to be told: what cannot be retired now is, by the next spell.
        await retireEpoch({ ...retirement, answered: settle }, epoch).catch((error: unknown) =>
          warn(error, "not retired"),
        );
        return queue.close();
      }
      if (rejections.length > 0) settle(ledger.write(rejections));
      await retireEpoch({ ...retirement, answered: settle }, epoch);
      await queue.close();
      ledger.write([], [], { retired: ledger.meta("epoch") ?? "0" });
    },
    get blocked() {
      return blocked;
    },
    get over() {
      return over();
    },
    firstOpen() {
      const open = [window.first(), rejections[0]?.row ?? null].filter((row) => row !== null);
      return open.length === 0 ? null : Math.min(...open);
    },
    get underway() {
      return window.size;
    },
    get retrying() {
      return retries.perSecond();
    },
    get windowFull() {
      return !window.hasRoom();
    },
    get rowsPerSecond() {
      return speed.perSecond();
    },
    get epochs() {
      return epochs;
    },
  };
}
