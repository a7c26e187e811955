// A Redis that dies, sleeps or comes back empty in the midst of a run: rows wait for it, none is lost.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { customersAfter, customersOf, makeRows, type Run, summaryOf, toCsv, until, usePipeline } from "./support.ts";

let dir = "";
let server: ChildProcess | null = null;
const socket = () => join(dir, "s");
const path = usePipeline(() => `unix://${socket()}`);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "updraft-lost-"));
  await startServer();
});
afterEach(async () => {
  await killServer();
  rmSync(dir, { recursive: true, force: true });
});

async function startServer(): Promise<void> {
  const own = ["--port", "0", "--unixsocket", socket(), "--dir", dir, "--save", "", "--appendonly", "yes"];
  server = spawn("redis-server", [...own, "--logfile", "log"], { stdio: "ignore" });
  const client = new Redis({ path: socket(), retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => {});
  await client.ping();
  client.disconnect();
}

async function killServer(): Promise<void> {
  if (server === null) return;
  const gone = once(server, "exit");
  server.kill("SIGKILL");
  await gone;
  server = null;
}

async function begin() {
  const simulator = await path.simulate({ latency: 100 });
  const rows = makeRows(600, 400);
  const file = path.file("in.csv", toCsv(rows));
  const running = path.start(["run", file, "--json", "--concurrency", "8", "--timeout", "500ms"]);
  let said = "";
  running.child.stderr?.on("data", (text: string) => {
    said += text;
  });
  await until(() => simulator.stats().effects >= 100);
  const complete = async (): Promise<Run> => {
    simulator.setFaults({ latency: 0 });
    const run = summaryOf(await running.ended);
    expect(run.summary).toMatchObject({ state: "complete", read: 600, balanced: true, counts: { updated: 600 } });
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    return run;
  };
  return { file, running, complete, said: () => said };
}

describe("a run whose Redis", () => {
  test("is killed waits for it and says so, and goes on when it is back", async () => {
    const { complete, said } = await begin();
    await killServer();
    await until(() => said().includes("Redis does not answer: the run waits for it"));
    await startServer();
    await until(() => said().includes("Redis answers again"));
    await complete();
  });

  test("hangs for longer than a lock goes on when it answers again", async () => {
    const { complete, said } = await begin();
    server?.kill("SIGSTOP");
    await until(() => said().includes("Redis does not answer"));
    // A lock is 6 s, the notice comes after 5.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    server?.kill("SIGCONT");
    await complete();
  });

  test("is killed and comes back without what it had goes on all the same", async () => {
    const { complete } = await begin();
    await killServer();
    rmSync(join(dir, "appendonlydir"), { recursive: true });
    await startServer();
    await complete();
  });

  test("is gone for good can be stopped all the same, says what to do, and goes on with the next", async () => {
    const { file, running, said } = await begin();
    await killServer();
    running.child.kill("SIGTERM");
    const { code, stdout } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(said()).toContain("Redis did not answer while run ");
    expect(said()).toContain("run the same command again");
    await startServer();
    const { summary } = await path.given([file]);
    expect(summary).toMatchObject({ state: "complete", read: 600, counts: { updated: 600 } });
  });
});
