import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { EPOCHS } from "../../src/queue/epoch.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);
const CHANGED = "--changed-only";
/** Of the data folder alone. */
const ALONE = { REDIS_URL: "redis://127.0.0.1:9", CONNECTFI_BASE_URL: "", CONNECTFI_LOGIN: "", CONNECTFI_PASSWORD: "" };

const statuses = (report: string | null) =>
  Map.groupBy(recordsOf(report), (record) => record.updraft_status ?? "").entries();
const countsIn = (report: string | null) =>
  Object.fromEntries([...statuses(report)].map(([status, records]) => [status, records.length]));

describe("--changed-only", () => {
  test("sends what has changed since the last file and nothing else; every other row ends unchanged in success.csv", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(60, 60);
    const first = await path.given([path.file("monday.csv", toCsv(rows)), CHANGED]);
    expect([first.code, first.summary.counts.updated]).toEqual([0, 60]);

    const today = rows.map((row, i) => {
      if (i === 7) return { ...row, city: "Newtown" };
      if (i === 8) return { ...row, firstName: "", phoneNumber: "", countryDialingCode: "" };
      return i === 9 ? { ...row, postalCode: "bad" } : row;
    });
    const added = makeRows(62, 62).slice(60);
    const file = path.file("tuesday.csv", toCsv([...added, ...today]));
    const before = simulator.stats().requests;
    const { code, summary } = await path.given([file, CHANGED]);
    expect(simulator.stats().requests - before).toBe(3);
    expect(code).toBe(1);
    expect(summary).toMatchObject({ state: "complete", read: 62, balanced: true, requests: { sent: 3, retried: 0 } });
    expect(summary.counts).toMatchObject({ updated: 3, unchanged: 58, rejected: 1 });
    expect(countsIn(summary.reports.success)).toEqual({ updated: 3, unchanged: 58 });
    expect(recordsOf(summary.reports.success).at(-1)).toMatchObject({ updraft_attempts: "0", updraft_http: "0" });
    expect(customersOf(simulator)).toEqual(
      customersAfter([...rows, ...added, ...today.slice(0, 9), ...today.slice(10)]),
    );

    const verified = await path.ask(["verify", summary.run, "--json"], ALONE);
    expect(JSON.parse(verified.stdout)).toMatchObject({ agrees: true, counts: summary.counts });
    const told = await path.ask(["explain", summary.run, "4"], ALONE);
    expect(told.stdout).toContain("it was the same as last time, and not sent");
    const shown = await path.ask(["run", file, CHANGED, "--again"]);
    expect(shown.stdout).toMatch(/unchanged +61 +the same as last time, not sent/);
    const checked = await path.ask(["check", file], { ...ALONE, UPDRAFT_CHANGED_ONLY: "yes" });
    expect(checked.stdout).toContain("a run takes these calls, and this time, at most");
    const retried = await path.ask(["retry", first.summary.run, "--only", "failed"]);
    expect(retried.stdout).toMatch(/nothing to retry/);
  });

  test("sends all with --full, and knows afterwards what that and any other run of the job has sent", async () => {
    const simulator = await path.simulate();
    const [one, two] = [makeRows(20, 20), makeRows(20, 20).map((row) => ({ ...row, city: "Newtown" }))];
    const unchanged = async (name: string, rows: typeof one, ...args: string[]) => {
      const { summary } = await path.given([path.file(name, toCsv(rows)), ...args]);
      return [summary.counts.unchanged, summary.counts.updated];
    };
    expect(await unchanged("1.csv", one)).toEqual([0, 20]);
    // Nobody has asked for a memory so far.
    expect(existsSync(join(path.dataDir, "accepted"))).toBe(false);
    expect(await unchanged("2.csv", one.slice(1), "--full")).toEqual([0, 19]);
    expect(await unchanged("3.csv", [...one].reverse(), CHANGED)).toEqual([19, 1]);
    expect(await unchanged("4.csv", two.slice(10))).toEqual([0, 10]);
    expect(await unchanged("5.csv", one.slice(5), CHANGED)).toEqual([5, 10]);
    expect(await unchanged("6.csv", one.slice(2), CHANGED, "--full")).toEqual([0, 18]);
    const [file = "", ...others] = readdirSync(join(path.dataDir, "accepted"));
    expect(others).toEqual([]);
    const left = () => {
      using db = new DatabaseSync(join(path.dataDir, "accepted", file));
      db.exec("UPDATE accepted SET at = 1 WHERE place = 1");
      return db.prepare("SELECT count(*) AS count FROM accepted").get()?.count;
    };
    expect(left()).toBe(20);
    expect(await unchanged("7.csv", one.slice(3), CHANGED, "--recheck-after", "1h")).toEqual([17, 0]);
    expect(left()).toBe(19);
    expect(customersOf(simulator)).toEqual(customersAfter(one));
  });

  test("after a run in which rows failed, were in doubt or stopped it misses no change, and keeps what was accepted", async () => {
    const faults = { share503: 0.2, resetAfterShare: 0.3, echoShare: 0.1, maxFaultsPerRow: "none", seed: 4 } as const;
    const simulator = await path.simulate(faults);
    // Every customer twice, each time with other values, and none of them empty.
    const rows = makeRows(120, 60).map((row, i) => ({
      ...row,
      email: `p${i}@example.com`,
      addressLine2: `Floor ${i}`,
    }));
    const args = [path.file("in.csv", toCsv(rows)), CHANGED, "--timeout", "200ms", "--concurrency", "8"];
    const stopped = await path.given([...args, "--attempts", "2", "--stop-after", "25"]);
    const { counts } = stopped.summary;
    expect(stopped.summary).toMatchObject({ state: "stopped", balanced: true });
    expect([counts.unknown > 0, counts.failed > 0, counts.updated > 0]).toEqual([true, true, true]);
    simulator.setFaults({ share503: 0, resetAfterShare: 0, echoShare: 0 });
    const cancelled = await path.ask(["cancel", stopped.summary.run]);
    expect(cancelled.code).toBe(0);

    // The last row of each customer in the first file, as a file of its own: nothing may be missing after it.
    const next = rows.slice(60);
    const before = simulator.stats().requests;
    const { summary } = await path.given([path.file("next.csv", toCsv(next)), CHANGED]);
    expect(summary).toMatchObject({ state: "complete", read: 60, counts: { failed: 0, unknown: 0 } });
    expect(simulator.stats().requests - before).toBe(summary.counts.updated);
    expect(customersOf(simulator)).toEqual(customersAfter(next));
    // And what was done then is known now.
    const { summary: again } = await path.given([path.file("again.csv", toCsv(next.toReversed())), CHANGED]);
    expect(again.counts).toMatchObject({ updated: 0, unchanged: 60 });
  });

  test("of a run that was killed in its midst takes nothing for sent that was not, nor the reverse", async () => {
    const simulator = await path.simulate();
    const old = makeRows(600, 600);
    await path.given([path.file("old.csv", toCsv(old)), CHANGED]);
    const now = old.map((row) => ({ ...row, lastName: "Newname" }));
    simulator.setFaults({ latency: 20 });
    const running = path.start([
      "run",
      path.file("now.csv", toCsv(now)),
      CHANGED,
      "--yes",
      "--concurrency",
      "8",
      "--timeout",
      "500ms",
    ]);
    await until(() => simulator.stats().effects >= 600 + 200);
    process.kill(-running.pid, "SIGKILL");
    await running.ended;
    await until(() => simulator.stats().inFlight === 0);
    simulator.setFaults({ latency: 0 });

    // Some are as they were before that run, some as in it, and nobody goes on with it.
    const next = old.map((row, i) => (i % 2 === 0 ? row : (now[i] ?? row)));
    const { code, summary } = await path.given([path.file("next.csv", toCsv(next)), CHANGED]);
    expect({ code, read: summary.read }).toEqual({ code: 0, read: 600 });
    expect(customersOf(simulator)).toEqual(customersAfter(next));
    expect(summary.counts.unchanged).toBeGreaterThan(0);
  });

  test("takes back what a killed run of the job has left to other workers before it sends a row", async () => {
    const simulator = await path.simulate();
    const old = makeRows(60, 60);
    await path.given([path.file("old.csv", toCsv(old)), CHANGED]);
    const now = old.map((row) => ({ ...row, lastName: "Newname" }));
    const file = path.file("now.csv", toCsv(now));
    const killed = path.start(["run", file, CHANGED, "--yes", "--rate", "10/s", "--timeout", "300ms"]);
    await until(() => simulator.stats().effects >= 62);
    process.kill(-killed.pid, "SIGKILL");
    await killed.ended;

    const next = old.map((row) => ({ ...row, lastName: "Newest" }));
    const { summary } = await path.given([path.file("next.csv", toCsv(next)), CHANGED]);
    expect(summary.counts.updated).toBe(60);
    // Any worker serves what is named there.
    expect(await redis.connect().smembers(EPOCHS)).toEqual([]);
    expect(customersOf(simulator)).toEqual(customersAfter(next));
    // Who goes on with it all the same sends the rest of it, and the file after that puts it right.
    const resumed = await path.given([file, CHANGED, "--timeout", "300ms"]);
    expect(resumed.summary).toMatchObject({ state: "complete", balanced: true, counts: { updated: 60 } });
    await path.given([path.file("last.csv", toCsv(next.toReversed())), CHANGED]);
    expect(customersOf(simulator)).toEqual(customersAfter(next));
  });

  test("on machines that run a job in turn and share a Redis, goes by nothing that another one may have overwritten", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(6, 6);
    const other = { UPDRAFT_DATA_DIR: `${path.dataDir}-other` };
    const counts = async (name: string, content: string, env = {}) => {
      const { summary } = await path.given([path.file(name, content), CHANGED], env);
      return [summary.counts.updated, summary.counts.unchanged];
    };
    expect(await counts("monday.csv", toCsv(rows))).toEqual([6, 0]);
    const tuesday = rows.map((row) => ({ ...row, city: "Newtown" }));
    expect(await counts("tuesday.csv", toCsv(tuesday), other)).toEqual([6, 0]);
    expect(await counts("wednesday.csv", toCsv(rows.toReversed()))).toEqual([6, 0]);
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    expect(await counts("thursday.csv", toCsv([...rows.slice(3), ...rows.slice(0, 3)]))).toEqual([0, 6]);
    expect(await counts("friday.csv", toCsv(tuesday.toReversed()), other)).toEqual([6, 0]);
    expect(customersOf(simulator)).toEqual(customersAfter(tuesday));
  });

  test("of an interrupted run goes on where it stopped, and what was unchanged before stays so", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(40, 40);
    await path.given([path.file("old.csv", toCsv(rows)), CHANGED]);
    simulator.setFaults({ revokeShare: 1, maxFaultsPerRow: "none" });
    const now = rows.map((row, i) => (i % 4 === 3 ? { ...row, lastName: "Newname" } : row));
    const args = [path.file("new.csv", toCsv(now)), CHANGED];
    const blocked = await path.given(args);
    expect(blocked.summary).toMatchObject({ state: "blocked", counts: { updated: 0, unsent: 10 } });
    simulator.setFaults({ revokeShare: 0 });
    const { code, summary } = await path.given(args);
    expect(code).toBe(0);
    expect(summary).toMatchObject({
      run: blocked.summary.run,
      state: "complete",
      counts: { updated: 10, unchanged: 30 },
    });
    expect(customersOf(simulator)).toEqual(customersAfter(now));
  });
});

describe("--duplicates", () => {
  test("last-wins sends the last valid row of each customer, and rejects the others with its number", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(30, 10).map((row, i) => (i === 29 ? { ...row, postalCode: "bad" } : row));
    const args = [path.file("in.csv", toCsv(rows)), "--duplicates", "last-wins"];
    const { code, summary } = await path.given(args);
    expect(code).toBe(1);
    expect(summary).toMatchObject({ state: "complete", balanced: true, requests: { sent: 10 } });
    expect(summary.counts).toMatchObject({ updated: 10, rejected: 20 });
    const errors = recordsOf(summary.reports.errors);
    expect(errors[3]).toMatchObject({
      ...{ updraft_row: "4", updraft_status: "rejected", updraft_column: "customerId", updraft_code: "superseded" },
      updraft_message: expect.stringContaining("row 24"),
    });
    // The customer's last row is no valid one.
    expect(errors.filter(({ customerId }) => customerId === "csta_9").map((one) => one.updraft_code)).toEqual([
      "superseded",
      "pattern",
    ]);
    expect(customersOf(simulator)).toEqual(customersAfter([...rows.slice(20, 29), ...rows.slice(19, 20)]));
    expect(readdirSync(summary.reports.dir).filter((name) => name.endsWith(".partial"))).toEqual([]);
    const verified = await path.ask(["verify", summary.run, "--json"], ALONE);
    expect(JSON.parse(verified.stdout)).toMatchObject({ agrees: true });

    const checked = await path.ask(["check", args[0] ?? "", "--duplicates", "last-wins", "--json"]);
    expect(JSON.parse(checked.stdout)).toMatchObject({ counts: { rejected: 20 }, forecast: { calls: 10 } });
    const retried = await path.ask(["retry", summary.run, "--duplicates", "last-wins", "--yes", "--json"]);
    expect(retried.stderr).toMatch(/left out, because a later row of the same customer stands: 19 rows/);
  });

  test("reject sends no row of a customer that comes twice, whichever of them is valid", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(12, 10).map((row, i) => (i === 11 ? { ...row, postalCode: "bad" } : row));
    const { summary } = await path.given([path.file("in.csv", toCsv(rows)), "--duplicates", "reject"]);
    expect(summary.counts).toMatchObject({ updated: 8, rejected: 4 });
    expect(recordsOf(summary.reports.errors).map((one) => [one.updraft_row, one.updraft_code])).toEqual([
      ["1", "repeated"],
      ["2", "repeated"],
      ["11", "repeated"],
      ["12", "pattern"],
    ]);
    expect(summary.errors.find(({ code }) => code === "repeated")).toMatchObject({ count: 3 });
    expect(customersOf(simulator)).toEqual(customersAfter(rows.slice(2, 10)));
  });
});
