// Runs that stop before their end because of what they see, what is answered for, and how they go on.
import { describe, expect, test } from "vitest";
import { interrupt } from "../cli/support.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, requestsFor, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const ask = (...args: string[]) => path.ask(args);

describe("--stop-after", () => {
  test("stops a run of too many bad rows with an account of all its rows; it goes on to its end when they are good again", async () => {
    const simulator = await path.simulate({ codeShare: 0.5, maxFaultsPerRow: "none", latency: 20, seed: 5 });
    const rows = makeRows(900, 900).map((row, i) => (i === 850 ? { ...row, postalCode: "bad" } : row));
    const file = path.file("in.csv", toCsv(rows));
    const { code, summary } = await path.given([file, "--stop-after", "30", "--concurrency", "4"]);
    const { requests } = simulator.stats();
    const { run, counts, reports } = summary;
    expect({ code, state: summary.state, read: summary.read, balanced: summary.balanced }).toEqual({
      ...{ code: 3, state: "stopped", read: 900, balanced: true },
    });
    expect(counts).toMatchObject({ unknown: 0, unsent: 900 - requests - counts.rejected });
    expect(counts.failed).toBeGreaterThanOrEqual(30);
    expect(counts.unsent).toBeGreaterThan(100);
    const failed = new Map(
      recordsOf(reports.errors).map((record) => [Number(record.updraft_row), record.updraft_code]),
    );
    expect(summary.stopped).toMatchObject({
      rule: "stop-after",
      message: "30 rows ended failed or unknown in this spell: --stop-after 30",
    });
    expect(summary.stopped?.rows).toHaveLength(10);
    for (const { row, code: why } of summary.stopped?.rows ?? []) expect(why).toBe(failed.get(row));
    expect(recordsOf(reports.unsent)).toHaveLength(counts.unsent);
    expect(await redis.connect().keys("updraft:*")).toEqual([]);

    expect(await ask("verify", run)).toMatchObject({ code: 0, stderr: "" });
    expect((await ask("status", run)).stdout).toMatch(
      /^state +stopped since [\s\S]*^why +30 rows ended .*[\s\S]*^next /m,
    );
    const retried = await ask("retry", run);
    expect(retried.code).toBe(2);
    expect(retried.stderr).toContain("has not ended (stopped)");

    simulator.setFaults({ codeShare: 0, latency: 0 });
    const rest = await path.given([file, "--stop-after", "1"]);
    expect(rest.summary).toMatchObject({
      run,
      state: "complete",
      stopped: null,
      read: 900,
      balanced: true,
      resumes: 1,
    });
    expect(rest.summary.counts).toMatchObject({ failed: counts.failed, rejected: 1, unsent: 0 });
    expect(rest.summary.reports.unsent).toBeNull();
    expect(simulator.stats().requests).toBe(requestsFor(899, rest.summary));
    expect(await ask("verify", run)).toMatchObject({ code: 0, stderr: "" });
    const well = rows.filter((_, i) => i !== 850 && !failed.has(i + 1));
    expect(customersOf(simulator)).toEqual(customersAfter(well));
  });
});

describe("--canary", () => {
  test("sends so many rows alone: stops when one failed, ends with Ctrl-C, sends all others when they were updated", async () => {
    const simulator = await path.simulate({ codeShare: 0.5, maxFaultsPerRow: "none", seed: 5 });
    const rows = makeRows(400, 400);
    const file = path.file("in.csv", toCsv(rows));
    const args = [file, "--canary", "20"];
    const first = await path.given(args);
    expect(simulator.stats().requests).toBe(20);
    const { run, counts, stopped } = first.summary;
    const message = `${counts.failed} of the first 20 rows ended failed or unknown: --canary 20`;
    expect(stopped).toMatchObject({ rule: "canary", message });
    expect(first.summary).toMatchObject({ state: "stopped", read: 400, balanced: true, counts: { unsent: 380 } });
    expect([first.code, counts.failed > 0]).toEqual([3, true]);
    expect(await ask("verify", run)).toMatchObject({ code: 0 });

    simulator.setFaults({ codeShare: 0, latency: 1_000 });
    const second = path.given(args);
    await until(() => simulator.stats().inFlight === 20);
    interrupt();
    expect(await second).toMatchObject({
      code: 130,
      summary: { state: "interrupted", stopped: null },
    });
    expect(simulator.stats().requests).toBe(40);

    simulator.setFaults({ latency: 0 });
    const third = await path.given(args);
    expect(third.summary).toMatchObject({ run, state: "complete", counts: { failed: counts.failed, unsent: 0 } });
    expect(simulator.stats().requests).toBe(requestsFor(400, third.summary));
  });
});
