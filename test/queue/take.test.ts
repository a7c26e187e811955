// The two ends of an epoch's queue: what is added is taken once, given back without counting, and looked after when it is gone.
import type { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { makeBatchQueue } from "../../src/queue/put.ts";
import { makeTaker } from "../../src/queue/take.ts";
import { useRedis } from "../support/redis.ts";

const EPOCH = "0123456789abcdef-1";
const redis = useRedis();

const job = (id: string, blob = id) => ({ id, data: { v: 1 as const, run: EPOCH, blob } });

function setUp(lockMs = 6_000) {
  const client = redis.connect();
  const queue = makeBatchQueue(client, EPOCH);
  const taker = () => {
    const made = makeTaker(redis.connect(), EPOCH, lockMs, systemClock, () => {});
    onTestFinished(() => made.close());
    return made;
  };
  onTestFinished(() => queue.close());
  return { client, queue, taker };
}

const keysOf = (client: Redis) => client.keys(`updraft:${EPOCH}:*`);

describe("a batch", () => {
  test("is taken by one worker, in the order in which it was added, and is gone when it is completed", async () => {
    const { client, queue, taker } = setUp();
    await queue.add([job("b1"), job("b2")]);
    const [one, other] = [taker(), taker()];
    const first = await one.next();
    const second = await other.next();
    expect([first?.id, second?.id]).toEqual(["b1", "b2"]);
    expect(first).toMatchObject({ stalls: 0, data: job("b1").data });
    expect(first?.token).not.toBe(second?.token);
    expect(await queue.active()).toBe(2);
    await first?.complete();
    await second?.complete();
    expect(await queue.active()).toBe(0);
    expect(await client.exists(`updraft:${EPOCH}:b1`)).toBe(0);
    expect(await one.next()).toBeNull();
  });

  test("that is given back comes again with what is left of it, however often", async () => {
    const { queue, taker } = setUp();
    await queue.add([job("b1", "0")]);
    const worker = taker();
    for (let time = 1; time <= 8; time++) {
      const taken = await worker.next();
      expect(taken).toMatchObject({ id: "b1", stalls: 0, data: { blob: String(time - 1) } });
      await taken?.giveBack(job("b1", String(time)).data, 0);
    }
    expect((await queue.left()).map((left) => left.data)).toEqual([job("b1", "8").data]);
    expect(await queue.lost(["b1"])).toEqual([]);
  });

  test("that is given back with a delay waits for it, unless it is promoted", async () => {
    const { queue, taker } = setUp();
    await queue.add([job("b1")]);
    const worker = taker();
    const taken = await worker.next();
    expect(await queue.delayOf("b1")).toBeNull();
    const from = Date.now();
    await taken?.giveBack(job("b1").data, 60_000);
    const delay = await queue.delayOf("b1");
    expect(delay?.wait).toBeGreaterThan(59_000);
    expect(delay?.wait).toBeLessThanOrEqual(60_000);
    expect(await worker.next()).toBeNull();
    await queue.promote("b1");
    expect(await queue.delayOf("b1")).toBeNull();
    expect((await worker.next())?.id).toBe("b1");
    expect(Date.now() - from).toBeLessThan(60_000);
    // Promoting what does not wait, or is not there, changes nothing.
    await queue.promote("b1");
    await queue.promote("b9");
  });

  test("cannot be completed or given back by one who has lost its lock to another", async () => {
    const { client, queue, taker } = setUp();
    await queue.add([job("b1")]);
    const worker = taker();
    const taken = await worker.next();
    expect(await worker.extend(["b1"], [taken?.token ?? ""], 6_000)).toEqual([]);
    await client.set(`updraft:${EPOCH}:b1:lock`, "another");
    expect(await worker.extend(["b1"], [taken?.token ?? ""], 6_000)).toEqual(["b1"]);
    await expect(taken?.complete()).rejects.toThrow();
    await expect(taken?.giveBack(job("b1", "of one who slept").data, 0)).rejects.toThrow();
    expect(await queue.active()).toBe(1);
    // What the other one has written of it stays.
    expect((await queue.left()).map((left) => left.data)).toEqual([job("b1").data]);
  });

  test("that was in the hands of a dead worker comes back, counted as stalled", async () => {
    const { client, queue, taker } = setUp();
    await queue.add([job("b1")]);
    const first = await taker().next();
    const claim = first?.claim ?? { lock: "", token: "", job: "", stalls: 0 };
    expect(await client.get(claim.lock)).toBe(first?.token);
    expect(await client.hget(claim.job, "stc")).toBeNull();
    await client.del(claim.lock);
    // The check that finds it runs by itself every two seconds.
    const other = taker();
    let again = await other.next();
    while (!again) again = await other.next();
    expect(again).toMatchObject({ id: "b1", stalls: 1, claim: { stalls: 1 } });
    expect(await client.hget(claim.job, "stc")).toBe("1");
  });
});

describe("a batch queue", () => {
  test("tells which batches are missing or failed", async () => {
    const { client, queue } = setUp();
    await queue.add([job("b1"), job("b2"), job("b3")]);
    await client.del(`updraft:${EPOCH}:b2`);
    await client.zadd(`updraft:${EPOCH}:failed`, 1, "b3");
    expect(await queue.lost(["b1", "b2", "b3", "b4"])).toEqual(["b2", "b3", "b4"]);
    expect(await queue.lost([])).toEqual([]);
  });

  test("hands nothing out while it is paused", async () => {
    const { queue, taker } = setUp();
    await queue.add([job("b1")]);
    await queue.pause();
    expect(await taker().next()).toBeNull();
  });

  test("tells every batch that is left, and which of them a worker has", async () => {
    const { client, queue, taker } = setUp();
    await queue.add([job("b1"), job("b2"), job("b3"), job("b4")]);
    const worker = taker();
    await worker.next();
    const second = await worker.next();
    await second?.giveBack(job("b2", "less").data, 60_000);
    await client.multi().lrem(`updraft:${EPOCH}:wait`, 0, "b4").zadd(`updraft:${EPOCH}:failed`, 1, "b4").exec();
    await queue.pause();
    const left = await queue.left();
    expect(new Map(left.map(({ id, active }) => [id, active]))).toEqual(
      new Map([
        ["b1", true],
        ["b2", false],
        ["b3", false],
        ["b4", false],
      ]),
    );
    expect(left.find(({ id }) => id === "b2")?.data).toEqual(job("b2", "less").data);
  });

  test("is removed with all of its keys, whatever state its batches are in", async () => {
    const { client, queue, taker } = setUp();
    await queue.add([job("b1"), job("b2"), job("b3")]);
    const worker = taker();
    await worker.next();
    await (await worker.next())?.giveBack(job("b2").data, 60_000);
    await queue.pause();
    await queue.destroy();
    expect(await keysOf(client)).toEqual([]);
  });

  test("is removed where another removes it at the same time", async () => {
    const { client, queue } = setUp();
    await queue.add([job("b1")]);
    // After the pause, before all else goes.
    const late = new Proxy(redis.connect(), {
      get(target, name) {
        if (typeof name !== "string" || !name.startsWith("obliterate")) return Reflect.get(target, name);
        return async (...args: unknown[]) => {
          await client.flushall();
          return Reflect.get(target, name).apply(target, args);
        };
      },
    });
    const other = makeBatchQueue(late, EPOCH);
    onTestFinished(() => other.close());
    await other.destroy();
    expect(await keysOf(client)).toEqual([]);
  });

  test("that is gone is not made again by a worker that looked for stalled batches a moment too late", async () => {
    const { client, queue, taker } = setUp();
    await queue.pause();
    await queue.destroy();
    const late = taker();
    while ((await keysOf(client)).length === 0) await late.next();
    expect((await keysOf(client)).sort()).toEqual([`updraft:${EPOCH}:meta`, `updraft:${EPOCH}:stalled-check`]);
    await late.close();
    expect(await keysOf(client)).toEqual([]);
  });

  test("that lives, or is on its way to be removed, is left alone by a worker that ends", async () => {
    const { client, queue, taker } = setUp();
    await client.set(`updraft:epoch:${EPOCH}`, "{}");
    await queue.add([job("b1")]);
    const worker = taker();
    await worker.next();
    await worker.close();
    expect(await client.exists(`updraft:${EPOCH}:meta`)).toBe(1);
    await client.del(`updraft:epoch:${EPOCH}`);
    await queue.pause();
    const other = taker();
    await other.next();
    await other.close();
    expect(await client.hexists(`updraft:${EPOCH}:meta`, "paused")).toBe(1);
    await queue.destroy();
    expect(await keysOf(client)).toEqual([]);
  });

  test("keeps no data of a batch in clear beside its blob, and no trace of a completed one", async () => {
    const { client, queue, taker } = setUp();
    await queue.add([job("b1", "sealed")]);
    expect(JSON.parse((await client.hget(`updraft:${EPOCH}:b1`, "data")) ?? "")).toEqual(job("b1", "sealed").data);
    await (await taker().next())?.complete();
    for (const key of await keysOf(client)) {
      if ((await client.type(key)) === "stream") {
        expect(JSON.stringify(await client.xrange(key, "-", "+"))).not.toContain("sealed");
      }
    }
  });
});
