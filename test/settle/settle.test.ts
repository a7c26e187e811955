// Settling in Redis: bit and entry together, refused when the epoch is gone, in micro-batches that keep their order.
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { epochKeys } from "../../src/queue/epoch.ts";
import { makeSealer } from "../../src/queue/seal.ts";
import type { Claim } from "../../src/queue/take.ts";
import { type Entry, type Fault, unpackEntry } from "../../src/settle/entry.ts";
import { EpochGone, findSettled, makeSettler } from "../../src/settle/settle.ts";
import { AT, KEY, makeFakeClock, outcome } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const EPOCH = "0123456789abcdef-1";
const keys = epochKeys(EPOCH);
const sealer = makeSealer(KEY, EPOCH);
const redis = useRedis();

/** A connection to a Redis in which the epoch is open. */
async function open(): Promise<Redis> {
  const client = redis.connect();
  await client.set(keys.record, "{}");
  return client;
}

async function entries(client: Redis): Promise<Entry[]> {
  const found = await client.xrangeBuffer(keys.outcomes, "-", "+");
  return found.map(([, fields]) =>
    unpackEntry(sealer.unseal(`outcomes:${EPOCH}`, fields[1] ?? Buffer.alloc(0)).toString("utf8")),
  );
}

const fault = (row: number): Fault => ({ row, at: AT, fault: "http-503", http: 503, latency: 1.5, wait: 250 });

describe("makeSettler", () => {
  test("sets a row's bit and appends its outcome, sealed, together", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    const failed = outcome(4, { status: "failed", cause: { code: "requestValidateError" } });
    const from = settler.mark();
    settler.outcome(failed);
    settler.outcome(outcome(70_000));
    settler.fault(fault(5));
    await settler.flush(from);
    expect(await entries(client)).toEqual([{ outcomes: [failed, outcome(70_000)], faults: [fault(5)], blocked: null }]);
    expect(await findSettled(client, EPOCH, [3, 4, 5, 69_999, 70_000])).toEqual(new Set([4, 70_000]));
    const [stored] = await client.xrangeBuffer(keys.outcomes, "-", "+");
    expect(stored?.[1][1]?.toString("latin1")).not.toMatch(/requestValidateError|http-503/);
  });

  test("drops what is said of a batch that another worker may have by now, and settles the rest", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    const claim = (id: string): Claim => ({ lock: `lock:${id}`, token: `token:${id}`, job: `job:${id}`, stalls: 1 });
    const ids = ["mine", "run-out", "another's", "taken-since", "gone"];
    for (const id of ids) await client.hset(`job:${id}`, "stc", 1);
    await client.set("lock:mine", "token:mine");
    await client.set("lock:another's", "token of another");
    await client.hset("job:taken-since", "stc", 2);
    await client.del("job:gone");
    const from = settler.mark();
    for (const [row, id] of ids.entries()) {
      settler.outcome(outcome(row + 1), claim(id));
      settler.fault(fault(row + 1), claim(id));
    }
    settler.blocked("credentials");
    await settler.flush(from);
    const found = await entries(client);
    expect(found.flatMap((e) => e.outcomes)).toEqual([outcome(1), outcome(2)]);
    expect(found.flatMap((e) => e.faults)).toEqual([fault(1), fault(2)]);
    expect(found.filter((e) => e.blocked)).toHaveLength(1);
    expect(await findSettled(client, EPOCH, [1, 2, 3, 4, 5])).toEqual(new Set([1, 2]));
  });

  test("is behind while Redis has not taken what was said a moment ago, and no longer", async () => {
    const client = await open();
    const clock = makeFakeClock();
    const settler = makeSettler(client, EPOCH, sealer, clock);
    expect(settler.behind()).toBe(false);
    await redis.connect().client("PAUSE", 60_000, "WRITE");
    settler.outcome(outcome(1));
    const from = settler.mark();
    const flushed = settler.flush(from);
    expect(settler.behind()).toBe(false);
    await clock.advance(60_000);
    expect(settler.behind()).toBe(true);
    await redis.connect().client("UNPAUSE");
    await flushed;
    expect(settler.behind()).toBe(false);
    settler.outcome(outcome(2));
    await clock.advance(60_000);
    await settler.flush(from);
    expect(settler.behind()).toBe(false);
  });

  test("refuses when the record of the epoch is missing, and leaves nothing in Redis", async () => {
    const client = redis.connect();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    const from = settler.mark();
    settler.outcome(outcome(1));
    expect(settler.gone()).toBe(false);
    await expect(settler.flush(from)).rejects.toThrow(EpochGone);
    expect(settler.gone()).toBe(true);
    settler.blocked("credentials");
    await expect(settler.flush(settler.mark() - 1)).rejects.toThrow(EpochGone);
    expect(await client.keys("*")).toEqual([]);
  });

  test("writes many outcomes in few entries, in the order in which they were said", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    const from = settler.mark();
    for (let row = 1; row <= 1_010; row++) settler.outcome(outcome(row));
    await settler.flush(from);
    const written = await entries(client);
    expect(written.length).toBeLessThanOrEqual(1_010 / 25 + 1);
    expect(Math.max(...written.map((entry) => entry.outcomes.length))).toBeLessThanOrEqual(500);
    expect(written.flatMap((entry) => entry.outcomes.map((o) => o.row))).toEqual(
      Array.from({ length: 1_010 }, (_, i) => i + 1),
    );
  });

  test("writes a single outcome by itself after a moment, and what is urgent at once", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    settler.outcome(outcome(1));
    expect(await client.xlen(keys.outcomes)).toBe(0);
    await expect.poll(() => client.xlen(keys.outcomes), { interval: 5 }).toBe(1);
    settler.fault(fault(2));
    settler.blocked("credentials");
    expect(await client.xlen(keys.outcomes)).toBe(2);
    expect((await entries(client)).map((entry) => entry.blocked)).toEqual([null, "credentials"]);
  });

  test("has nothing to write when nothing was said", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    await settler.flush(settler.mark());
    expect(await client.keys("*")).toEqual([keys.record]);
  });

  test("says so when Redis is gone", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    client.disconnect();
    const from = settler.mark();
    settler.outcome(outcome(1));
    await expect(settler.flush(from)).rejects.toThrow(/closed/);
  });

  test("a write that failed fails the batch it was of, and not the batches that come after it", async () => {
    const client = await open();
    const settler = makeSettler(client, EPOCH, sealer, systemClock);
    const first = settler.mark();
    await client.set(keys.outcomes, "no stream");
    settler.outcome(outcome(1));
    await expect(settler.flush(first)).rejects.toThrow(/WRONGTYPE/);
    expect(await findSettled(client, EPOCH, [1])).toEqual(new Set());
    await client.del(keys.outcomes);
    const second = settler.mark();
    settler.outcome(outcome(2));
    await settler.flush(second);
    expect((await entries(client)).flatMap((entry) => entry.outcomes)).toEqual([outcome(2)]);
    await expect(settler.flush(first)).rejects.toThrow(/WRONGTYPE/);
  });
});

describe("findSettled", () => {
  test("tells which rows have an outcome, none for an epoch that has just begun", async () => {
    const client = await open();
    expect(await findSettled(client, EPOCH, [1, 2, 3])).toEqual(new Set());
    expect(await findSettled(client, EPOCH, [])).toEqual(new Set());
  });

  test("is null when the record of the epoch is missing", async () => {
    expect(await findSettled(redis.connect(), EPOCH, [1])).toBeNull();
  });
});
