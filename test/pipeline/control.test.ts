// Listing, pausing, resuming and cancelling runs: what is asked for in one place is done in another, with real processes where that matters.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { interrupt } from "../cli/support.ts";
import { useRedis } from "../support/redis.ts";
import { type Cells, makeRows, recordsOf, requestsFor, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);
const ours = () => redis.connect().keys("updraft:*");

const known = z.looseObject({
  run: z.string(),
  state: z.string(),
  file: z.string().nullable(),
  read: z.number().nullable(),
  counts: z.record(z.string(), z.number()).nullable(),
  live: z.looseObject({ pid: z.number(), epoch: z.string() }).nullable(),
  dir: z.string().nullable(),
});

/** Another machine: it reaches the Redis, has a data folder of its own, no key and no credentials. */
const ELSEWHERE = {
  UPDRAFT_DATA_DIR: "elsewhere",
  CONNECTFI_LOGIN: "",
  CONNECTFI_PASSWORD: "",
  CONNECTFI_BASE_URL: "",
};

const { ask } = path;
/** In a process of its own. */
const askApart = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => path.start(args, env).ended;

async function runs(env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await ask(["runs", "--json"], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return z.array(known).parse(JSON.parse(stdout));
}

/** A run of slow rows that has answered some of them; `hurry` makes the others quick. */
async function started<R>(
  start: (args: readonly string[]) => R,
  rows = makeRows(300, 200),
  args: readonly string[] = [],
) {
  const simulator = await path.simulate({ latency: 300 });
  const file = path.file("in.csv", toCsv(rows));
  const running = start(["run", file, "--json", "--concurrency", "4", ...args]);
  await until(() => simulator.stats().effects >= 8);
  const client = redis.connect();
  await until(async () => (await client.keys("updraft:status:*")).length === 1);
  const [run = ""] = await client.smembers("updraft:runs");
  return { simulator, rows, file, running, run, hurry: () => simulator.setFaults({ latency: 0 }) };
}

/** In this process: `interrupt` is its Ctrl-C. */
const begin = (...given: [rows?: Cells[], args?: readonly string[]]) =>
  started((args) => ({ ended: ask(args) }), ...given);
const beginApart = (...given: [rows?: Cells[], args?: readonly string[]]) => started(path.start, ...given);

/** Nothing is in flight, and nothing more comes. */
async function quiet(simulator: { stats(): { inFlight: number; requests: number } }): Promise<number> {
  await until(() => simulator.stats().inFlight === 0);
  const { requests } = simulator.stats();
  // As long as a worker takes to look again at everything it serves.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(simulator.stats().requests).toBe(requests);
  return requests;
}

describe("pause", () => {
  test("from another machine lets rows in flight end and holds all others, until resume lets the run end as if nothing had been", async () => {
    const { simulator, running, run, hurry } = await beginApart();
    const paused = await askApart(["pause", run.slice(0, 6)], ELSEWHERE);
    expect(paused).toEqual({ code: 0, stdout: expect.stringContaining(`Run ${run} is paused`), stderr: "" });
    const requests = await quiet(simulator);
    expect(requests).toBeLessThan(300);

    expect(await runs(ELSEWHERE)).toMatchObject([
      { run, state: "paused", file: null, live: { pid: running.pid }, dir: null, counts: { updated: requests } },
    ]);
    expect(await runs()).toMatchObject([{ run, state: "paused", file: "in.csv" }]);
    expect((await ask(["pause", run])).stdout).toContain("paused already");

    hurry();
    const resumed = await askApart(["resume", run], ELSEWHERE);
    expect(resumed).toMatchObject({ code: 0, stdout: `Run ${run} goes on.\n` });
    const { code, summary } = summaryOf(await running.ended);
    expect(code).toBe(0);
    expect(summary).toMatchObject({ state: "complete", counts: { updated: 300 }, ambiguousUpdated: 0 });
    // Those that were given back were not tried.
    expect(simulator.stats().requests).toBe(300);
    expect(await ours()).toEqual([]);
    expect((await ask(["resume", run])).code).toBe(2);
  });

  test("outlives a Redis that came back empty", async () => {
    const { simulator, running, run, hurry } = await begin(undefined, ["--timeout", "500ms"]);
    expect((await ask(["pause", run])).code).toBe(0);
    const before = await quiet(simulator);
    await redis.connect().flushall();
    await until(async () => (await redis.connect().smembers("updraft:epochs")).includes(`${run}-2`));
    await until(async () => (await runs())[0]?.live?.epoch === `${run}-2`);
    expect(await runs()).toMatchObject([{ run, state: "paused" }]);
    expect(await quiet(simulator)).toBe(before);
    hurry();
    expect((await ask(["resume", run])).code).toBe(0);
    const { summary } = summaryOf(await running.ended);
    expect(summary).toMatchObject({ state: "complete", counts: { updated: 300 } });
    expect(await ours()).toEqual([]);
  });

  test("and Ctrl-C leave a run that is interrupted; the same command goes on with it, not paused", async () => {
    const { simulator, file, running, run, hurry } = await begin();
    expect((await ask(["pause", run])).code).toBe(0);
    interrupt();
    const stopped = summaryOf(await running.ended);
    expect(stopped).toMatchObject({ code: 130, summary: { state: "interrupted" } });
    expect(await runs()).toMatchObject([{ run, state: "interrupted", live: null }]);
    const refused = await ask(["resume", run]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("run its file again");
    hurry();
    const { summary } = await path.given([file]);
    expect(summary).toMatchObject({ run, state: "complete", counts: { updated: 300 } });
    expect(simulator.stats().requests).toBe(requestsFor(300, summary));
  });

  test("of a run whose process does not answer says so within its time, and takes the wish back", async () => {
    const { running, run, hurry } = await beginApart();
    running.child.kill("SIGSTOP");
    // Its status would end by itself meanwhile.
    await redis.connect().persist(`updraft:status:${run}`);
    const silent = await ask(["pause", run]);
    expect(silent.code).toBe(5);
    expect(silent.stderr).toContain(`process ${running.pid} on `);
    expect(await redis.connect().keys("updraft:wish:*")).toEqual([]);
    hurry();
    running.child.kill("SIGCONT");
    expect(summaryOf(await running.ended).summary).toMatchObject({ state: "complete", counts: { updated: 300 } });
  });
});

describe("rate", () => {
  test("from another machine is changed while the run goes on, which its workers keep to and its screen tells", async () => {
    const simulator = await path.simulate();
    const running = path.given([path.file("in.csv", toCsv(makeRows(200, 200))), "--rate", "10/s"]);
    await until(() => simulator.stats().effects >= 3);
    await until(async () => (await redis.connect().keys("updraft:status:*")).length === 1);
    const [run = ""] = await redis.connect().smembers("updraft:runs");
    expect(simulator.stats().maxPerSecond).toBeLessThanOrEqual(11);
    const changed = await ask(["rate", run.slice(0, 6), "6000/min"], ELSEWHERE);
    expect(changed).toEqual({ code: 0, stdout: `The rate of run ${run} is now 100/s.\n`, stderr: "" });
    const { code, stderr, summary } = await running;
    expect({ code, state: summary.state, updated: summary.counts.updated }).toEqual({
      ...{ code: 0, state: "complete", updated: 200 },
    });
    expect(simulator.stats().maxPerSecond).toBeGreaterThan(11);
    expect(simulator.stats().maxPerSecond).toBeLessThanOrEqual(101);
    expect(stderr).toContain("the rate is now 100/s, as asked for");
    expect(await ours()).toEqual([]);
    const late = await ask(["rate", run, "none"]);
    expect(late).toMatchObject({ code: 2, stdout: "" });
    expect(late.stderr).toContain("there is nothing left to change the rate of");
  });
});

describe("cancel", () => {
  test("lets rows in flight end and answers for all others as unsent, in a file that can be run", async () => {
    const { simulator, rows, file, running, run, hurry } = await begin(
      makeRows(3_000, 2_000).map((row, i) => (i === 2_500 ? { ...row, postalCode: "bad" } : row)),
    );
    const cancelled = await askApart(["cancel", run], ELSEWHERE);
    expect(cancelled).toMatchObject({ code: 0, stderr: "" });
    expect(cancelled.stdout).toContain(`Run ${run} is cancelled`);
    const { code, summary } = summaryOf(await running.ended);
    const { effects, requests } = simulator.stats();
    expect(requests).toBe(effects);
    expect(code).toBe(3);
    expect(summary).toMatchObject({
      ...{ state: "cancelled", read: 3_000, balanced: true },
      counts: { updated: effects, rejected: 1, failed: 0, unknown: 0, unsent: 2_999 - effects },
    });
    expect(await ours()).toEqual([]);

    const unsent = recordsOf(summary.reports.unsent);
    const answered = [summary.reports.success, summary.reports.errors].flatMap(recordsOf);
    const done = new Set(answered.map((record) => Number(record.updraft_row)));
    expect(unsent.map((record) => Number(record.updraft_row))).toEqual(
      rows.map((_, i) => i + 1).filter((row) => !done.has(row)),
    );
    for (const { updraft_row, ...record } of unsent) expect(record).toMatchObject(rows[Number(updraft_row) - 1] ?? {});

    expect(await runs()).toMatchObject([{ run, state: "cancelled", read: 3_000, file: "in.csv" }]);
    const again = await ask(["run", file]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("ended cancelled");
    expect((await ask(["cancel", run])).stderr).toContain("nothing left to cancel");
    expect((await ask(["pause", run])).code).toBe(2);

    const verified = await ask(["verify", run]);
    expect(verified).toMatchObject({ code: 0 });
    hurry();
    const rest = await path.given([summary.reports.unsent ?? ""]);
    expect(rest.summary).toMatchObject({ state: "complete", counts: { updated: unsent.length } });
  });

  test("ends a run that is paused", async () => {
    const { running, run } = await begin();
    await ask(["pause", run]);
    expect((await ask(["cancel", run])).code).toBe(0);
    const { code, summary } = summaryOf(await running.ended);
    expect({ code, state: summary.state }).toEqual({ code: 3, state: "cancelled" });
    expect(summary.read).toBe(300);
    expect(await ours()).toEqual([]);
  });

  test("leaves nothing of a slow pace in Redis, which a run that is stopped leaves to the next", async () => {
    const simulator = await path.simulate();
    const file = path.file("in.csv", toCsv(makeRows(300, 200)));
    const clocks = () => redis.connect().keys("updraft:*");
    const slow = () => path.given([file, "--rate", "6/min"]);
    const first = slow();
    await until(() => simulator.stats().effects >= 1);
    interrupt();
    const { run } = (await first).summary;
    expect(await clocks()).toEqual([`updraft:pace:run:${run}`]);
    const second = slow();
    await until(async () => (await clocks()).includes(`updraft:status:${run}`));
    expect((await ask(["cancel", run])).code).toBe(0);
    expect(await second).toMatchObject({ code: 3, summary: { read: 300 } });
    expect(await clocks()).toEqual([]);
  });

  test("of a run with --limit answers for the rows of that limit", async () => {
    const rows = makeRows(300, 200).map((row, i) => (i === 50 ? { ...row, postalCode: "bad" } : row));
    const { running, run } = await begin(rows, ["--limit", "250"]);
    expect((await ask(["cancel", run])).code).toBe(0);
    const { summary } = summaryOf(await running.ended);
    expect(summary).toMatchObject({ state: "cancelled", read: 251, balanced: true });
  });
});

describe("cancel of a run that nobody goes on with", () => {
  test("takes over what a crash left: rows that may have been sent end unknown, what was settled is kept", async () => {
    const { simulator, running, run } = await beginApart(undefined, ["--timeout", "500ms"]);
    // All of its process group: the worker dies too, with requests in flight.
    process.kill(-running.pid, "SIGKILL");
    await running.ended;
    await redis.connect().del(`updraft:status:${run}`);
    expect(await runs()).toMatchObject([{ run, state: "interrupted", file: "in.csv", live: null }]);
    expect((await ask(["pause", run])).stderr).toContain("no process goes on with");

    const ended = await askApart(["cancel", run]);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain("cancelled");
    const [found] = await runs();
    expect(found).toMatchObject({ run, state: "cancelled", read: 300 });
    const { updated = 0, unknown = 0, unsent = 0, failed } = found?.counts ?? {};
    expect(failed).toBe(0);
    expect(updated + unknown + unsent).toBe(300);
    // Whatever took effect is not called unsent.
    expect(simulator.stats().effects).toBeLessThanOrEqual(updated + unknown);
    expect(unknown).toBeGreaterThan(0);
    expect(unsent).toBeGreaterThan(0);
    const errors = recordsOf(join(found?.dir ?? "", "errors.csv"));
    expect(errors).toHaveLength(unknown);
    for (const error of errors) expect(error).toMatchObject({ updraft_status: "unknown", updraft_code: "stopped" });
    expect(await ours()).toEqual([]);
    expect((await ask(["verify", run])).code).toBe(0);
  });

  test("needs the file that the run was started with, wherever it is now", async () => {
    const { file, running, run } = await begin();
    interrupt();
    expect((await running.ended).code).toBe(130);
    const moved = `${file}.moved`;
    renameSync(file, moved);
    const gone = await ask(["cancel", run]);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain("in.csv is not there any more");
    expect(gone.stderr).toContain("--file");
    path.file("in.csv", toCsv(makeRows(7, 7)));
    const other = await ask(["cancel", run]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("in.csv is another");
    expect(await runs()).toMatchObject([{ run, state: "interrupted" }]);
    const ended = await ask(["cancel", run, "--file", moved]);
    expect(ended.code).toBe(0);
    expect(await runs()).toMatchObject([{ run, state: "cancelled", read: 300 }]);
  });

  test("is refused with another key than the run's, and leaves the run as it was", async () => {
    const { running, run } = await beginApart();
    process.kill(-running.pid, "SIGKILL");
    await running.ended;
    await redis.connect().del(`updraft:status:${run}`);
    const refused = await ask(["cancel", run], { UPDRAFT_KEY: "f".repeat(64) });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("sealed with another key");
    expect(await runs()).toMatchObject([{ run, state: "interrupted" }]);
  });

  test("leaves one alone that another process has gone on with and completed meanwhile", async () => {
    await path.simulate();
    const { summary } = await path.given([path.file("in.csv", toCsv(makeRows(5, 5)))]);
    const { run } = summary;
    rmSync(join(summary.reports.dir, "summary.json"));
    const { DatabaseSync } = await import("node:sqlite");
    const note = (state: string) => {
      const db = new DatabaseSync(join(summary.reports.dir, "ledger.db"));
      db.prepare("UPDATE meta SET value = ? WHERE key = 'state'").run(state);
      db.close();
    };
    note("interrupted");
    // It has read how the run stands, and Redis makes it wait for the run.
    const client = redis.connect();
    await client.client("PAUSE", 60_000, "WRITE");
    const asked = ask(["cancel", run]);
    await until(async () => /^blocked_clients:[1-9]/m.test(await client.info("clients")));
    note("complete");
    await client.client("UNPAUSE");
    expect(await asked).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing left to cancel") });
    expect(await runs()).toMatchObject([{ run, state: "complete" }]);
  });

  test("that dies half way is finished by the same file's next run, which sends nothing", async () => {
    const { simulator, file, running, run } = await begin();
    interrupt();
    await running.ended;
    const { requests } = simulator.stats();
    // As a process leaves it that is killed right after it noted what was asked for.
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(join(path.dataDir, "runs", run, "ledger.db"));
    db.exec("INSERT INTO meta VALUES ('cancel', '1')");
    db.close();
    const { code, summary } = await path.given([file]);
    expect({ code, state: summary.state, read: summary.read }).toEqual({ code: 3, state: "cancelled", read: 300 });
    expect(simulator.stats().requests).toBe(requests);
  });
});

describe("runs and status", () => {
  test("tell of no runs, of a name that is none, and make no folder", async () => {
    expect((await ask(["runs"])).stdout).toMatch(/^No runs yet in /);
    const unknown = await ask(["status", "abc"]);
    expect(unknown).toMatchObject({ code: 2, stdout: "" });
    expect(unknown.stderr).toContain('no run begins with "abc"');
    expect(existsSync(path.dataDir)).toBe(false);
  });

  test("list runs newest first, in aligned columns, and tell everything of one", async () => {
    await path.simulate();
    const first = await path.given([path.file("first.csv", toCsv(makeRows(5, 5)))]);
    const { running, run } = await begin();
    const { stdout } = await askApart(["runs"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain(run);
    expect(lines[2]).toContain(first.summary.run);
    const at = lines[0]?.indexOf("FILE") ?? 0;
    expect([lines[1]?.slice(at), lines[2]?.slice(at)]).toEqual(["in.csv", "first.csv"]);
    expect(lines[2]).toMatch(/complete .* 5 +5 +0 +0 +0 +0 {2}first/);

    const status = (await askApart(["status", run])).stdout;
    for (const part of [
      `run       ${run}`,
      "state     running since",
      "in.csv",
      "rows/s",
      `${process.pid} on `,
      "updraft pause",
    ])
      expect(status).toContain(part);
    const told = JSON.parse((await ask(["status", first.summary.run, "--json"])).stdout);
    expect(told).toMatchObject({
      run: first.summary.run,
      state: "complete",
      file: "first.csv",
      counts: { updated: 5 },
    });
    interrupt();
    await running.ended;
  });

  test("show the runs of the data folder when the Redis cannot be reached, and say what is missing", async () => {
    await path.simulate();
    const { summary } = await path.given([path.file("in.csv", toCsv(makeRows(5, 5)))]);
    const { code, stdout, stderr } = await ask(["runs"], { REDIS_URL: "redis://127.0.0.1:1" });
    expect(code).toBe(0);
    expect(stdout).toContain(summary.run);
    expect(stderr).toContain("runs that are going on are not shown");
    const refused = await ask(["pause", summary.run], { REDIS_URL: "redis://127.0.0.1:1" });
    expect(refused.code).toBe(5);
  });

  test("hold no customer's value and no file name in Redis", async () => {
    const { run, running } = await begin();
    const text = (await redis.connect().get(`updraft:status:${run}`)) ?? "";
    expect(Object.keys(JSON.parse(text)).sort()).toEqual(
      [
        ...["v", "run", "state", "epoch", "start", "since", "host", "pid", "counts", "read", "total"],
        ...["rate", "rowsPerSecond", "secondsLeft", "limitedBy"],
      ].sort(),
    );
    expect(text).not.toMatch(/in\.csv|csta_|Holtsville/);
    interrupt();
    await running.ended;
  });

  test("leave a ledger as they found it: what a crash left beside it is gone", async () => {
    const { running, run } = await beginApart();
    process.kill(-running.pid, "SIGKILL");
    await running.ended;
    await redis.connect().del(`updraft:status:${run}`);
    const dir = join(path.dataDir, "runs", run);
    const [found] = await runs();
    expect(found?.counts?.updated).toBeGreaterThan(0);
    expect(readdirSync(dir).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
    expect(readFileSync(join(dir, "ledger.db")).length).toBeGreaterThan(0);
  });
});
