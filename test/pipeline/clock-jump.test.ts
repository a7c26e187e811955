import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { verify } from "../../src/runs/inspect.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const HOUR = 3_600_000;
const PRELOAD = pathToFileURL(join(import.meta.dirname, "..", "support", "shift-clock.mjs")).href;

/** What Redis does when the clock of its machine jumps: what was to expire within that time does so now, or that much later. */
async function jumpRedis(client: Redis, ms: number): Promise<void> {
  for (const key of await client.keys("*")) {
    const left = await client.pttl(key);
    if (left > 0) await client.pexpire(key, Math.max(1, left - ms));
  }
}

describe("a wall clock that jumps while a run goes on, of its processes and of Redis,", () => {
  test.each([
    ["an hour forwards", [HOUR]],
    ["an hour back", [-HOUR]],
    ["forwards and back again", [HOUR, 0]],
  ])("by %s, neither stops the run nor makes its report wrong", async (_how, jumps) => {
    const simulator = await path.simulate({ latency: "5-15", share503: 0.2, resetAfterShare: 0.01, seed: 9 });
    const rows = makeRows(1_500, 1_000);
    const shift = join(path.cli.folder, "shift");
    const args = ["run", path.file("in.csv", toCsv(rows)), "--concurrency", "16", "--timeout", "500ms", "--json"];
    const env = { NODE_OPTIONS: `--import ${PRELOAD}`, UPDRAFT_TEST_SHIFT: shift };
    const before = performance.now();
    const running = path.start([...args, "--attempts", "20"], env);
    const client = redis.connect();
    let last = 0;
    for (const [i, jump] of jumps.entries()) {
      await until(() => simulator.stats().effects >= 300 * (i + 1));
      writeFileSync(shift, String(jump));
      await jumpRedis(client, jump - last);
      last = jump;
    }
    const { code, summary } = summaryOf(await running.ended);
    const took = performance.now() - before;
    expect({ code, state: summary.state, counts: summary.counts }).toMatchObject({
      ...{ code: 0, state: "complete", counts: { updated: 1_500 } },
    });
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    expect(summary.durationMs).toBeGreaterThan(0);
    expect(summary.durationMs).toBeLessThan(took);
    const about = { run: summary.run, file: null, settings: { dataDir: path.dataDir } };
    expect(await verify(about)).toMatchObject({ agrees: true, differences: [] });
    // It did jump: rows were answered on either side.
    const hours = recordsOf(summary.reports.success).map((r) => new Date(r.updraft_at ?? "").getTime() / HOUR);
    expect(Math.max(...hours) - Math.min(...hours)).toBeGreaterThan(0.9);
    // In the file's order for each customer, whatever the clock says.
    const ends = new Map<string | null, number>();
    for (const { customerId, at, effectAt } of simulator.requests()) {
      expect(at).toBeGreaterThanOrEqual(ends.get(customerId) ?? 0);
      if (effectAt !== null) ends.set(customerId, effectAt);
    }
    expect(await client.keys("*")).toEqual([]);
  });
});
