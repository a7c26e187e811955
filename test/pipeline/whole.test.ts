import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, toCsv, toNdjson, until, usePipeline } from "./support.ts";

describe("a file of 3,000 rows about 1,000 customers", () => {
  const path = usePipeline();

  test("with 5 % of requests answered 503 and 1 % reset ends updated in every row, and the customers equal the file", async () => {
    const simulator = await path.simulate({ share503: 0.05, resetBeforeShare: 0.005, resetAfterShare: 0.005, seed: 7 });
    const rows = makeRows(3_000, 1_000);
    const { code, summary, stderr } = await path.run([path.file("in.csv", toCsv(rows)), "--timeout", "10s"]);
    expect({ code, stderr: stderr.includes("warn") }).toEqual({ code: 0, stderr: false });
    expect(summary).toMatchObject({ state: "complete", read: 3_000, balanced: true, counts: { updated: 3_000 } });
    expect(summary.requests.sent).toBe(simulator.stats().requests);
    expect(summary.requests.retried).toBe(simulator.stats().requests - 3_000);
    const { "http-503": busy = 0, "reset-before": before = 0, "reset-after": after = 0 } = simulator.stats().byFault;
    expect(busy).toBeGreaterThan(50);
    expect(before).toBeGreaterThan(0);
    expect(after).toBeGreaterThan(0);
    expect(summary.requests.retried).toBe(busy + before + after);
    expect(customersOf(simulator)).toEqual(customersAfter(rows));

    const success = recordsOf(summary.reports.success);
    expect(success.map((record) => record.updraft_row)).toEqual(rows.map((_, i) => String(i + 1)));
    expect(success.map((record) => record.customerId)).toEqual(rows.map((row) => row.customerId));
    expect(recordsOf(summary.reports.errors)).toEqual([]);
    expect(JSON.parse(readFileSync(`${summary.reports.dir}/summary.json`, "utf8"))).toEqual(summary);
  });

  test("never has two requests of one customer in flight, and sends them in the file's order", async () => {
    const simulator = await path.simulate({ latency: "1-20", slowShare: 0.02, slowMs: 100 });
    const rows = makeRows(600, 40);
    const { summary } = await path.given([path.file("in.csv", toCsv(rows))]);
    expect(summary.counts.updated).toBe(600);
    const ends = new Map<string | null, number>();
    for (const { customerId, at, effectAt } of simulator.requests()) {
      expect(at).toBeGreaterThanOrEqual(ends.get(customerId) ?? 0);
      ends.set(customerId, effectAt ?? Number.POSITIVE_INFINITY);
    }
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
  });
});

describe("the same rows as CSV and as NDJSON", () => {
  const redis = useRedis();
  const path = usePipeline(() => redis.url);

  test("give equal reports, each sent by three workers that share a Redis, and what they may have in flight", async () => {
    const rows = makeRows(1_200, 1_000).map((row, i) => (i % 100 === 7 ? { ...row, postalCode: "bad" } : row));
    const key = { UPDRAFT_KEY: "ab".repeat(32) };
    const wanted = { latency: "20-40", refuseShare: 0.01, seed: 3 } as const;
    const simulator = await path.simulate(wanted);
    const workers = [1, 2].map((n) => {
      const env = { ...key, UPDRAFT_DATA_DIR: `${path.dataDir}-${n}`, UPDRAFT_LOG_FILE: `${path.dataDir}-${n}.log` };
      return path.start(["worker", "--concurrency", "8"], env);
    });
    await until(async () => String(await redis.connect().client("LIST")).split("updraft:worker-news").length > 2);

    const csv = await path.run([path.file("in.csv", toCsv(rows)), "--concurrency", "8"], key);
    const customers = customersOf(simulator);
    // One worker alone has 8 requests in flight.
    expect(simulator.stats().maxInFlight).toBeGreaterThan(8);
    simulator.reset();
    simulator.setFaults({ latency: 5 });
    const ndjson = await path.run(
      [path.file("in.ndjson", toNdjson(rows)), "--concurrency", "auto", "--max-in-flight", "4"],
      key,
    );
    expect(simulator.stats().maxInFlight).toBe(4);
    for (const worker of workers) {
      worker.child.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    }

    expect([csv.code, ndjson.code]).toEqual([1, 1]);
    expect([csv, ndjson].map(({ summary }) => summary.settings)).toMatchObject([
      { concurrency: 8 },
      { concurrency: "auto" },
    ]);
    expect(customersOf(simulator)).toEqual(customers);
    const { counts, read, requests } = csv.summary;
    expect({ counts, read, requests }).toMatchObject({
      read: 1_200,
      counts: { rejected: 12 },
      requests: { sent: 1_188 },
    });
    expect(counts.failed).toBeGreaterThan(0);
    expect(ndjson.summary).toMatchObject({ counts, read, requests, state: "complete" });
    const withoutLines = ({ errors }: typeof csv.summary) => errors.map(({ firstRows, ...group }) => group);
    expect(withoutLines(ndjson.summary)).toEqual(withoutLines(csv.summary));

    const told = (record: Readonly<Record<string, unknown>>) => {
      const { updraft_line, updraft_at, ...rest } = record;
      return Object.fromEntries(
        Object.entries(rest).flatMap(([name, v]) => (v === "" || v === null ? [] : [[name, String(v)]])),
      );
    };
    const linesOf = (file: string | null) =>
      readFileSync(file ?? "", "utf8")
        .trim()
        .split("\n")
        .map((line) => told(JSON.parse(line)));
    for (const report of ["success", "errors"] as const) {
      expect(linesOf(ndjson.summary.reports[report])).toEqual(recordsOf(csv.summary.reports[report]).map(told));
    }
  });
});
