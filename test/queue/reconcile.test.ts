// What the coordinator does when Redis or a worker loses something: every row comes again, after it can no longer be on its
// way, and with its doubt.
import { hostname } from "node:os";
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { LOCK_MS, STILL_MS } from "../../src/queue/epoch.ts";
import { useRedis } from "../support/redis.ts";
import { ours, serve, useCoordinators } from "./coordinators.ts";
import { RECORD, RUN, type TestWorker, waiting } from "./epochs.ts";
import { update } from "./support.ts";

const redis = useRedis();
const { setUp } = useCoordinators(redis);

/** Takes a batch out of Redis as if it had never been there. */
async function lose(client: Redis, epoch: string, id: string): Promise<void> {
  await client.multi().del(`updraft:${epoch}:${id}`).lrem(`updraft:${epoch}:wait`, 0, id).exec();
}

/** Takes batches until it has these rows, and completes them; tells which of them came as ambiguous. */
async function serveRows(worker: TestWorker, ...rows: number[]): Promise<Map<number, boolean>> {
  const came = new Map<number, boolean>();
  while (rows.some((row) => !came.has(row))) {
    const taken = await worker.take();
    for (const row of taken.rows) {
      came.set(row.row, row.ambiguous);
      expect(JSON.parse(row.body.toString())).toHaveProperty("customerId");
    }
    await worker.settle(...taken.rows.map((row) => row.row));
    await taken.complete();
  }
  return came;
}

describe("a coordinator", () => {
  test("adds the rows of a batch again that is gone from Redis: those without an outcome, and ambiguous", async () => {
    const timeout = 20_000;
    const { coordinator, client, clock, worker, ledger } = await setUp({ record: { ...RECORD, timeout } });
    for (const row of [1, 2, 3]) coordinator.put(update(row));
    const drained = coordinator.drain();
    const [id = ""] = await waiting(client, `${RUN}-1`);
    const hands = worker();
    await hands.settle(2);
    const lost = clock.now();
    await lose(client, `${RUN}-1`, id);
    expect(await serveRows(hands, 1, 3)).toEqual(
      new Map([
        [1, true],
        [3, true],
      ]),
    );
    // A worker may have had it: what it sent may take effect for as long as a request may take.
    expect(clock.now() - lost).toBeGreaterThan(timeout);
    await drained;
    expect(ledger.size()).toBe(3);
  });

  test("adds the rows of a failed batch again", async () => {
    const { coordinator, client, worker, end } = await setUp();
    coordinator.put(update(1));
    const drained = coordinator.drain();
    const [id = ""] = await waiting(client, `${RUN}-1`);
    await client.multi().lrem(`updraft:${RUN}-1:wait`, 0, id).zadd(`updraft:${RUN}-1:failed`, 1, id).exec();
    expect(await serve(worker())).toEqual([1]);
    await drained;
    await end();
    expect(await ours(client)).toEqual([]);
  });

  test("opens a new epoch when Redis came back empty, and every row without an outcome comes again, ambiguous", async () => {
    const { coordinator, client, clock, worker, ledger, end } = await setUp();
    for (const row of [1, 2]) coordinator.put(update(row));
    coordinator.put(update(3, "csta_1"));
    void coordinator.drain();
    await waiting(client, `${RUN}-1`);
    const old = worker();
    await old.settle(2);
    await expect.poll(() => ledger.size()).toBe(1);
    await client.flushall();
    const lost = clock.now();
    // A row that comes before the loss is noticed: it goes into a queue that nobody serves.
    coordinator.put(update(4));
    const drained = coordinator.drain();
    await expect.poll(() => coordinator.epochs.length).toBe(2);
    expect(clock.now() - lost).toBeGreaterThan(STILL_MS + RECORD.timeout);
    const hands = worker();
    // The third was never sent: it waited for the first row of its customer.
    expect(await serveRows(hands, 1, 3, 4)).toEqual(
      new Map([
        [1, true],
        [4, true],
        [3, false],
      ]),
    );
    await drained;
    expect(ledger.size()).toBe(4);
    expect(Number(ledger.meta("doubtful"))).toBeGreaterThanOrEqual(4);
    await end();
    expect(await ours(client)).toEqual([]);
  });

  test("lets a batch wait for all of its delay, and for no more of it by the monotonic clock", async () => {
    const { coordinator, clock, worker } = await setUp();
    coordinator.put(update(1));
    const drained = coordinator.drain();
    const hands = worker();
    const taken = await hands.take();
    const from = clock.now();
    // By the wall clock this is longer than the test may take.
    await hands.giveBack(taken, taken.rows, 25_000);
    expect(await serve(hands)).toEqual([1]);
    expect(clock.now() - from).toBeGreaterThan(25_000);
    await drained;
  });

  test("lets no lock outlive what it can have been given, as when the clock of Redis goes back an hour", async () => {
    const { coordinator, client, worker } = await setUp();
    coordinator.put(update(1));
    const drained = coordinator.drain();
    const hands = worker();
    const taken = await hands.take();
    const keys = (await client.keys("*:lock")).concat(`updraft:${RUN}-1:stalled-check`);
    expect(keys).toHaveLength(2);
    for (const key of keys) await client.pexpire(key, 3_600_000);
    for (const key of keys) await expect.poll(() => client.pttl(key)).toBeLessThanOrEqual(LOCK_MS);
    await hands.settle(1);
    await taken.complete();
    await drained;
  });

  test("fails when another process has taken the run over", async () => {
    const { coordinator, client } = await setUp();
    coordinator.put(update(1));
    const drained = coordinator.drain();
    const other = { host: `not-${hostname()}`, pid: 1, since: "", boot: 0 };
    await client.set(`updraft:holder:${RUN}`, JSON.stringify(other));
    await expect(drained).rejects.toMatchObject({ code: "run-taken-over" });
  });
});
