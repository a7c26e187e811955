// Several processes that start a run of the same file at the same instant: one of them has it, and its report is right.
import { expect, test } from "vitest";
import { verify } from "../../src/runs/inspect.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, summaryOf, toCsv, usePipeline } from "./support.ts";

const redis = useRedis();
let redisUrl: string | null = null;
const path = usePipeline(() => redisUrl);

test.each([
  ["a data folder that is still to be made, with its own Redis", () => null],
  ["a Redis that is given", () => redis.url],
])("on %s: one sends every row once, the others are told who has the run", async (_what, url) => {
  redisUrl = url();
  const simulator = await path.simulate({ latency: 40 });
  const rows = makeRows(300, 200);
  const file = path.file("in.csv", toCsv(rows));
  const started = Array.from({ length: 4 }, () => path.start(["run", file, "--concurrency", "4", "--json"]));
  const ended = await Promise.all(started.map(async ({ pid, ended: end }) => ({ pid, ...(await end) })));
  const winners = ended.filter(({ code }) => code === 0);
  expect({ codes: ended.map(({ code }) => code).toSorted(), stderr: ended.map((one) => one.stderr) }).toMatchObject({
    codes: [0, 2, 2, 2],
  });
  const [winner] = winners;
  if (winner === undefined) throw new Error("no winner");
  const { summary } = summaryOf(winner);
  for (const { code, stdout, stderr } of ended.filter((one) => one !== winner)) {
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    // Who came to it only when the other was done is told that.
    expect(stderr).toMatch(new RegExp(`is held by process ${winner.pid} on |run ${summary.run} ended complete at `));
  }
  expect(summary).toMatchObject({ state: "complete", read: 300, resumes: 0, counts: { updated: 300 } });
  expect(simulator.stats().requests).toBe(300);
  expect(customersOf(simulator)).toEqual(customersAfter(rows));
  expect(recordsOf(summary.reports.success).map((r) => r.updraft_row)).toEqual(rows.map((_, i) => String(i + 1)));
  expect(path.runs()).toEqual([summary.run]);
  const about = { run: summary.run, file: null, settings: { dataDir: path.dataDir } };
  expect(await verify(about)).toMatchObject({ agrees: true, rows: 300 });
});
