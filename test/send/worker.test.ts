// A worker of this process, told to stop while the endpoint or Redis keeps it waiting: it ends all the same.
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { loadSettings } from "../../src/config.ts";
import { condor } from "../../src/endpoint/condor.ts";
import { type Simulator, startSimulator } from "../../src/endpoint/simulator.ts";
import type { SimulatorInput } from "../../src/endpoint/simulator-options.ts";
import { openRedis, type RedisHome } from "../../src/queue/embedded.ts";
import { endpointFingerprint, epochKeys } from "../../src/queue/epoch.ts";
import { unpackBatch } from "../../src/queue/payload.ts";
import { makeBatchQueue } from "../../src/queue/put.ts";
import { makeSealer } from "../../src/queue/seal.ts";
import { runWorker } from "../../src/send/worker.ts";
import { unpackEntry } from "../../src/settle/entry.ts";
import { openEpoch, queued, RECORD, RUN } from "../queue/epochs.ts";
import { KEY, silent } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const EPOCH = `${RUN}-1`;
const redis = useRedis();
let simulator: Simulator | null = null;
let home: RedisHome | null = null;

afterEach(async () => {
  process.kill(redis.pid, "SIGCONT");
  await home?.close();
  await simulator?.stop();
});

/** The deadline of requests in flight. */
const STOP_MS = 20_000;
/** And that of what is given back. */
const CLOSE_MS = 3_000;
/** Deadlines that are so long pass at once; all else takes its time. */
const impatient = (long: number) => ({
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms >= long ? 50 : ms, signal),
});

/** A worker with so many rows at hand. */
async function start(faults: SimulatorInput, concurrency: string, count: number, long = STOP_MS) {
  simulator = await startSimulator(faults);
  const env = { CONNECTFI_LOGIN: "simulator", CONNECTFI_PASSWORD: "simulator", CONNECTFI_BASE_URL: simulator.url };
  const settings = loadSettings({ flags: { timeout: "10m", concurrency }, env, cwd: "/" });
  home = await openRedis({ redisUrl: redis.url, dataDir: "/nowhere", clock: systemClock });
  const { baseUrl } = settings;
  const rows = Array.from({ length: count }, (_, i) => queued(i + 1));
  await openEpoch(redis.connect(), EPOCH, [rows], KEY, {
    ...RECORD,
    ...{ timeout: settings.timeout, baseUrl, endpoint: endpointFingerprint({ baseUrl, login: "simulator" }) },
  });
  const soft = new AbortController();
  const said: string[] = [];
  const worker = runWorker(
    {
      ...{ redis: home, key: KEY, contract: condor, settings, run: null, clock: impatient(long), log: silent },
      notice: (line) => said.push(line),
    },
    soft.signal,
    new AbortController().signal,
  );
  return { soft, worker, said, stats: simulator.stats };
}

/** Ten rows, four of them in flight, that the endpoint never answers. */
async function begin(long?: number) {
  const started = await start({ silentBeforeShare: 1 }, "4", 10, long);
  await expect.poll(() => started.stats().inFlight, { interval: 5 }).toBe(4);
  return started;
}

describe("a worker that finds out by itself how many requests to have in flight", () => {
  test("begins with few and has more as long as they bring more", async () => {
    // So long that what a busy machine adds to it is little beside what one request more brings.
    const { soft, worker, stats } = await start({ latency: 200 }, "auto", 4_000);
    await expect.poll(() => stats().inFlight, { interval: 5 }).toBe(8);
    await expect.poll(() => stats().maxInFlight, { interval: 5 }).toBeGreaterThan(10);
    soft.abort();
    await worker;
  });
});

describe("a worker whose wall clock is put forward", () => {
  test("goes on with all it had at hand, and no row of it is in doubt", async () => {
    const { soft, worker, stats } = await start({ latency: 200 }, "4", 10);
    await expect.poll(() => stats().inFlight, { interval: 5 }).toBe(4);
    const now = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => now() + 600_000);
    onTestFinished(() => void vi.restoreAllMocks());
    await expect.poll(() => stats().effects).toBe(10);
    soft.abort();
    await worker;
    const found = await redis.connect().xrangeBuffer(epochKeys(EPOCH).outcomes, "-", "+");
    const entries = found.map(([, fields]) =>
      unpackEntry(
        makeSealer(KEY, EPOCH)
          .unseal(`outcomes:${EPOCH}`, fields[1] ?? Buffer.alloc(0))
          .toString("utf8"),
      ),
    );
    const outcomes = entries.flatMap((entry) => entry.outcomes);
    expect(outcomes.map(({ row }) => row).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(outcomes.filter(({ ambiguous }) => ambiguous)).toEqual([]);
  });
});

describe("a worker that is told to stop", () => {
  test("breaks off requests that are still unanswered at its deadline: their rows go back in doubt, the others untried", async () => {
    const { soft, worker, said } = await begin();
    soft.abort();
    await worker;
    expect(said).toEqual([]);
    const queue = makeBatchQueue(redis.connect(), EPOCH);
    const [left] = await queue.left();
    const { rows } = unpackBatch(makeSealer(KEY, EPOCH), EPOCH, left?.id ?? "", left?.data);
    expect(left?.active).toBe(false);
    expect(rows.map(({ row, tries, requests, ambiguous }) => [row, tries, requests, ambiguous])).toEqual([
      ...[1, 2, 3, 4].map((row) => [row, 0, 1, true]),
      ...[5, 6, 7, 8, 9, 10].map((row) => [row, 0, 0, false]),
    ]);
    await queue.close();
  });

  test("ends even if Redis does not take its rows back, and says so", async () => {
    const { soft, worker, said } = await begin(CLOSE_MS);
    process.kill(redis.pid, "SIGSTOP");
    soft.abort();
    await worker;
    expect(said).toEqual(["Redis does not answer: what is left comes back to other workers by itself"]);
  });
});
