// Two processes and one run: one of them has it, the other is told who, and one that slept through a takeover does no harm.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);
const KEY = { UPDRAFT_KEY: "0123456789abcdef".repeat(4) };

async function begin() {
  const simulator = await path.simulate({ latency: 200 });
  const rows = makeRows(400, 300);
  const args = ["run", path.file("in.csv", toCsv(rows)), "--json", "--concurrency", "4", "--timeout", "500ms"];
  const running = path.start(args, KEY);
  await until(() => simulator.stats().effects >= 8);
  return { simulator, rows, args, running };
}

describe("a second process on a run that is going on", () => {
  test("is refused with who has it, in the same data folder and in another, and the run goes on", async () => {
    const { simulator, args, running } = await begin();
    for (const dataDir of [path.dataDir, join(path.cli.folder, "elsewhere")]) {
      const refused = await path.ask(args, { ...KEY, UPDRAFT_DATA_DIR: dataDir });
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain(`is held by process ${running.pid} on `);
    }
    simulator.setFaults({ latency: 0 });
    const { code, summary } = summaryOf(await running.ended);
    expect({ code, updated: summary.counts.updated, resumes: summary.resumes }).toEqual({
      ...{ code: 0, updated: 400, resumes: 0 },
    });
  });

  test("does not get it either where both start at the same instant", async () => {
    const simulator = await path.simulate();
    const file = path.file("in.csv", toCsv(makeRows(50, 50)));
    const both = [1, 2].map(() => path.start(["run", file, "--json"], KEY).ended);
    const codes = (await Promise.all(both)).map(({ code }) => code);
    expect(codes.toSorted()).toEqual([0, 2]);
    expect(simulator.stats().requests).toBe(50);
  });
});

test("a process that was stopped while another took its run over wakes up, sends nothing more, and says so", async () => {
  const { simulator, rows, args, running } = await begin();
  running.child.kill("SIGSTOP");
  const client = redis.connect();
  const [hold = ""] = await client.keys("updraft:holder:*");
  // As after the time for which a hold is good.
  await client.del(hold);
  const other = path.start(args, { ...KEY, UPDRAFT_DATA_DIR: join(path.cli.folder, "elsewhere") });
  const [run = ""] = path.runs();
  await until(async () => (await client.smembers("updraft:epochs")).includes(`${run}-2`));
  running.child.kill("SIGCONT");

  const fenced = await running.ended;
  expect(fenced).toMatchObject({ code: 5, stdout: "" });
  expect(fenced.stderr).toContain("was taken over by another process");
  simulator.setFaults({ latency: 0 });
  const { code, summary } = summaryOf(await other.ended);
  expect({ code, state: summary.state, updated: summary.counts.updated }).toEqual({
    ...{ code: 0, state: "complete", updated: 400 },
  });
  expect(customersOf(simulator)).toEqual(customersAfter(rows));
  expect(await client.keys("updraft:*")).toEqual([]);
});
