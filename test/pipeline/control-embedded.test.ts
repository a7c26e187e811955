// Runs on one machine without a Redis of their own choosing: the data folder's server is used where it runs, and not started to look.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive, makeRows, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const path = usePipeline();
const { ask } = path;
const serverPid = () => {
  try {
    return Number(readFileSync(join(path.dataDir, "redis", "redis.pid"), "utf8"));
  } catch {
    return 0;
  }
};

async function begin() {
  const simulator = await path.simulate({ latency: 300 });
  const file = path.file("in.csv", toCsv(makeRows(300, 200)));
  const running = path.start(["run", file, "--json", "--concurrency", "4", "--timeout", "500ms"]);
  await until(() => simulator.stats().effects >= 8);
  const [run = ""] = path.runs();
  await until(async () => (await ask(["runs", "--json"])).stdout.includes('"live":{'));
  return { simulator, running, run };
}

test("a run is paused, resumed and cancelled through the data folder's own Redis, which is gone afterwards", async () => {
  const { running, run } = await begin();
  const server = serverPid();
  for (const [wish, state] of [
    ["pause", "paused"],
    ["resume", "goes on"],
    ["cancel", "cancelled"],
  ] as const)
    expect(await ask([wish, run])).toMatchObject({ code: 0, stdout: expect.stringContaining(state) });
  expect(summaryOf(await running.ended)).toMatchObject({ code: 3, summary: { state: "cancelled", read: 300 } });
  await until(() => !isAlive(server));
  expect((await ask(["status", run])).stdout).toContain("state     cancelled");
  expect(isAlive(serverPid())).toBe(false);
});

test("a run that was killed is cancelled with a server started for that, which has what was settled", async () => {
  const { simulator, running, run } = await begin();
  const server = serverPid();
  process.kill(-running.pid, "SIGKILL");
  await running.ended;
  process.kill(server, "SIGKILL");
  await until(() => !isAlive(server));
  const told = await ask(["runs"]);
  expect(told.stdout).toMatch(new RegExp(`${run} +interrupted .*in\\.csv`));
  expect(serverPid()).toBe(server);
  expect((await ask(["cancel", run])).code).toBe(0);
  const { state, counts } = JSON.parse((await ask(["status", run, "--json"])).stdout);
  expect(state).toBe("cancelled");
  expect(counts.updated + counts.unknown).toBeGreaterThanOrEqual(simulator.stats().effects);
  expect(counts.updated + counts.unknown + counts.unsent).toBe(300);
  expect(isAlive(serverPid())).toBe(false);
});
