// Signals to real processes: what is in flight ends, the rest is given back, and who insists gets an end at once.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { isAlive, makeRows, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);
const KEY = { UPDRAFT_KEY: "0123456789abcdef".repeat(4) };

async function begin(count = 400) {
  const simulator = await path.simulate({ latency: 300 });
  const rows = makeRows(count, count);
  const file = path.file("in.csv", toCsv(rows));
  const running = path.start(["run", file, "--json", "--concurrency", "8"], KEY);
  let said = "";
  running.child.stderr?.on("data", (text: string) => {
    said += text;
  });
  await until(() => simulator.stats().inFlight >= 8);
  return { simulator, file, running, said: () => said };
}

describe("SIGTERM to a run", () => {
  test("sent again and again does not cut its end short: rows in flight are answered, the others were not tried", async () => {
    const { simulator, file, running, said } = await begin();
    const { inFlight } = simulator.stats();
    running.child.kill("SIGTERM");
    // Signals that come before the first is taken count as one.
    await until(() => said().includes("stopping: "));
    running.child.kill("SIGTERM");
    const { code, summary } = summaryOf(await running.ended);
    const { effects, requests } = simulator.stats();
    expect(inFlight).toBeGreaterThan(0);
    expect({ code, state: summary.state }).toEqual({ code: 130, state: "interrupted" });
    expect(summary.counts).toMatchObject({ updated: effects, unknown: 0 });
    expect([requests, effects]).toEqual([effects, effects]);
    expect(await redis.connect().keys("updraft:*")).toEqual([]);

    simulator.setFaults({ latency: 0 });
    const all = await path.run([file], KEY);
    expect(all.summary).toMatchObject({ counts: { updated: 400 }, ambiguousUpdated: 0, requests: { sent: 400 } });
  });

  test("then Ctrl-C ends it at once; the next run finds out what was sent", async () => {
    const { simulator, file, running, said } = await begin();
    running.child.kill("SIGTERM");
    await until(() => said().includes("stopping: "));
    running.child.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    simulator.setFaults({ latency: 0 });
    const { summary } = await path.given([file], KEY);
    expect(summary).toMatchObject({ state: "complete", counts: { updated: 400 } });
    expect(simulator.stats().effects).toBeGreaterThanOrEqual(400);
  });
});

describe("SIGTERM to a worker", () => {
  test("twice, in the midst of a run, gives its rows to others untried and ends with 0", async () => {
    const { simulator, running } = await begin(1_500);
    const worker = path.start(["worker", "--concurrency", "4"], KEY);
    await until(() => simulator.stats().inFlight > 8);
    worker.child.kill("SIGTERM");
    await once(worker.child.stderr ?? worker.child, "data");
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(isAlive(worker.pid)).toBe(false);
    simulator.setFaults({ latency: 0 });
    const { code, summary } = summaryOf(await running.ended);
    expect(code).toBe(0);
    expect(summary).toMatchObject({
      counts: { updated: 1_500 },
      ambiguousUpdated: 0,
      requests: { sent: 1_500, retried: 0 },
    });
  });
});
