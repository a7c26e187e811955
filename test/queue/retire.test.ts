// The end of an epoch: what its workers know is taken into the ledger, what is left keeps its past, and Redis is left empty.
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { EPOCHS, epochKeys, NEWS, readEpoch } from "../../src/queue/epoch.ts";
import { holdKey } from "../../src/queue/fence.ts";
import { holdRun } from "../../src/queue/holder.ts";
import { retireEpoch } from "../../src/queue/retire.ts";
import { type Ledger, openLedger } from "../../src/settle/ledger.ts";
import type { Outcome } from "../../src/settle/outcome.ts";
import { useRedis } from "../support/redis.ts";
import { HOLD, openEpoch, queued, RUN, workerOf } from "./epochs.ts";
import { KEY, makeFakeClock, outcome, silent, useFolder } from "./support.ts";

const EPOCH = `${RUN}-1`;
const PATIENCE = 8_000;
const redis = useRedis();
const folder = useFolder();

async function setUp(): Promise<{ client: Redis; ledger: Ledger }> {
  const ledger = folder.keep(openLedger(await folder.dir()));
  ledger.write([], [], { highest: "40" });
  return { client: redis.connect(), ledger };
}

/** Time passes as it is slept; `look` is called each time. */
function patientClock(look: () => Promise<void> = async () => {}): Clock {
  const clock = makeFakeClock();
  return {
    ...clock,
    async sleep(ms) {
      await look();
      await clock.advance(ms);
    },
  };
}

const NOBODY_ELSE = { ...HOLD, check: async () => {} };

async function retire(client: Redis, ledger: Ledger, clock = patientClock(), holder = NOBODY_ELSE): Promise<Outcome[]> {
  const answered: Outcome[] = [];
  const context = { redis: client, holder, key: KEY, ledger, clock, log: silent, patience: PATIENCE };
  await retireEpoch({ ...context, answered: (outcomes) => void answered.push(...outcomes) }, EPOCH);
  return answered;
}

const ours = (client: Redis) => client.keys("updraft:*");

describe("retireEpoch", () => {
  test("drains the outcomes into the ledger, tells them, and leaves no key behind", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1), queued(2)], [queued(3)]]);
    const worker = workerOf(redis, EPOCH);
    const taken = await worker.take();
    await worker.settle(1, 2);
    await taken.complete();
    expect(await retire(client, ledger)).toEqual([outcome(1), outcome(2)]);
    expect(ledger.size()).toBe(2);
    expect(new Map(ledger.past())).toEqual(new Map([[3, { tries: 0, requests: 0, ambiguous: false }]]));
    expect([ledger.meta("highest"), ledger.meta("doubtful")]).toEqual(["0", null]);
    expect(await ours(client)).toEqual([]);
  });

  test("keeps the tries and the doubt of rows that are left, waiting or given back, and none of rows that were answered", async () => {
    const { client, ledger } = await setUp();
    const rows = [
      queued(1),
      queued(2, { tries: 2, requests: 3 }),
      queued(3, { tries: 1, requests: 1, ambiguous: true }),
    ];
    await openEpoch(client, EPOCH, [[queued(1), queued(2), queued(3)], [queued(4)]]);
    const worker = workerOf(redis, EPOCH);
    const taken = await worker.take();
    await worker.settle(1);
    await worker.giveBack(taken, rows, 60_000);
    await retire(client, ledger);
    expect(new Map(ledger.past())).toEqual(
      new Map([
        [2, { tries: 2, requests: 3, ambiguous: false }],
        [3, { tries: 1, requests: 1, ambiguous: true }],
        [4, { tries: 0, requests: 0, ambiguous: false }],
      ]),
    );
  });

  test("holds the workers, waits for a batch that is in their hands, and takes what it brings", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1), queued(2)], [queued(3)]]);
    const worker = workerOf(redis, EPOCH);
    const taken = await worker.take();
    let looks = 0;
    const clock = patientClock(async () => {
      if (++looks !== 3) return;
      expect((await readEpoch(client, EPOCH))?.held).toBe(true);
      await worker.settle(1);
      await worker.giveBack(taken, [queued(2, { tries: 1, requests: 1 })]);
    });
    expect(await retire(client, ledger, clock)).toEqual([outcome(1)]);
    expect(clock.now()).toBeLessThan(PATIENCE);
    expect(new Map(ledger.past())).toEqual(
      new Map([
        [2, { tries: 1, requests: 1, ambiguous: false }],
        [3, { tries: 0, requests: 0, ambiguous: false }],
      ]),
    );
  });

  test("puts the rows of a batch in doubt that a worker holds to the end, but those of no other", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1), queued(2)], [queued(3)]]);
    const worker = workerOf(redis, EPOCH);
    await worker.take();
    await worker.settle(1);
    const clock = patientClock();
    await retire(client, ledger, clock);
    expect(clock.now()).toBeGreaterThanOrEqual(PATIENCE);
    expect(new Map(ledger.past())).toEqual(
      new Map([
        [2, { tries: 0, requests: 0, ambiguous: true }],
        [3, { tries: 0, requests: 0, ambiguous: false }],
      ]),
    );
    expect(await ours(client)).toEqual([]);
  });

  test("puts the rows of a batch in doubt whose worker died with it", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1)]]);
    // As BullMQ counts it when the batch is found without its lock.
    await client.hincrby(`updraft:${EPOCH}:${EPOCH}-1`, "stc", 1);
    await retire(client, ledger);
    expect(new Map(ledger.past())).toEqual(new Map([[1, { tries: 0, requests: 0, ambiguous: true }]]));
  });

  test("lets a worker that comes back settle nothing more, and tells it", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1)]]);
    const worker = workerOf(redis, EPOCH);
    await worker.take();
    const news: string[] = [];
    const subscriber = redis.connect();
    await subscriber.subscribe(NEWS);
    subscriber.on("message", (_channel: string, epoch: string) => news.push(epoch));
    await retire(client, ledger);
    await expect(worker.settle(1)).rejects.toThrow(/gone/);
    await expect.poll(() => news).toContain(EPOCH);
    expect(ledger.size()).toBe(0);
    expect(await ours(client)).toEqual([]);
  });

  test("takes an outcome that is settled while it drains, or else the row counts as left", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1), queued(2)]]);
    const worker = workerOf(redis, EPOCH);
    const taken = await worker.take();
    const settled = new Set<number>();
    const late = {
      ...ledger,
      sync: async () => {
        await ledger.sync();
        // Between two reads of the stream: the worker answers, too late for its lease, but not for its epoch.
        await worker.settle(2).then(
          () => settled.add(2),
          () => {},
        );
      },
    };
    await worker.settle(1);
    await retire(client, late);
    await taken.complete().catch(() => {});
    expect(ledger.size()).toBe(1 + settled.size);
    expect(new Map(ledger.past()).has(2)).toBe(!settled.has(2));
  });

  test("leaves every row in doubt that an epoch may have sent which Redis has lost", async () => {
    const { client, ledger } = await setUp();
    expect(await retire(client, ledger)).toEqual([]);
    expect([ledger.meta("highest"), ledger.meta("doubtful")]).toEqual(["0", "40"]);
    ledger.write([], [], { highest: "30" });
    await retire(client, ledger);
    expect(ledger.meta("doubtful")).toBe("40");
    expect(await ours(client)).toEqual([]);
  });

  test("leaves them in doubt as well where Redis comes back empty while it waits for the workers", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1), queued(2)], [queued(3)]]);
    await workerOf(redis, EPOCH).take();
    await retire(
      client,
      ledger,
      patientClock(async () => void (await client.flushall())),
    );
    expect([ledger.meta("highest"), ledger.meta("doubtful")]).toEqual(["0", "40"]);
    expect(await ours(client)).toEqual([]);
  });

  test("leaves them in doubt as well where Redis comes back empty before it says what is left", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1), queued(2)]]);
    const worker = workerOf(redis, EPOCH);
    const taken = await worker.take();
    await worker.settle(1);
    await worker.giveBack(taken, [queued(2, { tries: 1, requests: 1, ambiguous: true })]);
    const emptied = { ...ledger, sync: () => client.flushall().then(ledger.sync) };
    await retire(client, emptied);
    expect(ledger.meta("doubtful")).toBe("40");
    expect(await ours(client)).toEqual([]);
  });

  test("removes an epoch that another key has sealed, with every row in doubt", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1)]], randomBytes(32));
    await client.xadd(epochKeys(EPOCH).outcomes, "*", "e", randomBytes(80));
    await retire(client, ledger);
    expect(Number(ledger.meta("doubtful"))).toBeGreaterThan(1_000_000_000);
    expect(await ours(client)).toEqual([]);
  });

  test("leaves all of it to the one that has taken the run over, whenever that was", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1)], [queued(2)]]);
    const worker = workerOf(redis, EPOCH);
    await worker.take();
    await worker.settle(1);
    const holder = await holdRun(client, RUN, systemClock);
    onTestFinished(() => holder.release());
    const takeOver = async () => void (await client.set(holdKey(RUN), "another"));
    // It slept while it waited for the workers, and before it began.
    await expect(retire(client, ledger, patientClock(takeOver), holder)).rejects.toMatchObject({
      code: "run-taken-over",
    });
    expect(await readEpoch(client, EPOCH)).not.toBeNull();
    const left = await ours(client);
    await expect(retire(client, ledger, patientClock(), holder)).rejects.toMatchObject({ code: "run-taken-over" });
    expect((await ours(client)).toSorted()).toEqual(left.toSorted());
    expect(ledger.size()).toBe(0);
    await client.del(holdKey(RUN));
    expect(await retire(client, ledger)).toEqual([outcome(1)]);
  });

  test("removes what it has added to a queue that the other one had removed, and nothing of one that is still in use", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1)]]);
    const holder = await holdRun(client, RUN, systemClock);
    onTestFinished(() => holder.release());
    await client.set(holdKey(RUN), "another");
    const inUse = await ours(client);
    await expect(retire(client, ledger, patientClock(), holder)).rejects.toMatchObject({ code: "run-taken-over" });
    expect((await ours(client)).toSorted()).toEqual(inUse.toSorted());
    // The other one has ended it when the batch arrives.
    await client.srem(EPOCHS, EPOCH);
    await client.del(epochKeys(EPOCH).record);
    await expect(retire(client, ledger, patientClock(), holder)).rejects.toMatchObject({ code: "run-taken-over" });
    expect(await ours(client)).toEqual([holdKey(RUN)]);
  });

  test("can be done again after a crash in its midst", async () => {
    const { client, ledger } = await setUp();
    await openEpoch(client, EPOCH, [[queued(1, { tries: 3, requests: 3 })], [queued(2)]]);
    const worker = workerOf(redis, EPOCH);
    const taken = await worker.take();
    await worker.giveBack(taken, taken.rows);
    const broken = {
      ...ledger,
      writePast() {
        throw new Error("killed");
      },
    };
    await expect(retire(client, broken)).rejects.toThrow("killed");
    await retire(client, ledger);
    // What the crash cut off is made up for by doubt.
    expect(Number(ledger.meta("doubtful"))).toBe(40);
    expect(await ours(client)).toEqual([]);
  });
});
