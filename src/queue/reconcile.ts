// What is under way in; what Redis or a worker lost of it, found and put on its way again, out.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Ledger } from "../settle/ledger.ts";
import { type Conveyor, type Sent, SILENT_MS } from "./conveyor.ts";
import { LOCK_MS, readEpoch } from "./epoch.ts";
import type { Holder } from "./holder.ts";
import { doubtAll, type RetireContext, retireEpoch } from "./retire.ts";

export interface ReconcileContext {
  readonly redis: Redis;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Logger;
  readonly holder: Holder;
  readonly conveyor: Conveyor;
  readonly retirement: RetireContext;
  /** How long a request may take, milliseconds. */
  readonly timeout: number;
  /** The run is ending: nothing is put on its way any more. */
  readonly ending: AbortSignal;
  /** Takes everything that is in the stream by now into the ledger. */
  collectNow(): Promise<void>;
}

/** Redis is a conveyor, not a vault: what it lost is put on it again. Throws `run-taken-over`. */
export async function reconcile(context: ReconcileContext): Promise<void> {
  const { redis, clock, log, holder, conveyor, timeout } = context;
  await holder.check();
  const known = await readEpoch(redis, conveyor.epoch);
  if (known === null) return replaceEpoch(context);
  // Redis failed when it was to be written.
  const { held, rate } = conveyor.terms;
  if (known.held !== held || known.rate !== rate) await conveyor.change({});
  const now = clock.now();
  const silent = [...conveyor.sent].filter(([, batch]) => now >= batch.quietUntil);
  if (silent.length === 0) return;
  await conveyor.queue.curb(
    silent.map(([id]) => id),
    LOCK_MS,
  );
  const lost = new Set(await conveyor.queue.lost(silent.map(([id]) => id)));
  // A batch is settled before it is completed: after this read a missing one was answered, or never will be.
  if (lost.size > 0) await context.collectNow();
  for (const [id, batch] of silent) {
    if (!conveyor.sent.has(id)) continue;
    batch.quietUntil = now + SILENT_MS;
    if (!lost.has(id)) await promoteOverdue(context, id, batch);
    else if (!batch.missing) {
      batch.missing = true;
      batch.quietUntil = now + timeout;
    } else {
      log.warn({ epoch: conveyor.epoch, batch: id, rows: batch.open }, "batch lost, its rows are added again");
      conveyor.putBack(id);
    }
  }
  conveyor.send(true);
}

/** What waits for its delay waits by wall clocks, which may jump: by the monotonic one it waits no longer than that. */
async function promoteOverdue({ clock, conveyor }: ReconcileContext, id: string, batch: Sent): Promise<void> {
  const delay = await conveyor.queue.delayOf(id);
  if (delay && delay.due === batch.due) await conveyor.queue.promote(id).catch(() => {});
  else if (delay) batch.quietUntil = clock.now() + delay.wait;
  batch.due = delay?.due ?? null;
}

/**
 * Redis came back empty. Workers may go on sending until their leases are over, and what they sent last may take effect
 * until it has timed out, so a new epoch waits that long.
 */
async function replaceEpoch({ conveyor, ...context }: ReconcileContext): Promise<void> {
  const { clock, holder, ledger, log, retirement, ending } = context;
  log.warn({ epoch: conveyor.epoch }, "epoch lost, opening a new one");
  conveyor.halt();
  doubtAll(ledger);
  await clock.sleep(retirement.patience, ending);
  if (ending.aborted) return;
  await holder.check();
  await conveyor.added();
  await retireEpoch({ ...retirement, patience: 0 }, conveyor.epoch);
  await conveyor.queue.close();
  for (const id of conveyor.sent.keys()) conveyor.putBack(id);
  await conveyor.open();
  conveyor.send(true);
}
