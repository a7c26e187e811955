// Updates in; every one of them travels through the queue until the ledger has its outcome: the coordinator of a run.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { makeSpeed } from "../events.ts";
import type { Update } from "../plan/plan.ts";
import type { Accepted } from "../settle/accepted.ts";
import { type Limits, makeBudget } from "../settle/budget.ts";
import { collect } from "../settle/collect.ts";
import type { Refusal } from "../settle/entry.ts";
import type { Ledger, Past } from "../settle/ledger.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Stopped } from "../settle/stop.ts";
import { makeConveyor, SILENT_MS } from "./conveyor.ts";
import { type RunRecord, STILL_MS } from "./epoch.ts";
import type { Holder } from "./holder.ts";
import { reconcile } from "./reconcile.ts";
import { retireEpoch, retireLeft } from "./retire.ts";
import { GRANTED, type LiveState, type Wish } from "./status.ts";
import { makeWindow } from "./window.ts";

const RECONCILE_MS = 1_000;
/**
 * One read of the stream, and so one fsync, per this; shorter while rows wait for an earlier one of their customer, and where
 * nothing was read: the wait before the first row, and the one after the last, would be most of what a small file takes.
 */
const COLLECT_MS = 40;
const COLLECT_SOON_MS = 3;
/** Reading the stream blocks at most this long. */
const BLOCK_MS = 500;
/** What fills no batch goes out after this. */
const LINGER_MS = 5;
/** The speed of the first moments says little. */
const TUNE_AFTER_MS = 1_500;
/** A Redis that does not answer at the end is given up after this, beside the time that rows in flight may take. */
const END_MS = 10_000;
/** Outcomes of rows that are not sent wait for the next read of the stream, so that they share its fsync. */
const MAX_OWN = 5_000;

export interface CoordinatorContext {
  readonly redis: Redis;
  /** For reads that block. */
  readonly stream: Redis;
  readonly key: Buffer;
  readonly ledger: Ledger;
  /** What the endpoint has accepted, where that is kept: it is told of each row that is put, and of its outcome. */
  readonly accepted: Accepted | null;
  readonly holder: Holder;
  readonly clock: Clock;
  readonly log: Logger;
  /** All of the epoch's record but what changes from epoch to epoch. */
  readonly record: RunRecord;
  /** Of bad rows: what is more than that halts the run. */
  readonly limits: Limits;
  /** Told of every row that has its outcome in the ledger, once. */
  readonly answered?: ((outcome: Outcome) => void) | undefined;
  /** It begins outside its time window: nothing is sent until `keepTo` says otherwise. */
  readonly shut?: boolean;
  /** Ends every wait: the run is to be stopped. */
  readonly stop: AbortSignal;
}

/** A rest that the endpoint asked for, or its outage. */
export type Closed = "rest" | "outage";

export interface Coordinator {
  put(update: Update, past?: Past): void;
  /** A row of this customer ended unknown in an earlier spell: its next row waits out the quiet period. */
  rest(customerId: string): void;
  /** An outcome that needs no sending: a rejection, or a row that changes nothing. */
  answer(outcome: Outcome): void;
  /** Sends the batches that are full, and resolves when more may be put, or nothing will be any more. */
  room(): Promise<void>;
  /** Resolves when every row put has its outcome in the ledger, or none will come any more. */
  drain(): Promise<void>;
  /**
   * Ends the epoch; rows that are under way are awaited no longer than their requests may take. Throws `redis-silent`: the
   * next spell ends it then.
   */
  end(): Promise<void>;
  /** Does what a person wishes of the run; nothing when it is over. */
  grant(wish: Wish): Promise<void>;
  /** Ends the run before its end, by a rule: requests in flight end, nothing more is sent. Nothing when it is over. */
  halt(stop: Stopped): void;
  /** Told when workers send nothing to the endpoint for a while, and with null when they do again. */
  close(by: Closed | null): void;
  readonly closedBy: Closed | null;
  /** Told when its time window closes and opens. What a person wishes stays as it is, and neither undoes the other. */
  keepTo(window: "open" | "shut"): void;
  /** Paused by its time window alone, not by a person. */
  readonly shut: boolean;
  readonly state: LiveState;
  /** Rows per second that the run may send; null for no limit of its own. */
  readonly rate: number | null;
  /** Null for a run that was not halted. */
  readonly stopped: Stopped | null;
  /** Why nothing more will be sent: the credentials were refused. Null while it may be. */
  readonly blocked: Refusal | null;
  /** Blocked, halted, cancelled, or told to stop. */
  readonly over: boolean;
  /** Aborted when it is over, or has failed. */
  readonly stopping: AbortSignal;
  /** The first row of the file that was put or answered and is not yet in the ledger; null where there is none. */
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

/** Retires the epochs that earlier coordinators left, if any, then opens a new one and announces it to the workers. */
export async function openCoordinator(context: CoordinatorContext): Promise<Coordinator> {
  const { redis, stream, ledger, clock, log, record } = context;
  const window = makeWindow(record.timeout, record.rate, clock, nudge);
  const speed = makeSpeed(clock);
  /** Without the rows that were not sent: they say nothing of how much the endpoint takes. */
  const served = makeSpeed(clock);
  const budget = makeBudget(context.limits);
  let own: Outcome[] = [];
  let state: LiveState = "running";
  /** Why the endpoint may not be sent to now. */
  let closedBy: Closed | null = null;
  /** Outside of its time window. */
  let shut = context.shut ?? false;
  let stopped: Stopped | null = null;
  let blocked: Refusal | null = null;
  let failure: unknown = null;
  let closed = false;
  const ending = new AbortController();
  const stopping = new AbortController();
  const wake: (() => void)[] = [];
  let linger: NodeJS.Timeout | null = null;
  const retries = makeSpeed(clock);
  const opened = clock.now();

  function nudge(): void {
    if (closed) return;
    linger ??= setTimeout(() => {
      linger = null;
      try {
        conveyor.send(true);
      } catch (error) {
        fail(error);
      }
    }, LINGER_MS);
  }

  function settle(outcomes: readonly Outcome[]): void {
    let sent = 0;
    for (const outcome of outcomes) {
      // What is read from the stream a second time is under way no more.
      const wasUnderway = conveyor.settle(outcome);
      if (wasUnderway || outcome.attempts === 0) context.answered?.(outcome);
      if (!wasUnderway) continue;
      sent++;
      const stop = budget.add(outcome);
      if (stop !== null) halt(stop);
    }
    served.add(sent);
    context.accepted?.settle(outcomes);
    speed.add(outcomes.length);
    if (clock.now() - opened > TUNE_AFTER_MS) window.tune(served.perSecond());
  }

  const streamOf = (connection: Redis) => {
    const { epoch, sealer } = conveyor;
    return { redis: connection, hold: context.holder, epoch, sealer, ledger };
  };

  /** False where there was nothing to collect. */
  async function collectOnce(block: number): Promise<boolean> {
    const found = await collect(streamOf(stream), own, block);
    own = own.slice(found.own);
    settle(found.outcomes);
    for (const fault of found.faults) {
      const batch = conveyor.batchOf(fault.row);
      if (batch) batch.quietUntil = Math.max(batch.quietUntil, clock.now() + fault.wait + SILENT_MS);
    }
    retries.add(found.faults.length);
    blocked ??= found.blocked;
    wakeAll();
    return found.entries > 0 || found.own > 0;
  }

  async function collectLoop(): Promise<void> {
    while (!closed) {
      try {
        const found = await collectOnce(window.size > 0 && own.length === 0 ? BLOCK_MS : 0);
        await clock.sleep(found && window.deferred === 0 ? COLLECT_MS : COLLECT_SOON_MS, ending.signal);
      } catch (error) {
        if (error instanceof UpdraftError) return fail(error);
        warn(error, "cannot read outcomes");
        await clock.sleep(RECONCILE_MS);
      }
    }
  }

  /** What waiting does not mend: the disk, the ledger, the key, another coordinator. */
  function fail(error: unknown): void {
    failure = error;
    wakeAll();
  }

  function wakeAll(): void {
    if (failure || over()) stopping.abort();
    for (const go of wake.splice(0)) go();
  }

  function warn(error: unknown, message: string): void {
    log.warn({ epoch: conveyor.epoch, reason: error instanceof Error ? error.name : "unknown" }, message);
  }

  /** Reads the stream on the other connection: the loop's own read may be blocking. */
  async function collectNow(): Promise<void> {
    for (;;) {
      const found = await collect(streamOf(redis));
      settle(found.outcomes);
      blocked ??= found.blocked;
      if (found.entries === 0) return;
    }
  }

  async function reconcileLoop(): Promise<void> {
    while (!closed) {
      await clock.sleep(RECONCILE_MS, ending.signal);
      try {
        if (!closed) await reconcile(reconciliation);
      } catch (error) {
        if (error instanceof UpdraftError) return fail(error);
        warn(error, "cannot reconcile");
      }
    }
  }

  const patience = record.timeout + STILL_MS;
  const retirement = {
    redis,
    holder: context.holder,
    key: context.key,
    ledger,
    clock,
    log,
    patience,
    answered: settle,
  };
  const newest = await retireLeft({ ...retirement, answered: () => {} }, record.run);
  const conveyor = makeConveyor(context, window, newest, ending.signal, shut);
  await conveyor.open();
  const { timeout } = record;
  const reconciliation = { ...context, conveyor, retirement, timeout, ending: ending.signal, collectNow };
  const collecting = collectLoop();
  const reconciling = reconcileLoop();
  context.stop.addEventListener("abort", wakeAll, { signal: ending.signal });

  const over = () => blocked !== null || stopped !== null || state === "cancelled" || context.stop.aborted;

  function halt(stop: Stopped): void {
    if (over() || closed) return;
    stopped = stop;
    state = "stopped";
    log.warn({ epoch: conveyor.epoch, rule: stop.rule, rows: stop.rows }, stop.message);
    wakeAll();
    // At once: until the epoch is retired, workers would go on with what is in the queue.
    conveyor.change({ held: true }).catch((error: unknown) => warn(error, "cannot hold the workers"));
  }

  const held = () => shut || state === "paused";

  async function until(done: () => boolean): Promise<void> {
    while (!failure && !over() && !done()) await new Promise<void>((resolve) => wake.push(resolve));
    if (failure) throw failure;
  }

  async function endEpoch(): Promise<void> {
    await reconciling;
    await conveyor.added();
    await collecting;
    if (failure) {
      // The disk or Redis has failed, and that is what is to be told: what cannot be retired now is, by the next spell.
      await retireEpoch(retirement, conveyor.epoch).catch((error: unknown) => warn(error, "not retired"));
      return conveyor.queue.close();
    }
    if (own.length > 0) settle(ledger.write(own));
    await retireEpoch(retirement, conveyor.epoch);
    await conveyor.queue.close();
    ledger.write([], [], { retired: ledger.meta("epoch") ?? "0" });
  }

  return {
    put(update, past) {
      context.accepted?.sending(update);
      window.put(update, past);
    },
    rest: (customerId) => window.rest(customerId),
    answer(outcome) {
      own.push(outcome);
    },
    room() {
      conveyor.send(false);
      nudge();
      return until(() => window.hasRoom() && own.length < MAX_OWN);
    },
    drain() {
      conveyor.send(true);
      return until(() => window.size === 0 && own.length === 0);
    },
    async end() {
      if (linger) clearTimeout(linger);
      closed = true;
      ending.abort();
      window.close();
      const enough = new AbortController();
      const waited = clock.sleep(patience + END_MS, enough.signal).then(() => "silent" as const);
      const ended = endEpoch();
      ended.catch(() => {});
      const how = await Promise.race([ended, waited]).finally(() => enough.abort());
      // The disk, or another coordinator, has failed the run before: that is what is to be told.
      if (how === "silent" && !failure) throw new UpdraftError("redis-silent", { run: record.run });
    },
    async grant(wish) {
      if (over() || closed) return;
      try {
        if (wish.kind === "rate") {
          window.setRate(wish.rate);
          return await conveyor.change({ rate: wish.rate });
        }
        const { kind } = wish;
        // Noted before it is shown: what was cancelled must not go on after a crash.
        ledger.write([], [], kind === "cancel" ? { cancel: String(clock.wall()) } : { state: GRANTED[kind] });
        await ledger.sync();
        // A rule may have stopped it meanwhile. What was cancelled is noted as such, and ends so.
        if (over() && kind !== "cancel") return;
        state = GRANTED[kind];
        wakeAll();
        if (kind !== "cancel") await conveyor.change({ held: held() });
      } catch (error) {
        if (!(error instanceof UpdraftError)) throw error;
        fail(error);
      }
    },
    halt,
    close(by) {
      closedBy = by;
    },
    keepTo(window) {
      if (over() || closed || shut === (window === "shut")) return;
      shut = !shut;
      conveyor.change({ held: held() }).catch((error: unknown) => {
        if (error instanceof UpdraftError) fail(error);
        else warn(error, "cannot tell the workers of the window");
      });
    },
    get shut() {
      return shut && state === "running";
    },
    get state() {
      if (state !== "running") return state;
      return shut ? "paused" : closedBy === "outage" ? "waiting" : state;
    },
    get closedBy() {
      return closedBy;
    },
    get stopped() {
      return stopped;
    },
    get rate() {
      return conveyor.terms.rate;
    },
    get blocked() {
      return blocked;
    },
    get over() {
      return over();
    },
    stopping: AbortSignal.any([context.stop, stopping.signal]),
    firstOpen() {
      const open = [window.first(), own[0]?.row ?? null].filter((row) => row !== null);
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
    epochs: conveyor.epochs,
  };
}
