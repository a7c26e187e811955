// One epoch in; its batches are taken by free request slots and sent, until the epoch is gone or the process stops.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { type EpochRecord, LOCK_MS, readEpoch, STILL_MS } from "../queue/epoch.ts";
import { packBatch, type QueuedRow, unpackBatch } from "../queue/payload.ts";
import type { Sealer } from "../queue/seal.ts";
import { type Claim, makeTaker, type TakenBatch } from "../queue/take.ts";
import type { Refusal } from "../settle/entry.ts";
import { EpochGone, findSettled, makeSettler } from "../settle/settle.ts";
import { type Lease, makeLeases } from "./lease.ts";
import { makePace } from "./pace.ts";
import { type RowContext, type Sender, sendRow } from "./row.ts";
import type { Slots } from "./slots.ts";
import { judge, type Left } from "./verdict.ts";

/** While credentials are refused, or Redis fails, the epoch is looked at again after this. */
const REST_MS = 1_000;

export interface Serving {
  /** Reads the record again: held, released or gone. */
  refresh(): Promise<void>;
  /** The endpoint may not be sent to for now: what waits for its slot waits no more. */
  close(): void;
  /** Resolves when every batch it had is completed or given back. */
  readonly done: Promise<void>;
  /** Takes no new batch, starts no new request. */
  stop(): void;
  /** Ends requests in flight: the deadline of a stop. */
  abort(): void;
}

export interface ServeContext {
  readonly redis: Redis;
  readonly record: EpochRecord;
  readonly sealer: Sealer;
  readonly sender: Sender;
  readonly slots: Slots;
  readonly log: Logger;
}

export function serveEpoch(context: ServeContext): Serving {
  const { redis, record, sealer, sender, slots, log } = context;
  const { epoch } = record;
  const { clock, condition } = sender;
  const over = new AbortController();
  let held = record.held;
  let refused = false;
  const taker = makeTaker(redis, epoch, LOCK_MS, clock, (error) =>
    log.warn({ epoch, reason: error.name }, "queue error"),
  );
  const leases = makeLeases((ids, tokens) => taker.extend(ids, tokens, LOCK_MS), clock);
  const settler = makeSettler(redis, epoch, sealer, clock);
  const pace = makePace(redis, record, record, condition.haste, clock, over.signal);
  const batches = new Set<Promise<unknown>>();
  const inFlight = new Set<Lease>();
  // Rows that wait for a slot must not wait for one to be given back.
  over.signal.addEventListener("abort", slots.flush, { once: true });
  const may = () => !over.signal.aborted && !held && !refused && !settler.gone();
  const open = () => may() && !condition.closed();
  const mayProbe = () => may() && condition.rest() === 0;

  function gone(): void {
    if (over.signal.aborted) return;
    log.info({ epoch }, "epoch is gone");
    over.abort();
  }

  /**
   * The number of requests that were written.
   * @param probe sends one row only, to see if the endpoint answers
   */
  async function sendBatch(taken: TakenBatch, probe = false): Promise<number> {
    const batch = unpackBatch(sealer, epoch, taken.id, taken.data);
    const lease = await leases.start(taken.id, taken.token);
    if (!lease) return 0;
    inFlight.add(lease);
    try {
      const settled = await findSettled(
        redis,
        epoch,
        batch.rows.map((r) => r.row),
      );
      if (!settled) {
        gone();
        return 0;
      }
      const rows = batch.rows.filter((r) => !settled.has(r.row));
      const mark = settler.mark();
      const crashed = taken.stalls > batch.stalls;
      const left = crashed ? await restAfterCrash(rows) : 0;
      const sent = left > 0 ? [] : rows.slice(0, probe ? 1 : rows.length);
      const others = rows.slice(sent.length);
      const requests = () => sent.reduce((sum, row) => sum + row.requests, 0);
      const before = requests();
      const back = await sendRows(sent, lease, taken.claim, crashed, probe ? mayProbe : open);
      await settler.flush(mark);
      // A probe that was not answered comes last: the next one is another row.
      const rest = [...others, ...rows.filter((row) => back.has(row))];
      if (rest.length === 0) await taken.complete();
      else {
        const data = packBatch(sealer, epoch, taken.id, taken.stalls, rest);
        await taken.giveBack(data, Math.max(left, ...back.values()));
      }
      return requests() - before;
    } finally {
      inFlight.delete(lease);
      lease.end();
    }
  }

  /**
   * The worker that had these rows died with them or is cut off from Redis: any of them may have been sent. They wait out
   * what is left of the quiet period: it began at the end of that worker's lease at the latest, and its lock has run out
   * since. They do so in this worker's hands: given back, they would come after all that waits in the queue by then.
   * Returns the milliseconds that are left of it when this worker is to stop.
   */
  async function restAfterCrash(rows: readonly QueuedRow[]): Promise<number> {
    for (const row of rows) row.ambiguous = true;
    const until = clock.now() + Math.max(0, record.timeout - (LOCK_MS - STILL_MS));
    await clock.sleep(until - clock.now(), over.signal);
    return over.signal.aborted ? Math.max(0, until - clock.now()) : 0;
  }

  /** The rows that must be tried again, each with its wait. With `first`, they are sent before what else is at hand. */
  async function sendRows(
    rows: readonly QueuedRow[],
    lease: Lease,
    claim: Claim,
    first: boolean,
    isOpen: () => boolean,
  ): Promise<Map<QueuedRow, number>> {
    const left = new Map<QueuedRow, Left>();
    const rowContext: RowContext = {
      lease,
      pace,
      settler,
      claim,
      attempts: record.attempts,
      timeout: record.timeout,
      open: isOpen,
      may: () => lease.valid() && isOpen(),
      refused: refuse,
    };
    const send = async (row: QueuedRow) => {
      condition.begin();
      const found = await sendRow(sender, row, rowContext).finally(condition.finish);
      if (found !== null) left.set(row, found);
    };
    await slots.run(rows, send, first);
    const back = new Map<QueuedRow, number>();
    for (const [row, found] of left) {
      const wait = await judge(found, rowContext, clock);
      if (wait !== null) back.set(row, wait);
    }
    return back;
  }

  /** What waits for its turn waits no more: nothing may be sent. */
  function close(): void {
    pace.release();
    slots.flush();
  }

  function refuse(why: Refusal): void {
    if (!refused) settler.blocked(why);
    refused = true;
    close();
  }

  async function probe(): Promise<void> {
    const taken = await taker.next();
    await condition.probed(taken !== null && (await sendBatch(taken, true)) > 0);
  }

  async function takeBatches(): Promise<void> {
    while (!over.signal.aborted) {
      if (held || refused) {
        await Promise.allSettled(batches);
        await clock.sleep(REST_MS, over.signal);
        // The coordinator holds an epoch whose credentials are refused; until then another look is all there is to do.
        refused = false;
        await refresh();
        continue;
      }
      if (condition.closed()) {
        if (await condition.pause(over.signal)) await probe();
        continue;
      }
      await slots.wanted(over.signal);
      if (over.signal.aborted) return;
      const taken = condition.closed() ? null : await taker.next();
      if (!taken) continue;
      const work = sendBatch(taken).catch((error: unknown) => {
        if (error instanceof EpochGone) return gone();
        // The batch comes back when its lock runs out; nothing of it is lost.
        log.warn({ epoch, reason: error instanceof Error ? error.name : "unknown" }, "batch left to its lock");
      });
      batches.add(work);
      void work.finally(() => batches.delete(work));
    }
  }

  async function refresh(): Promise<void> {
    const now = await readEpoch(redis, epoch);
    if (!now) return gone();
    held = now.held;
    pace.tune(now);
    if (held) close();
  }

  async function serve(): Promise<void> {
    while (!over.signal.aborted) {
      try {
        await takeBatches();
      } catch (error) {
        log.warn({ epoch, reason: error instanceof Error ? error.name : "unknown" }, "cannot take batches");
        await clock.sleep(REST_MS, over.signal);
      }
    }
    await Promise.allSettled(batches);
    leases.close();
    await taker.close();
  }

  return {
    refresh,
    close,
    done: serve(),
    stop() {
      over.abort();
      condition.settle();
    },
    abort() {
      over.abort();
      for (const lease of inFlight) lease.aborter.abort();
    },
  };
}
