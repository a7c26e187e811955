// From the outcome stream into the ledger: an entry is deleted only when the ledger has it, and counts once.
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { epochKeys } from "../../src/queue/epoch.ts";
import { holdKey } from "../../src/queue/fence.ts";
import { makeSealer, type Sealer } from "../../src/queue/seal.ts";
import { collect } from "../../src/settle/collect.ts";
import { type Ledger, openLedger } from "../../src/settle/ledger.ts";
import { makeSettler } from "../../src/settle/settle.ts";
import { HOLD, RUN } from "../queue/epochs.ts";
import { AT, KEY, outcome, useFolder } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const EPOCH = `${RUN}-1`;
const keys = epochKeys(EPOCH);
const sealer = makeSealer(KEY, EPOCH);
const redis = useRedis();
const folder = useFolder();

async function setUp() {
  const client = redis.connect();
  await client.set(keys.record, "{}");
  const ledger = folder.keep(openLedger(await folder.dir()));
  const settler = makeSettler(client, EPOCH, sealer, systemClock);
  const say = async (...rows: number[]) => {
    const from = settler.mark();
    for (const row of rows) settler.outcome(outcome(row));
    await settler.flush(from);
  };
  return { client, ledger, settler, say };
}

const from = (client: Redis, opener: Sealer, ledger: Ledger) => {
  return { redis: client, hold: HOLD, epoch: EPOCH, sealer: opener, ledger };
};
const left = (client: Redis) => client.xlen(keys.outcomes);

describe("collect", () => {
  test("takes what is there into the ledger, with what never travelled, and deletes it", async () => {
    const { client, ledger, settler, say } = await setUp();
    await say(1, 2);
    settler.fault({ row: 3, at: AT, fault: "reset", http: 0, latency: 2, wait: 500 });
    settler.blocked("credentials");
    await settler.flush(0);
    const own = [outcome(9, { status: "rejected", attempts: 0 })];
    const found = await collect(from(client, sealer, ledger), own, 0);
    expect(found).toMatchObject({ own: 1, blocked: "credentials", entries: 2, faults: [{ row: 3, wait: 500 }] });
    expect([...ledger.outcomes()]).toEqual([outcome(1), outcome(2), own[0]]);
    expect(await left(client)).toBe(0);
  });

  test("leaves the entries where they are when the ledger cannot take them, and takes them the next time", async () => {
    const { client, ledger, say } = await setUp();
    await say(1);
    for (const failing of ["write", "sync"] as const) {
      const broken = {
        ...ledger,
        [failing]() {
          throw new Error("no space left");
        },
      };
      await expect(collect(from(client, sealer, broken))).rejects.toThrow("no space left");
      expect(await left(client)).toBe(1);
    }
    const found = await collect(from(client, sealer, ledger));
    expect(found.outcomes).toEqual([outcome(1)]);
    expect(await left(client)).toBe(0);
  });

  test("tells outcomes again that an earlier read wrote but could not delete, and counts them once", async () => {
    const { client, ledger, settler, say } = await setUp();
    await say(1);
    const fault = { row: 3, at: AT, fault: "reset", http: 0, latency: 2, wait: 500 };
    settler.fault(fault);
    await settler.flush(0);
    // A read that got as far as the ledger: its caller never heard of the outcome.
    const cut = new Proxy(client, {
      get: (target, name) =>
        name === "callBuffer" ? () => Promise.reject(new Error("MISCONF")) : Reflect.get(target, name),
    });
    await expect(collect(from(cut, sealer, ledger))).rejects.toThrow("MISCONF");
    expect(ledger.size()).toBe(1);
    const found = await collect(from(client, sealer, ledger));
    expect(found.outcomes).toEqual([outcome(1)]);
    expect(ledger.size()).toBe(1);
    // Nor is an attempt told twice.
    expect(ledger.history(3).faults).toEqual([fault]);
  });

  test("ignores a second outcome of a row", async () => {
    const { client, ledger, say, settler } = await setUp();
    await say(1);
    settler.outcome(outcome(1, { status: "unknown", ambiguous: true }));
    await settler.flush(0);
    await collect(from(client, sealer, ledger));
    expect([...ledger.outcomes()]).toEqual([outcome(1)]);
    expect(ledger.counts()).toMatchObject({ updated: 1, unknown: 0 });
  });

  test("waits for an entry where it is told to, and not where it is not", async () => {
    const { client, ledger, say } = await setUp();
    expect(await collect(from(client, sealer, ledger))).toMatchObject({ entries: 0, outcomes: [] });
    expect(await collect(from(client, sealer, ledger), [], 5)).toMatchObject({ entries: 0, outcomes: [] });
    const waiting = collect(from(redis.connect(), sealer, ledger), [], 30_000);
    await say(1);
    expect(await waiting).toMatchObject({ entries: 1, outcomes: [outcome(1)] });
  });

  test("takes in what never travelled while it waited, and says how much of it", async () => {
    const { client, ledger, say } = await setUp();
    const own = [outcome(8)];
    const waiting = collect(from(redis.connect(), sealer, ledger), own, 30_000);
    own.push(outcome(9));
    await say(1);
    expect((await waiting).own).toBe(2);
    expect(ledger.size()).toBe(3);
    expect(await left(client)).toBe(0);
  });

  test("reads a long stream in pieces, oldest first", async () => {
    const { client, ledger, say } = await setUp();
    for (let row = 1; row <= 230; row++) await say(row);
    const rows: number[] = [];
    for (;;) {
      const found = await collect(from(client, sealer, ledger));
      if (found.entries === 0) break;
      expect(found.entries).toBeLessThan(230);
      rows.push(...found.outcomes.map((o) => o.row));
    }
    expect(rows).toEqual(Array.from({ length: 230 }, (_, i) => i + 1));
    expect(ledger.size()).toBe(230);
  });

  test("leaves to another coordinator what that one has not read, where it has taken the run over meanwhile", async () => {
    const { client, ledger, say } = await setUp();
    await say(1);
    await client.set(holdKey(RUN), "another");
    await expect(collect(from(client, sealer, ledger))).rejects.toMatchObject({ code: "run-taken-over" });
    expect(await left(client)).toBe(1);
    await client.set(holdKey(RUN), HOLD.token);
    await collect(from(client, sealer, ledger));
    expect(await left(client)).toBe(0);
  });

  test("refuses an entry of another key, and leaves it", async () => {
    const { client, ledger, say } = await setUp();
    await say(1);
    const other = makeSealer(Buffer.alloc(32, 7), EPOCH);
    await expect(collect(from(client, other, ledger))).rejects.toMatchObject({
      code: "sealed-with-another-key",
    });
    expect(await left(client)).toBe(1);
    expect(ledger.size()).toBe(0);
  });
});
