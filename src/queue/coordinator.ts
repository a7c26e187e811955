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
import { announceEpoch, type EpochRecord, epochKeys, LOCK_MS } from "./epoch.ts";
import type { Holder } from "./holder.ts";
import { packBatch } from "./payload.ts";
import { type BatchQueue, makeBatchQueue } from "./put.ts";
import { retireEpoch } from "./retire.ts";
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
/** Rejections wait for the next read of the stream, so that they share its fsync. */
const MAX_REJECTIONS = 5_000;

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
  /** Rows without an outcome. */
  open: number;
  /** Monotonic; after this it is asked whether the batch still exists. */
  quietUntil: number;
}

/** Retires the epoch that an earlier coordinator left, if any, then opens a new one and announces it to the workers. */
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
  let highest = 0;
  let rejections: Outcome[] = [];
  let blocked = false;
  let failure: unknown = null;
  let closed = false;
  const wake: (() => void)[] = [];
  let linger: NodeJS.Timeout | null = null;
  let adding: Promise<void> = Promise.resolve();
  const retries = makeSpeed(clock);

  async function openEpoch(): Promise<void> {
    const number = Number(ledger.meta("epoch") ?? "0") + 1;
    epoch = `${record.run}-${number}`;
    ledger.write([], [], { epoch: String(number) });
    sealer = makeSealer(context.key, epoch);
    queue = makeBatchQueue(redis, epoch);
    epochs.push(epoch);
    await announceEpoch(redis, { v: 1, epoch, held: false, ...record });
    log.info({ epoch }, "epoch opened");
  }

  /** Seals the batches that are due and adds them, one call after the other. */
  function send(all: boolean): void {
    const taken = window.takeBatches(all);
    if (taken.length === 0) return;
    const jobs = taken.map((rows) => {
      const id = `${epoch}-${++batches}`;
      sent.set(id, { rows, open: rows.length, quietUntil: clock.now() + SILENT_MS });
      for (const row of rows) {
        row.batch = id;
        highest = Math.max(highest, row.row);
      }
      return { id, data: packBatch(sealer, epoch, id, 0, rows) };
    });
    const target = queue;
    // What does not arrive is found missing by the reconcile loop.
    adding = adding.then(() => target.add(jobs)).catch((error: unknown) => warn(error, "batches not added"));
  }

  function nudge(): void {
    linger ??= setTimeout(() => {
      linger = null;
      send(true);
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
    window.tune(speed.perSecond());
  }

  async function collectOnce(block: number): Promise<number> {
    const own = rejections.length;
    const found = await collect(stream, epoch, sealer, ledger, rejections, { highest: String(highest) }, block);
    rejections = rejections.slice(own);
    settle(found.outcomes);
    for (const fault of found.faults) {
      const batch = sent.get(window.get(fault.row)?.batch ?? "");
      if (batch) batch.quietUntil = Math.max(batch.quietUntil, clock.now() + fault.wait + SILENT_MS);
    }
    retries.add(found.faults.length);
    blocked ||= found.blocked;
    for (const go of wake.splice(0)) go();
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
  function fail(error: UpdraftError): void {
    failure = error;
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
      if (!lost.has(id)) await queue.promote(id).catch(() => {});
      else {
        sent.delete(id);
        log.warn({ epoch, batch: id, rows: batch.open }, "batch lost, its rows are added again");
        for (const row of batch.rows) if (window.get(row.row) === row) again(row);
      }
    }
    send(true);
  }

  /** Reads the stream on the other connection: the loop's own read may be blocking. */
  async function collectNow(): Promise<void> {
    for (;;) {
      const found = await collect(redis, epoch, sealer, ledger, [], {}, 0);
      settle(found.outcomes);
      if (found.entries === 0) return;
    }
  }

  function again(row: WindowRow): void {
    row.ambiguous = true;
    window.requeue(row);
  }

  /** Redis came back empty. Workers may go on sending until their leases are over, so a new epoch waits that long. */
  async function replaceEpoch(): Promise<void> {
    log.warn({ epoch }, "epoch lost, opening a new one");
    await queue.close();
    await clock.sleep(LOCK_MS);
    await holder.check();
    sent.clear();
    await openEpoch();
    for (const row of window.rows()) if (row.batch !== null) again(row);
    send(true);
  }

  const retirement = { redis, key: context.key, ledger, clock, log, patience: record.timeout + LOCK_MS };
  const old = Number(ledger.meta("epoch") ?? "0");
  if (old > 0 && ledger.meta("retired") !== String(old)) {
    await retireEpoch({ ...retirement, answered: () => {} }, `${record.run}-${old}`);
  }
  await openEpoch();
  const collecting = collectLoop();
  let reconciling: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    reconciling = reconciling.then(reconcile).catch((error: unknown) => {
      if (error instanceof UpdraftError) fail(error);
      else warn(error, "cannot reconcile");
    });
  }, RECONCILE_MS);

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
      clearInterval(timer);
      if (linger) clearTimeout(linger);
      closed = true;
      window.close();
      await reconciling;
      await adding;
      await collecting;
      if (rejections.length > 0 && !failure) settle(ledger.write(rejections));
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
