import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { announceEpoch, type EpochRecord, endEpoch, endpointFingerprint, epochKeys } from "../../src/queue/epoch.ts";
import { packBatch, unpackBatch } from "../../src/queue/payload.ts";
import { makeBatchQueue } from "../../src/queue/put.ts";
import { keyFingerprint, makeSealer } from "../../src/queue/seal.ts";
import { makeTaker } from "../../src/queue/take.ts";
import { unpackEntry } from "../../src/settle/entry.ts";
import { useRedis } from "../support/redis.ts";
import { until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const KEY = "0123456789abcdef".repeat(4);
const RUN = "feedfeedfeedfeed";
const EPOCH = `${RUN}-1`;
const HOLD = { run: RUN, token: "mine" };
const sealer = makeSealer(Buffer.from(KEY, "hex"), EPOCH);

/** What a coordinator would put on the queue: batches of so many rows for this endpoint. */
async function announce(count: number, baseUrl: string, { timeout = 30_000, batches = 1 } = {}) {
  const record: EpochRecord = {
    ...{ v: 1, run: RUN, epoch: EPOCH, contract: "condor", baseUrl, held: false },
    ...{ timeout, attempts: 5, rate: null, endpointRate: null, maxInFlight: null },
    endpoint: endpointFingerprint({ baseUrl, login: "simulator" }),
    key: keyFingerprint(Buffer.from(KEY, "hex")),
  };
  const client = redis.connect();
  const queue = makeBatchQueue(client, EPOCH);
  const rows = Array.from({ length: count * batches }, (_, i) => {
    const body = Buffer.from(JSON.stringify({ customerId: `csta_${i}`, firstName: "Jessie" }));
    return { row: i + 1, tries: 0, requests: 0, ambiguous: false, body };
  });
  const jobs = Array.from({ length: batches }, (_, n) => {
    const id = `${EPOCH}-${n + 1}`;
    return { id, data: packBatch(sealer, EPOCH, id, 0, rows.slice(n * count, (n + 1) * count)) };
  });
  await queue.add(jobs);
  await announceEpoch(client, HOLD, record);
  return { client, queue };
}

function worker(env: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const log = `${path.dataDir}-${Math.random()}.log`;
  const running = path.start(["worker", ...args], { UPDRAFT_KEY: KEY, UPDRAFT_LOG_FILE: log, ...env });
  let said = "";
  running.child.stderr?.on("data", (text: string) => {
    said += text;
  });
  return {
    log,
    said: () => said,
    async stop() {
      running.child.kill("SIGTERM");
      return running.ended;
    },
  };
}

describe("a worker", () => {
  test("told to end gives back what it has not sent, with no try counted, and ends with 0", async () => {
    const simulator = await path.simulate({ latency: 200 });
    const { client, queue } = await announce(100, simulator.url);
    const { stop } = worker({}, ["--concurrency", "4"]);
    await until(() => simulator.stats().effects >= 4);
    const { code } = await stop();
    expect(code).toBe(0);

    const { effects, requests, inFlight } = simulator.stats();
    expect(inFlight).toBe(0);
    expect(requests).toBe(effects);
    expect(effects).toBeLessThan(100);
    const [left, ...others] = await queue.left();
    if (!left) throw new Error("nothing was given back");
    expect(others).toEqual([]);
    expect(left).toMatchObject({ active: false, stalls: 0 });
    const batch = unpackBatch(sealer, EPOCH, left.id, left.data);
    expect(batch.rows).toHaveLength(100 - effects);
    for (const row of batch.rows) expect(row).toMatchObject({ tries: 0, requests: 0, ambiguous: false });

    const entries = await client.xrangeBuffer(epochKeys(EPOCH).outcomes, "-", "+");
    const outcomes = entries.flatMap(([, fields]) => {
      const plain = sealer.unseal(`outcomes:${EPOCH}`, fields[1] ?? Buffer.alloc(0));
      return unpackEntry(plain.toString("utf8")).outcomes;
    });
    expect(outcomes).toHaveLength(effects);
    expect(new Set([...outcomes, ...batch.rows].map(({ row }) => row)).size).toBe(100);
    await queue.close();
  });

  test("sends the rows of one that died before those that wait in the queue, when their quiet period is over", async () => {
    const simulator = await path.simulate({ latency: 300 });
    // Something is left of the quiet period when the lock has run out.
    const { client, queue } = await announce(10, simulator.url, { timeout: 3_500, batches: 20 });
    const dead = makeTaker(redis.connect(), EPOCH, 6_000, systemClock, () => {});
    const taken = await dead.next();
    await dead.close();
    await client.del(taken?.claim.lock ?? "");

    const { stop } = worker({ CONNECTFI_BASE_URL: simulator.url }, ["--concurrency", "2"]);
    await until(() => [...simulator.requests()].some(({ customerId }) => customerId === "csta_0"));
    simulator.setFaults({ latency: 0 });
    await until(() => simulator.stats().effects === 200);
    const order = [...simulator.requests()].map(({ customerId }) => Number(customerId?.slice("csta_".length)));
    expect(order).toHaveLength(200);
    // The look for stalled batches comes once in a second; the whole queue would take half a minute.
    expect(order.slice(-20).filter((row) => row < 10)).toEqual([]);
    expect(order.indexOf(0)).toBeGreaterThan(0);
    expect((await stop()).code).toBe(0);
    const entries = await client.xrangeBuffer(epochKeys(EPOCH).outcomes, "-", "+");
    const outcomes = entries.flatMap(([, fields]) => {
      const plain = sealer.unseal(`outcomes:${EPOCH}`, fields[1] ?? Buffer.alloc(0));
      return unpackEntry(plain.toString("utf8")).outcomes;
    });
    for (const { row, ambiguous } of outcomes) expect({ row, ambiguous }).toEqual({ row, ambiguous: row <= 10 });
    await endEpoch(client, HOLD, EPOCH);
    await queue.close();
  });

  test("sends nothing more as soon as Redis says that the epoch is gone", async () => {
    const simulator = await path.simulate({ latency: 20 });
    const { client, queue } = await announce(400, simulator.url);
    const { stop, log } = worker({ CONNECTFI_BASE_URL: simulator.url }, ["--concurrency", "4"]);
    await until(() => simulator.stats().requests >= 40);
    await client.flushall();
    await until(() => readFileSync(log, "utf8").includes("epoch is gone"));
    // What was in flight, and what was begun until the first answer could not be settled: not its batch to the end.
    expect(simulator.stats().requests).toBeLessThan(140);
    expect((await stop()).code).toBe(0);
    await queue.close();
  });

  test("set up for another login, address or key does not take a run, and says why; one that fits takes it", async () => {
    const simulator = await path.simulate();
    const elsewhere = await path.simulate();
    const own = { CONNECTFI_BASE_URL: simulator.url };
    const strangers = [
      { worker: worker({ ...own, CONNECTFI_LOGIN: "staging" }), why: "its base URL or login is another" },
      { worker: worker({ CONNECTFI_BASE_URL: elsewhere.url }), why: "its base URL or login is another" },
      { worker: worker({ ...own, UPDRAFT_KEY: "f".repeat(64) }), why: "its batches are sealed with another key" },
    ];
    const { client, queue } = await announce(3, simulator.url);
    await until(() => strangers.every((stranger) => stranger.worker.said().includes("is not for this worker")));
    for (const stranger of strangers) expect(stranger.worker.said()).toContain(stranger.why);
    expect([simulator.stats().requests, elsewhere.stats().requests]).toEqual([0, 0]);
    expect(await client.llen(`updraft:${EPOCH}:wait`)).toBe(1);

    const fits = worker(own);
    await until(() => simulator.stats().effects === 3);
    expect(elsewhere.stats()).toMatchObject({ requests: 0, logins: 0 });
    expect(simulator.stats().logins).toBe(1);
    const ends = await Promise.all([fits, ...strangers.map((stranger) => stranger.worker)].map((one) => one.stop()));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    await endEpoch(client, HOLD, EPOCH);
    await queue.close();
  });
});
