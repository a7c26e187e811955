import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  childrenOf,
  customersAfter,
  customersOf,
  isAlive,
  makeRows,
  recordsOf,
  requestsFor,
  summaryOf,
  toCsv,
  until,
  usePipeline,
} from "./support.ts";

const path = usePipeline();

/** The worker that a run brought along; the embedded Redis is a child of the run as well. */
function workerOf(pid: number): number | undefined {
  return childrenOf(pid).find((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("child.ts"));
}

describe("Ctrl-C", () => {
  test("in the middle of a run ends with 130 and an account of it, leaves nothing running, and the same command goes on", async () => {
    const simulator = await path.simulate({ latency: 40 });
    const rows = makeRows(400, 300);
    const args = [path.file("in.csv", toCsv(rows)), "--concurrency", "8"];
    const running = path.start(["run", ...args, "--json"]);
    await until(() => simulator.stats().effects >= 40);
    const redis = Number(readFileSync(join(path.dataDir, "redis", "redis.pid"), "utf8"));
    const worker = workerOf(running.pid) ?? 0;
    expect([isAlive(worker), isAlive(redis)]).toEqual([true, true]);
    // So that there is something to interrupt, however long the signal takes; and afterwards nothing to wait for.
    simulator.setFaults({ latency: 300 });
    running.child.kill("SIGINT");
    const stopped = summaryOf(await running.ended);
    simulator.setFaults({ latency: 0 });

    expect([isAlive(running.pid), isAlive(worker), isAlive(redis)]).toEqual([false, false, false]);
    expect(existsSync(join(path.dataDir, "redis", "redis.sock"))).toBe(false);
    const { effects, requests } = simulator.stats();
    const { counts, read, state } = stopped.summary;
    expect({ code: stopped.code, state }).toEqual({ code: 130, state: "interrupted" });
    expect(counts).toMatchObject({ updated: effects, failed: 0, unknown: 0, unsent: read - effects });
    expect(requests).toBe(effects);
    expect(effects).toBeLessThan(400);
    const before = recordsOf(stopped.summary.reports.success);
    expect(before).toHaveLength(effects);

    const { code, summary } = await path.given(args);
    expect(code).toBe(0);
    expect(summary).toMatchObject({ run: stopped.summary.run, state: "complete", read: 400, resumes: 1 });
    expect(summary.counts.updated).toBe(400);
    expect(simulator.stats().requests).toBe(requestsFor(400, summary));
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    // What was known before is still known, to the letter.
    expect(recordsOf(summary.reports.success)).toEqual(expect.arrayContaining(before));
  });

  test("at a slow pace does not wait for the rows whose slots are still to come", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(100, 100);
    const file = path.file("in.csv", toCsv(rows));
    const running = path.start(["run", file, "--rate", "30/min", "--json"]);
    await until(() => simulator.stats().effects >= 1);
    running.child.kill("SIGINT");
    const { code, summary } = summaryOf(await running.ended);
    expect(code).toBe(130);
    const { effects } = simulator.stats();
    expect(summary.counts).toMatchObject({ updated: effects, unsent: 100 - effects });
    expect(effects).toBeLessThan(5);
    // They were given back untried, not left to a lock: none of them is in doubt.
    const { summary: all } = await path.run([file]);
    expect(all).toMatchObject({ counts: { updated: 100 }, ambiguousUpdated: 0, requests: { sent: 100 } });
  });
});

test("a run whose worker is killed in its midst completes, and the customers equal the file", async () => {
  const simulator = await path.simulate({ latency: 10 });
  const rows = makeRows(1_000, 700);
  const args = ["run", path.file("in.csv", toCsv(rows)), "--concurrency", "16", "--timeout", "2s", "--json"];
  const running = path.start(args);
  await until(() => simulator.stats().effects >= 200);
  const killed = workerOf(running.pid) ?? 0;
  process.kill(killed, "SIGKILL");
  const { code, summary } = summaryOf(await running.ended);
  expect(code).toBe(0);
  expect(summary).toMatchObject({ state: "complete", read: 1_000, balanced: true, counts: { updated: 1_000 } });
  // What was in flight, or answered within the last milliseconds, is sent again; and it says so.
  expect(simulator.stats().effects).toBeGreaterThanOrEqual(1_000);
  expect(simulator.stats().effects).toBeLessThan(1_000 + 200);
  expect(summary.ambiguousUpdated).toBeGreaterThan(0);
  expect(customersOf(simulator)).toEqual(customersAfter(rows));
  expect(isAlive(killed)).toBe(false);
});
