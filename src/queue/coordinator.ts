// Updates in; every one of them travels through the queue until the ledger has its outcome: the coordinator of a run.
import type { Logger } from "pino";
import { UpdraftError } from "../errors.ts";
import type { Update } from "../plan/plan.ts";
import type { Past } from "../settle/past.ts";
import type { Stopped } from "../settle/stop.ts";
import { type Collecting, type CollectingParts, startCollecting } from "./collecting.ts";
import { makeConveyor } from "./conveyor.ts";
import { type RunRecord, STILL_MS } from "./epoch.ts";
import { reconcile } from "./reconcile.ts";
import { retireEpoch, retireLeft } from "./retire.ts";
import { makeRunState, type RunState } from "./run-state.ts";
import { GRANTED, type LiveState, type Wish } from "./status.ts";
import { makeWindow } from "./window.ts";

const RECONCILE_MS = 1_000;
/** What fills no batch goes out after this. */
const LINGER_MS = 5;
/** A Redis that does not answer at the end is given up after this, beside the time that rows in flight may take. */
const END_MS = 10_000;
/** Outcomes of rows that are not sent, and not in the ledger yet. */
const MAX_OWN = 5_000;

export interface CoordinatorContext extends CollectingParts {
  readonly key: Buffer;
  readonly log: Logger;
  /** All of the epoch's record but what changes from epoch to epoch. */
  readonly record: RunRecord;
  /** It begins outside its time window: nothing is sent until `keepTo` says otherwise. */
  readonly shut?: boolean;
  /** Ends every wait: the run is to be stopped. */
  readonly stop: AbortSignal;
}

type Seen = "closedBy" | "shut" | "stopped" | "blocked" | "over" | "stopping";

export interface Coordinator
  extends Pick<RunState, Seen | "close">,
    Pick<Collecting, "answer" | "retrying" | "rowsPerSecond"> {
  put(update: Update, past?: Past): void;
  /** A row of this customer ended unknown in an earlier spell: its next row waits out the quiet period. */
  rest(customerId: string): void;
  /** Sends the batches that are full, and resolves when more may be put, or nothing will be any more. */
  room(): Promise<void>;
  /** Resolves when every row put has its outcome in the ledger, or none will come any more. */
  drain(): Promise<void>;
  /**
   * Ends the epoch; rows that are under way are awaited no longer than their requests may take. Throws what has failed the
   * run, be it meanwhile, and `redis-silent`: the next spell ends it then.
   */
  end(): Promise<void>;
  /** Does what a person wishes of the run; nothing when it is over. */
  grant(wish: Wish): Promise<void>;
  /** Ends the run before its end, by a rule: requests in flight end, nothing more is sent. Nothing when it is over. */
  halt(stop: Stopped): void;
  /** Told when its time window closes and opens. What a person wishes stays as it is, and neither undoes the other. */
  keepTo(window: "open" | "shut"): void;
  readonly state: LiveState;
  /** Rows per second that the run may send; null for no limit of its own. */
  readonly rate: number | null;
  /** The first row of the file that was put or answered and is not yet in the ledger; null where there is none. */
  firstOpen(): number | null;
  /** Rows without an outcome. */
  readonly underway: number;
  readonly windowFull: boolean;
  readonly epochs: readonly string[];
}

/** Retires the epochs that earlier coordinators left, if any, then opens a new one and announces it to the workers. */
export async function openCoordinator(context: CoordinatorContext): Promise<Coordinator> {
  const { redis, ledger, clock, log, record } = context;
  const ending = new AbortController();
  const state = makeRunState(context.stop, context.shut ?? false);
  const window = makeWindow(record.timeout, record.rate, clock, nudge);
  let linger: NodeJS.Timeout | null = null;

  function nudge(): void {
    if (ending.signal.aborted) return;
    linger ??= setTimeout(() => {
      linger = null;
      try {
        conveyor.send(true);
      } catch (error) {
        state.fail(error);
      }
    }, LINGER_MS);
  }

  function warn(error: unknown, message: string): void {
    log.warn({ epoch: conveyor.epoch, reason: error instanceof Error ? error.name : "unknown" }, message);
  }

  const patience = record.timeout + STILL_MS;
  const retiring = { ...{ redis, ledger, clock, log, patience }, holder: context.holder, key: context.key };
  const newest = await retireLeft({ ...retiring, answered() {} }, record.run);
  const conveyor = makeConveyor({ ...context, fail: state.fail }, window, newest, ending.signal, state.held);
  await conveyor.open();
  const collecting = startCollecting({ ...context, window, conveyor, state, ending: ending.signal, halt, warn });
  const retirement = { ...retiring, answered: collecting.settle };
  const reconciling = reconcileLoop();
  context.stop.addEventListener("abort", state.wake, { signal: ending.signal });

  async function reconcileLoop(): Promise<void> {
    const { timeout } = record;
    const about = { ...context, conveyor, retirement, timeout, ending: ending.signal, collectNow: collecting.takeAll };
    while (!ending.signal.aborted) {
      await clock.sleep(RECONCILE_MS, ending.signal);
      try {
        if (!ending.signal.aborted) await reconcile(about);
      } catch (error) {
        if (error instanceof UpdraftError) return state.fail(error);
        warn(error, "cannot reconcile");
      }
    }
  }

  /** Nothing is asked of it any more. */
  const isPast = () => state.over || ending.signal.aborted;

  function halt(stop: Stopped): void {
    if (isPast()) return;
    state.halt(stop);
    log.warn({ epoch: conveyor.epoch, rule: stop.rule, rows: stop.rows }, stop.message);
    // At once: until the epoch is retired, workers would go on with what is in the queue.
    conveyor.change({ held: true }).catch((error: unknown) => warn(error, "cannot hold the workers"));
  }

  async function endEpoch(): Promise<void> {
    await reconciling;
    await conveyor.added();
    await collecting.ended;
    if (state.failure) {
      // The disk or Redis has failed, and that is what is to be told: what cannot be retired now is, by the next spell.
      await retireEpoch(retirement, conveyor.epoch).catch((error: unknown) => warn(error, "not retired"));
      await conveyor.queue.close();
      throw state.failure;
    }
    if (collecting.own.length > 0) collecting.settle(ledger.write(collecting.own));
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
    answer: collecting.answer,
    room() {
      conveyor.send(false);
      nudge();
      return state.until(() => window.hasRoom() && collecting.own.length < MAX_OWN);
    },
    drain() {
      conveyor.send(true);
      return state.until(() => window.size === 0 && collecting.own.length === 0);
    },
    async end() {
      if (linger) clearTimeout(linger);
      ending.abort();
      window.close();
      const enough = new AbortController();
      const waited = clock.sleep(patience + END_MS, enough.signal).then(() => "silent" as const);
      const ended = endEpoch();
      ended.catch(() => {});
      const how = await Promise.race([ended, waited]).finally(() => enough.abort());
      // The disk, or another coordinator, may have failed the run before: that is what is to be told.
      if (how === "silent") throw state.failure ?? new UpdraftError("redis-silent", { run: record.run });
    },
    async grant(wish) {
      if (isPast()) return;
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
        if (state.over && kind !== "cancel") return;
        state.become(GRANTED[kind]);
        if (kind !== "cancel") await conveyor.change({ held: state.held });
      } catch (error) {
        if (!(error instanceof UpdraftError)) throw error;
        state.fail(error);
      }
    },
    halt,
    close: state.close,
    keepTo(hours) {
      const was = state.held;
      if (isPast()) return;
      state.keepTo(hours);
      if (state.held === was) return;
      conveyor.change({ held: state.held }).catch((error: unknown) => {
        if (error instanceof UpdraftError) state.fail(error);
        else warn(error, "cannot tell the workers of the window");
      });
    },
    get state() {
      return state.now;
    },
    get closedBy() {
      return state.closedBy;
    },
    get shut() {
      return state.shut;
    },
    get stopped() {
      return state.stopped;
    },
    get blocked() {
      return state.blocked;
    },
    get over() {
      return state.over;
    },
    stopping: state.stopping,
    get rate() {
      return conveyor.terms.rate;
    },
    firstOpen() {
      const open = [window.first(), collecting.own[0]?.row ?? null].filter((row) => row !== null);
      return open.length === 0 ? null : Math.min(...open);
    },
    get underway() {
      return window.size;
    },
    get windowFull() {
      return !window.hasRoom();
    },
    get retrying() {
      return collecting.retrying;
    },
    get rowsPerSecond() {
      return collecting.rowsPerSecond;
    },
    epochs: conveyor.epochs,
  };
}
