// A Redis in; coordinators against it whose time goes faster, each ended with its test, out.
import type { Redis } from "ioredis";
import { afterEach } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { type Coordinator, type CoordinatorContext, openCoordinator } from "../../src/queue/coordinator.ts";
import { type Holder, holdRun } from "../../src/queue/holder.ts";
import { type Ledger, openLedger } from "../../src/settle/ledger.ts";
import type { TestRedis } from "../support/redis.ts";
import { fasterClock, RECORD, RUN, type TestWorker, workerOf } from "./epochs.ts";
import { KEY, silent, useFolder } from "./support.ts";

const PATIENT_MS = 10_000;

export interface SetUp {
  readonly client: Redis;
  readonly ledger: Ledger;
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly stop: AbortController;
  /** Of the newest epoch. */
  worker(): TestWorker;
  /** Ends the coordinator and lets go of the run; then its workers, which would go on looking for stalled batches. */
  end(): Promise<void>;
}

/** Call it at the top of a test file, after useRedis. */
export function useCoordinators(redis: TestRedis) {
  const folder = useFolder();
  let coordinators: Coordinator[] = [];
  let holders: Holder[] = [];

  afterEach(async () => {
    for (const coordinator of coordinators) await coordinator.end().catch(() => {});
    for (const holder of holders) await holder.release();
    coordinators = [];
    holders = [];
  });

  async function newLedger(): Promise<Ledger> {
    return folder.keep(openLedger(await folder.dir()));
  }

  /** Time goes forty times as fast for the coordinator: what it looks after every 3 s, it looks after every 75 ms. */
  async function setUp(given: Partial<CoordinatorContext> = {}): Promise<SetUp> {
    const client = redis.connect();
    const ledger = given.ledger ?? (await newLedger());
    const fast = fasterClock(40);
    // What ends a coordinator whose Redis hangs is not for a machine that is busy: the longest waits are not quite so short.
    const clock: Clock = { ...fast, sleep: (ms, signal) => fast.sleep(ms < PATIENT_MS ? ms : ms * 10, signal) };
    const holder = given.holder ?? (await holdRun(client, RUN, clock));
    holders.push(holder);
    const stop = new AbortController();
    const coordinator = await openCoordinator({
      ...{ redis: client, stream: redis.connect(), key: KEY, holder, clock, log: silent, accepted: null },
      ...{ record: RECORD, limits: { rows: null, percent: null, same: null }, stop: stop.signal },
      ...given,
      ledger,
    });
    coordinators.push(coordinator);
    const workers: TestWorker[] = [];
    return {
      client,
      ledger,
      coordinator,
      clock,
      stop,
      worker() {
        const made = workerOf(redis, coordinator.epochs.at(-1) ?? "");
        workers.push(made);
        return made;
      },
      async end() {
        try {
          await coordinator.end();
        } finally {
          coordinators = [];
          await holder.release();
          for (const worker of workers) await worker.close();
        }
      },
    };
  }
  return { setUp, newLedger };
}

/** Takes a batch, settles all of it and completes it. */
export async function serve(worker: TestWorker): Promise<number[]> {
  const taken = await worker.take();
  const rows = taken.rows.map((row) => row.row);
  await worker.settle(...rows);
  await taken.complete();
  return rows;
}

export const ours = (client: Redis) => client.keys("updraft:*");
