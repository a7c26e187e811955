// The coordinator against a real Redis, with workers that do only what a test tells them: every row put ends in the
// ledger or is left with its past, in the order of its customer, and Redis is left as it was.
import type { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { UpdraftError } from "../../src/errors.ts";
import { makeConveyor } from "../../src/queue/conveyor.ts";
import { announceEpoch, EPOCHS, epochKeys, NEWS, readEpoch, STILL_MS } from "../../src/queue/epoch.ts";
import { holdKey } from "../../src/queue/fence.ts";
import { type Holder, holdRun } from "../../src/queue/holder.ts";
import { retireEpoch } from "../../src/queue/retire.ts";
import { makeSealer } from "../../src/queue/seal.ts";
import { makeWindow } from "../../src/queue/window.ts";
import type { Accepted } from "../../src/settle/accepted.ts";
import type { Ledger } from "../../src/settle/ledger.ts";
import { makeSettler } from "../../src/settle/settle.ts";
import { useRedis } from "../support/redis.ts";
import { ours, serve, useCoordinators } from "./coordinators.ts";
import { openEpoch, queued, RECORD, RUN, waiting, workerOf } from "./epochs.ts";
import { KEY, outcome, silent, update } from "./support.ts";

const redis = useRedis();
const { setUp, newLedger } = useCoordinators(redis);

async function newConveyor(client: Redis) {
  const holder = await holdRun(client, RUN, systemClock);
  onTestFinished(() => holder.release());
  const about = { key: KEY, clock: systemClock, log: silent, record: RECORD, holder };
  const window = makeWindow(0, null, systemClock, () => {});
  const context = { redis: client, ledger: await newLedger(), accepted: null, fail() {}, ...about };
  return { window, conveyor: makeConveyor(context, window, 8, new AbortController().signal) };
}

describe("openCoordinator", () => {
  test("carries rows through the queue into the ledger, and leaves no key in Redis", async () => {
    const { coordinator, client, ledger, worker, end } = await setUp();
    for (let row = 1; row <= 300; row++) coordinator.put(update(row));
    coordinator.answer(outcome(301, { status: "rejected", attempts: 0 }));
    await coordinator.room();
    expect(coordinator.underway).toBe(300);
    const drained = coordinator.drain();
    const { take, ...hands } = worker();
    const served = [...(await serve({ take, ...hands })), ...(await serve({ take, ...hands }))];
    await drained;
    expect(served.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(ledger.counts()).toMatchObject({ updated: 300, rejected: 1 });
    expect(coordinator.underway).toBe(0);
    await end();
    expect(await ours(client)).toEqual([]);
    expect(ledger.meta("retired")).toBe("1");
  });

  test("writes down how far it may send before a worker can see the batch", async () => {
    const { coordinator, client, ledger } = await setUp();
    coordinator.put(update(77));
    void coordinator.drain();
    await waiting(client, `${RUN}-1`);
    expect(Number(ledger.meta("highest"))).toBeGreaterThanOrEqual(77);
  });

  test("has a customer forgotten on the disk before a worker can see the row, and tells what was accepted once the ledger has it", async () => {
    const told: string[] = [];
    const ledger = await newLedger();
    const other = redis.connect();
    const accepted: Accepted = {
      has: () => false,
      sending: ({ row }) => void told.push(`sending ${row}`),
      async sync() {
        // As many round trips as a batch takes that waits for nothing, and more.
        for (let n = 0; n < 20; n++) await other.ping();
        told.push(`synced, ${await other.llen(`updraft:${RUN}-1:wait`)} batches in the queue`);
      },
      settle: (outcomes) => {
        for (const { row, status } of outcomes) told.push(`${status} ${row}, ${ledger.size()} in the ledger`);
      },
      ...{ id: "a", enter: () => [], leave: () => {}, forgetAll: () => {}, close: () => {} },
      dropExpired: async () => {},
    };
    const { coordinator, worker, end } = await setUp({ accepted, ledger, clock: systemClock });
    for (const row of [1, 2]) coordinator.put(update(row));
    const drained = coordinator.drain();
    await expect.poll(() => told).toEqual(["sending 1", "sending 2", "synced, 0 batches in the queue"]);
    await serve(worker());
    await drained;
    expect(told.slice(3).sort()).toEqual(["updated 1, 2 in the ledger", "updated 2, 2 in the ledger"]);
    await end();
  });

  test("fails where the disk does not take what has to be there before a batch is added", async () => {
    const full = new UpdraftError("disk-full", { dir: "/data" });
    const accepted: Accepted = {
      ...{ id: "a", has: () => false, sending() {}, sync: () => Promise.reject(full), settle() {}, forgetAll() {} },
      ...{ enter: () => [], leave() {}, dropExpired: async () => {}, close() {} },
    };
    const { coordinator, end } = await setUp({ accepted });
    coordinator.put(update(1));
    await expect(coordinator.drain()).rejects.toBe(full);
    await expect(end()).rejects.toBe(full);
  });

  test("says what failed it while it ended, where nobody waited for rows any more", async () => {
    const full = new UpdraftError("disk-full", { dir: "/data" });
    const synced = Promise.withResolvers<void>();
    const accepted: Accepted = {
      ...{ id: "a", has: () => false, sending() {}, sync: () => synced.promise, settle() {}, forgetAll() {} },
      ...{ enter: () => [], leave() {}, dropExpired: async () => {}, close() {} },
    };
    const { coordinator, stop } = await setUp({ accepted });
    coordinator.put(update(1));
    const drained = coordinator.drain();
    stop.abort();
    await drained;
    const ended = coordinator.end();
    synced.reject(full);
    await expect(ended).rejects.toBe(full);
  });

  test("sends a customer's next row only when the one before it has its outcome", async () => {
    const { coordinator, client, worker } = await setUp();
    coordinator.put(update(1, "a"));
    coordinator.put(update(2, "a"));
    coordinator.put(update(3, "b"));
    const drained = coordinator.drain();
    const hands = worker();
    expect(await serve(hands)).toEqual([1, 3]);
    expect(await serve(hands)).toEqual([2]);
    await drained;
    expect(await client.llen(`updraft:${RUN}-1:wait`)).toBe(0);
  });

  test("stops waiting the moment it is told to stop", async () => {
    // A Redis that does not answer must not keep it waiting.
    const answer = Promise.withResolvers<null>();
    const stream = new Proxy(redis.connect(), {
      get: (target, name) => (name === "xreadBuffer" ? () => answer.promise : Reflect.get(target, name)),
    });
    const { coordinator, stop, ledger, end } = await setUp({ stream });
    for (let row = 1; row <= 3; row++) coordinator.put(update(row));
    const drained = coordinator.drain();
    stop.abort();
    await drained;
    expect(coordinator.over).toBe(true);
    answer.resolve(null);
    await end();
    expect(ledger.size()).toBe(0);
    expect([...new Map(ledger.past()).values()]).toEqual(Array(3).fill({ tries: 0, requests: 0, ambiguous: false }));
  });

  test("stops when the credentials are refused", async () => {
    const { coordinator, client } = await setUp();
    coordinator.put(update(1));
    const drained = coordinator.drain();
    const settler = makeSettler(client, `${RUN}-1`, makeSealer(KEY, `${RUN}-1`), systemClock);
    settler.blocked("credentials");
    await drained;
    expect([coordinator.blocked, coordinator.over]).toEqual(["credentials", true]);
  });

  test("keeps what is answered while it ends, and sends nothing more: not the next row of that customer either", async () => {
    const { coordinator, client, worker, ledger, stop, end } = await setUp();
    coordinator.put(update(1, "a"));
    coordinator.put(update(2, "a"));
    void coordinator.drain();
    const hands = worker();
    const taken = await hands.take();
    stop.abort();
    const ended = end();
    await hands.settle(1);
    await taken.complete();
    await ended;
    expect([...ledger.outcomes()].map((o) => o.row)).toEqual([1]);
    expect([...ledger.past()]).toEqual([]);
    // Longer than a row that became due would linger before it was sent.
    await new Promise((resolve) => setTimeout(resolve, 25));
    expect(await ours(client)).toEqual([]);
  });

  test("holds the workers while it is paused, and lets them go on when it is resumed", async () => {
    const { coordinator, client, ledger } = await setUp();
    const held = async () => (await readEpoch(client, `${RUN}-1`))?.held;
    await coordinator.grant({ kind: "pause" });
    expect([coordinator.state, coordinator.over, ledger.meta("state"), await held()]).toEqual([
      ...["paused", false, "paused", true],
    ]);
    await coordinator.grant({ kind: "resume" });
    expect([coordinator.state, ledger.meta("state"), await held()]).toEqual(["running", "running", false]);
  });

  test("a person's pause and the end of its time window do not undo each other", async () => {
    const { coordinator, client } = await setUp({ shut: true });
    const held = async () => (await readEpoch(client, `${RUN}-1`))?.held;
    const all = async () => [coordinator.state, coordinator.shut, await held()];
    expect(await all()).toEqual(["paused", true, true]);
    await coordinator.grant({ kind: "pause" });
    expect(await all()).toEqual(["paused", false, true]);
    coordinator.keepTo("open");
    expect(await all()).toEqual(["paused", false, true]);
    coordinator.keepTo("shut");
    await coordinator.grant({ kind: "resume" });
    expect(await all()).toEqual(["paused", true, true]);
    coordinator.keepTo("open");
    expect([coordinator.state, coordinator.shut]).toEqual(["running", false]);
    await expect.poll(held, { interval: 5 }).toBe(false);
  });

  test("holds the workers again where Redis did not take it, or somebody else let them go", async () => {
    const { coordinator, client } = await setUp();
    await coordinator.grant({ kind: "pause" });
    const record = { ...(await readEpoch(client, `${RUN}-1`)), held: false };
    await client.set(epochKeys(`${RUN}-1`).record, JSON.stringify(record));
    await expect.poll(async () => (await readEpoch(client, `${RUN}-1`))?.held).toBe(true);
  });

  test("tells the workers a new rate, in this epoch and in one that replaces it, and its window is as large as that allows", async () => {
    const { coordinator, client, worker } = await setUp({ record: { ...RECORD, rate: 4 } });
    const rates = async (epoch: number) => [coordinator.rate, (await readEpoch(client, `${RUN}-${epoch}`))?.rate];
    expect(await rates(1)).toEqual([4, 4]);
    const news = redis.connect();
    const told: string[] = [];
    news.on("message", (_channel: string, epoch: string) => told.push(epoch));
    await news.subscribe(NEWS);
    await coordinator.grant({ kind: "rate", rate: 1_000 / 60 });
    expect(await rates(1)).toEqual([1_000 / 60, 1_000 / 60]);
    await expect.poll(() => told).toEqual([`${RUN}-1`]);
    for (let row = 1; row <= 9; row++) coordinator.put(update(row));
    void coordinator.drain();
    // A quarter of a second of rows.
    expect((await worker().take()).rows).toHaveLength(4);

    await coordinator.grant({ kind: "rate", rate: null });
    await client.flushall();
    await expect.poll(() => rates(2)).toEqual([null, null]);
    await coordinator.grant({ kind: "cancel" });
    await coordinator.grant({ kind: "rate", rate: 7 });
    expect(await rates(2)).toEqual([null, null]);
  });

  test("announces an epoch held where the run is paused, so that no worker takes anything of it", async () => {
    const client = redis.connect();
    const { conveyor } = await newConveyor(client);
    await conveyor.change({ held: true });
    await conveyor.open();
    expect([conveyor.epoch, (await readEpoch(client, `${RUN}-9`))?.held]).toEqual([`${RUN}-9`, true]);
    await conveyor.queue.close();
  });

  test("begins with an empty queue, where a crash has left one of that name that no ledger knows of", async () => {
    const client = redis.connect();
    await openEpoch(client, `${RUN}-1`, [[queued(7)]]);
    await client.hset(`updraft:${RUN}-1:meta`, "paused", "1");
    await client.del(EPOCHS, epochKeys(`${RUN}-1`).record);
    const { coordinator, worker, end } = await setUp();
    coordinator.put(update(1));
    const drained = coordinator.drain();
    expect(await serve(worker())).toEqual([1]);
    await drained;
    await end();
    expect(await ours(client)).toEqual([]);
  }, 5_000);

  test("adds nothing to a queue when another has taken the run over, and may have removed it", async () => {
    const client = redis.connect();
    const { conveyor, window } = await newConveyor(client);
    await conveyor.open();
    // BullMQ writes of itself what it knows of a queue, once.
    await expect.poll(() => client.exists(`updraft:${RUN}-9:meta`)).toBe(1);
    await client.flushall();
    await client.set(holdKey(RUN), "another");
    window.put(update(1));
    conveyor.send(true);
    await conveyor.added();
    await conveyor.queue.close();
    expect(await ours(client)).toEqual([holdKey(RUN)]);
  });

  test("leaves no key of a queue that it made anew, because it slept through a takeover between asking and adding", async () => {
    const client = redis.connect();
    const holder = await holdRun(client, RUN, systemClock);
    let takenOver = false;
    const asleep: Holder = {
      ...holder,
      async check() {
        await holder.check();
        if (takenOver) return;
        takenOver = true;
        await holder.release();
        await client.set(holdKey(RUN), "another");
        const other = { run: RUN, token: "another", check: async () => {} };
        const patience = 0;
        const ledger = await newLedger();
        const context = { redis: client, holder: other, key: KEY, ledger, clock: systemClock, log: silent, patience };
        await retireEpoch({ ...context, answered() {} }, `${RUN}-1`);
      },
    };
    const { coordinator } = await setUp({ redis: client, holder: asleep, clock: systemClock });
    coordinator.put(update(1));
    await expect(coordinator.drain()).rejects.toMatchObject({ code: "run-taken-over" });
    await expect(coordinator.end()).rejects.toMatchObject({ code: "run-taken-over" });
    expect(await ours(client)).toEqual([holdKey(RUN)]);
  });

  test("stays paused in the epoch that replaces one that Redis lost", async () => {
    const { coordinator, client } = await setUp();
    await coordinator.grant({ kind: "pause" });
    await client.flushall();
    await expect.poll(async () => (await readEpoch(client, `${RUN}-2`))?.held).toBe(true);
  });

  test("sends nothing more once it is cancelled, which its ledger knows before anybody is told", async () => {
    const { coordinator, client, ledger, worker, end } = await setUp();
    for (const row of [1, 2]) coordinator.put(update(row, "a"));
    const drained = coordinator.drain();
    const hands = worker();
    const taken = await hands.take();
    await coordinator.grant({ kind: "cancel" });
    await drained;
    expect([coordinator.state, coordinator.over]).toEqual(["cancelled", true]);
    expect(ledger.meta("cancel")).toMatch(/^\d+$/);
    await coordinator.grant({ kind: "resume" });
    expect(coordinator.state).toBe("cancelled");
    const ended = end();
    await hands.settle(1);
    await taken.complete();
    await ended;
    expect([...ledger.outcomes()].map(({ row }) => row)).toEqual([1]);
    expect(await ours(client)).toEqual([]);
  });

  test("that is halted holds the workers, keeps what is in flight, and leaves the others to the next spell", async () => {
    const { coordinator, client, ledger, worker, end } = await setUp();
    for (const row of [1, 2]) coordinator.put(update(row, "a"));
    const drained = coordinator.drain();
    const hands = worker();
    const taken = await hands.take();
    const stop = { rule: "stop-after", message: "a row failed", rows: [1] } as const;
    expect(coordinator.stopping.aborted).toBe(false);
    coordinator.halt(stop);
    expect(coordinator.stopping.aborted).toBe(true);
    await drained;
    expect([coordinator.state, coordinator.over, coordinator.stopped]).toEqual(["stopped", true, stop]);
    await expect.poll(async () => (await readEpoch(client, `${RUN}-1`))?.held).toBe(true);
    // What comes later changes nothing.
    coordinator.halt({ ...stop, rule: "canary" });
    await coordinator.grant({ kind: "cancel" });
    expect([coordinator.state, coordinator.stopped, ledger.meta("cancel")]).toEqual(["stopped", stop, null]);
    const ended = end();
    await hands.settle(1);
    await taken.complete();
    await ended;
    expect([...ledger.outcomes()].map(({ row }) => row)).toEqual([1]);
    expect(await ours(client)).toEqual([]);
  });

  test("is halted by more bad rows than its limit, each of them counted once", async () => {
    const limits = { rows: 2, percent: null, same: null };
    const { coordinator, worker } = await setUp({ limits });
    for (const row of [1, 2, 3, 4]) coordinator.put(update(row));
    coordinator.answer(outcome(5, { status: "rejected", attempts: 0 }));
    const drained = coordinator.drain();
    const hands = worker();
    await hands.take();
    const failed = outcome(2, { status: "failed", cause: { code: "extCondor" } });
    await hands.end(outcome(1), failed);
    await hands.end(failed, outcome(3));
    await expect.poll(() => coordinator.underway).toBe(1);
    expect(coordinator.stopped).toBeNull();
    await hands.end(outcome(4, { status: "unknown", cause: { code: "no-definite-answer" } }));
    await drained;
    expect(coordinator.stopped).toMatchObject({ rule: "stop-after", rows: [2, 4] });
  });

  test("that was told to stop before is not halted", async () => {
    const { coordinator, stop } = await setUp();
    stop.abort();
    coordinator.halt({ rule: "canary", message: "", rows: [] });
    expect([coordinator.state, coordinator.stopped]).toEqual(["running", null]);
  });

  test("that cannot note in its ledger what is wished fails, and does not show it", async () => {
    const real = await newLedger();
    let full = false;
    const ledger: Ledger = {
      ...real,
      write(...given) {
        if (full) throw new UpdraftError("disk-full", { dir: "here" });
        return real.write(...given);
      },
    };
    const { coordinator } = await setUp({ ledger });
    const drained = coordinator.drain();
    coordinator.put(update(1));
    full = true;
    await coordinator.grant({ kind: "cancel" });
    full = false;
    expect(coordinator.state).toBe("running");
    await drained.catch(() => {});
    await expect(coordinator.room()).rejects.toMatchObject({ code: "disk-full" });
  });

  test("gives a Redis up that does not answer when it ends: its epoch is ended by the next spell", async () => {
    const { coordinator, ledger, stop, clock } = await setUp();
    coordinator.put(update(1));
    void coordinator.drain();
    process.kill(redis.pid, "SIGSTOP");
    try {
      stop.abort();
      const from = clock.now();
      await expect(coordinator.end()).rejects.toMatchObject({ code: "redis-silent", exit: 5, fields: { run: RUN } });
      // What a request and a lock may take, and something more.
      expect(clock.now() - from).toBeGreaterThan(RECORD.timeout + STILL_MS);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    expect(ledger.meta("retired")).toBeNull();
  });

  test("opens no epoch over one of a process that took the run over meanwhile", async () => {
    const client = redis.connect();
    await openEpoch(client, `${RUN}-1`, []);
    await client.set(holdKey(RUN), "another");
    const record = { v: 1, epoch: `${RUN}-1`, held: true, ...RECORD } as const;
    await expect(announceEpoch(client, { run: RUN, token: "mine" }, record)).rejects.toMatchObject({
      code: "run-taken-over",
    });
    expect((await readEpoch(client, `${RUN}-1`))?.held).toBe(false);
  });

  test("goes on where an earlier epoch was left: its outcomes, its tries, its doubt, and a name of its own", async () => {
    const ledger = await newLedger();
    ledger.write([], [], { epoch: "1" });
    const client = redis.connect();
    await openEpoch(client, `${RUN}-1`, [[queued(1, { tries: 2, requests: 4 }), queued(2)]]);
    await workerOf(redis, `${RUN}-1`).settle(2);
    const { coordinator, worker } = await setUp({ ledger });
    expect(coordinator.epochs).toEqual([`${RUN}-2`]);
    expect([...ledger.outcomes()]).toEqual([outcome(2)]);
    coordinator.put(update(1), new Map(ledger.past()).get(1));
    void coordinator.drain();
    expect((await worker().take()).rows).toMatchObject([{ row: 1, tries: 2, requests: 4, ambiguous: false }]);
  });

  test("takes over what a coordinator with another ledger left of the run, and does not use its names again", async () => {
    const client = redis.connect();
    await openEpoch(client, `${RUN}-1`, [[queued(1)]]);
    await openEpoch(client, `${RUN}-7`, [[queued(2, { ambiguous: true })]]);
    await openEpoch(client, `${RUN}.2-1`, [[queued(3)]]);
    const earlier = workerOf(redis, `${RUN}-1`);
    await earlier.settle(1);
    const { coordinator, ledger, end } = await setUp({ clock: systemClock });
    expect(coordinator.epochs).toEqual([`${RUN}-8`]);
    expect([...ledger.outcomes()]).toEqual([outcome(1)]);
    expect(new Map(ledger.past())).toEqual(new Map([[2, { tries: 0, requests: 0, ambiguous: true }]]));
    await end();
    // It looks for stalled batches until its end, and takes away then what that makes of a queue that is gone.
    await earlier.close();
    const left = await ours(client);
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((key) => key !== "updraft:epochs" && !key.includes(`${RUN}.2-1`))).toEqual([]);
  });

  test("fails with the ledger's error when the disk is full, and loses nothing by it", async () => {
    const real = await newLedger();
    let full = false;
    const ledger: Ledger = {
      ...real,
      write(...given) {
        if (full) throw new UpdraftError("disk-full", { dir: "here" });
        return real.write(...given);
      },
    };
    const { coordinator, client, worker, end } = await setUp({ ledger });
    coordinator.put(update(1));
    const drained = coordinator.drain();
    const hands = worker();
    const taken = await hands.take();
    const failed = expect(drained).rejects.toMatchObject({ code: "disk-full" });
    full = true;
    await hands.settle(1);
    await failed;
    await taken.complete();
    full = false;
    await expect(end()).rejects.toMatchObject({ code: "disk-full" });
    expect([...real.outcomes()]).toEqual([outcome(1)]);
    expect(await ours(client)).toEqual([]);
  });
});
