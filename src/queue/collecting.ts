// What workers answered, and what needs no worker, in; all of it in the ledger, and everyone told who counts on it, out.
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { makeSpeed } from "../events.ts";
import type { Accepted } from "../settle/accepted.ts";
import { type Limits, makeBudget } from "../settle/budget.ts";
import { collect } from "../settle/collect.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Stopped } from "../settle/stop.ts";
import { type Conveyor, SILENT_MS } from "./conveyor.ts";
import type { Holder } from "./holder.ts";
import type { RunState } from "./run-state.ts";
import type { Window } from "./window.ts";

/**
 * One read of the stream, and so one fsync, per this; shorter while rows wait for an earlier one of their customer, and where
 * nothing was read: the wait before the first row, and the one after the last, would be most of what a small file takes.
 */
const COLLECT_MS = 40;
const COLLECT_SOON_MS = 3;
/** Reading the stream blocks at most this long. */
const BLOCK_MS = 500;
/** A Redis that could not be read is read again after this. */
const AGAIN_MS = 1_000;
/** The speed of the first moments says little. */
const TUNE_AFTER_MS = 1_500;

export interface CollectingParts {
  readonly redis: Redis;
  /** For reads that block. */
  readonly stream: Redis;
  readonly ledger: Ledger;
  /** What the endpoint has accepted, where that is kept: it is told of each row that is put, and of its outcome. */
  readonly accepted: Accepted | null;
  readonly holder: Holder;
  readonly clock: Clock;
  /** Of bad rows: what is more than that halts the run. */
  readonly limits: Limits;
  /** Told of every row that has its outcome in the ledger, once. */
  readonly answered?: ((outcome: Outcome) => void) | undefined;
}

export interface CollectingContext extends CollectingParts {
  readonly window: Window;
  readonly conveyor: Conveyor;
  readonly state: RunState;
  /** The run is ending: the stream is left to who retires the epoch. */
  readonly ending: AbortSignal;
  /** Bad rows are more than the limits allow. */
  halt(stop: Stopped): void;
  warn(error: unknown, message: string): void;
}

export interface Collecting {
  /** An outcome that needs no sending: a rejection, or a row that changes nothing. It waits for the next read of the stream, to share its fsync. */
  answer(outcome: Outcome): void;
  /** Such outcomes that are not in the ledger yet, in the order of the file. */
  readonly own: readonly Outcome[];
  /** These are in the ledger. */
  settle(outcomes: readonly Outcome[]): void;
  /** Takes everything that is in the stream by now into the ledger. */
  takeAll(): Promise<void>;
  /** Resolves when the run is ending, and rows of the stream are read no more. */
  readonly ended: Promise<void>;
  /** Rows that wait for a retry, lately. */
  readonly retrying: number;
  /** Rows answered per second, over the last seconds. */
  readonly rowsPerSecond: number;
}

/** Begins at once. */
export function startCollecting(context: CollectingContext): Collecting {
  const { ledger, clock, window, conveyor, state, ending, halt } = context;
  const speed = makeSpeed(clock);
  /** Without the rows that were not sent: they say nothing of how much the endpoint takes. */
  const served = makeSpeed(clock);
  const retries = makeSpeed(clock);
  const budget = makeBudget(context.limits);
  const began = clock.now();
  let own: Outcome[] = [];

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
    if (clock.now() - began > TUNE_AFTER_MS) window.tune(served.perSecond());
  }

  const streamOf = (redis: Redis) => {
    const { epoch, sealer } = conveyor;
    return { redis, hold: context.holder, epoch, sealer, ledger };
  };

  /** False where there was nothing to collect. */
  async function once(block: number): Promise<boolean> {
    const found = await collect(streamOf(context.stream), own, block);
    own = own.slice(found.own);
    settle(found.outcomes);
    for (const fault of found.faults) {
      const batch = conveyor.batchOf(fault.row);
      if (batch) batch.quietUntil = Math.max(batch.quietUntil, clock.now() + fault.wait + SILENT_MS);
    }
    retries.add(found.faults.length);
    state.block(found.blocked);
    state.wake();
    return found.entries > 0 || found.own > 0;
  }

  async function loop(): Promise<void> {
    while (!ending.aborted) {
      try {
        const found = await once(window.size > 0 && own.length === 0 ? BLOCK_MS : 0);
        await clock.sleep(found && window.deferred === 0 ? COLLECT_MS : COLLECT_SOON_MS, ending);
      } catch (error) {
        if (error instanceof UpdraftError) return state.fail(error);
        context.warn(error, "cannot read outcomes");
        await clock.sleep(AGAIN_MS);
      }
    }
  }

  return {
    answer: (outcome) => void own.push(outcome),
    get own() {
      return own;
    },
    settle,
    /** On the other connection: the loop's own read may be blocking. */
    async takeAll() {
      for (;;) {
        const found = await collect(streamOf(context.redis));
        settle(found.outcomes);
        state.block(found.blocked);
        if (found.entries === 0) return;
      }
    },
    ended: loop(),
    get retrying() {
      return retries.perSecond();
    },
    get rowsPerSecond() {
      return speed.perSecond();
    },
  };
}
