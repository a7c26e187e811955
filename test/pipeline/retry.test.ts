// Sending again what did not end well: which rows are sent, in what order, and what is said of all of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Simulator } from "../../src/endpoint/simulator.ts";
import { interrupt } from "../cli/support.ts";
import { useRedis } from "../support/redis.ts";
import {
  type Cells,
  customersAfter,
  customersOf,
  makeRows,
  type Run,
  recordsOf,
  summaryOf,
  toCsv,
  until,
  usePipeline,
} from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const retry = async (run: Run, ...flags: string[]) =>
  summaryOf(await path.ask(["retry", run.summary.run, "--json", ...flags]));
/** In a process of its own. */
const retryApart = async (run: Run, ...flags: string[]) =>
  summaryOf(await path.start(["retry", run.summary.run, "--json", ...flags]).ended);
const folderOf = (run: string, ...names: string[]) => join(path.dataDir, "runs", run, ...names);

/** The endpoint says no to some rows, and would say yes the next time. */
const REFUSING = { codeShare: 0.5, maxFaultsPerRow: "none", recordProperty: "firstName", seed: 11 } as const;
const WELL = { codeShare: 0, share503: 0, resetAfterShare: 0, refuseShare: 0 };

/** Numbers of the rows of `makeRows` that were sent, in the order in which they came. */
const sentRows = (simulator: Simulator) =>
  [...simulator.requests()].map(({ value }) => Number(value?.replace("Åsa ", "")) + 1);
const rowsOf = (report: string | null) => recordsOf(report).map((record) => Number(record.updraft_row));

/** A file half of which the endpoint refuses; it is well again when this returns. */
async function runRefused(rows: Cells[]) {
  const simulator = await path.simulate(REFUSING);
  const file = path.file("in.csv", toCsv(rows));
  const first = await path.given([file]);
  simulator.reset();
  simulator.setFaults(WELL);
  return { simulator, file, rows, first };
}

/** Of a run of `makeRows`: failed rows whose customer has a later row that was updated, and the last such row. */
function supersededIn({ summary }: Run, rows: readonly Cells[]): Map<number, number> {
  const updated = new Set(rowsOf(summary.reports.success));
  return new Map(
    rowsOf(summary.reports.errors).flatMap((row) => {
      const { customerId } = rows[row - 1] ?? {};
      const by = rows.findLastIndex((other, i) => i >= row && other.customerId === customerId && updated.has(i + 1));
      return by < 0 ? [] : [[row, by + 1] as const];
    }),
  );
}

describe("retry", () => {
  test("sends exactly the rows that did not end well, and answers for the whole file in one report", async () => {
    const rows = makeRows(200, 200).map((row, i) => (i === 7 ? { ...row, postalCode: "bad" } : row));
    const { simulator, first } = await runRefused(rows);
    const { counts } = first.summary;
    expect(counts.failed).toBeGreaterThan(50);
    expect(counts.updated).toBeGreaterThan(50);
    const failed = recordsOf(first.summary.reports.errors).filter((error) => error.updraft_status === "failed");
    const before = readdirSync(folderOf(first.summary.run)).map((name) => [
      name,
      readFileSync(folderOf(first.summary.run, name), "utf8").slice(0, name === "ledger.db" ? 0 : undefined),
    ]);
    // What a retry left that was killed while it was made.
    mkdirSync(folderOf(first.summary.run, "retry.new", "run"), { recursive: true });
    writeFileSync(folderOf(first.summary.run, "retry.new", "run", "ledger.db"), "half of one");

    const second = await retryApart(first);
    expect(second.code).toBe(1);
    expect(second.summary).toMatchObject({
      ...{ run: `${first.summary.run}.r1`, retryOf: first.summary.run, state: "complete", read: 200, resumes: 0 },
      ...{ balanced: true, counts: { updated: 199, rejected: 1, failed: 0 }, superseded: 0 },
      requests: { sent: first.summary.requests.sent + failed.length, retried: failed.length },
    });
    expect(sentRows(simulator).toSorted((a, b) => a - b)).toEqual(failed.map((error) => Number(error.updraft_row)));
    const success = recordsOf(second.summary.reports.success);
    expect(success.map((record) => Number(record.updraft_row))).toEqual(
      rows.flatMap((_, i) => (i === 7 ? [] : [i + 1])),
    );
    expect(success).toEqual(expect.arrayContaining(recordsOf(first.summary.reports.success)));
    expect(success.filter((record) => record.updraft_attempts === "2")).toHaveLength(failed.length);
    expect(rowsOf(second.summary.reports.errors)).toEqual([8]);

    // The first run is as it was, and both agree with themselves.
    expect(
      readdirSync(folderOf(first.summary.run)).map((name) => [
        name,
        readFileSync(folderOf(first.summary.run, name), "utf8").slice(0, name === "ledger.db" ? 0 : undefined),
      ]),
    ).toEqual(before);
    for (const run of [first, second]) expect((await path.ask(["verify", run.summary.run])).code).toBe(0);
    const explained = (await path.ask(["explain", second.summary.run, failed[0]?.updraft_row ?? ""])).stdout;
    expect(explained).toContain("request 2");
    expect(await redis.connect().keys("updraft:*")).toEqual([]);
  });

  test("goes back to the newest retry, until there is nothing left: then it says so and ends well", async () => {
    const { simulator, first } = await runRefused(makeRows(40, 40));
    simulator.setFaults({ codeShare: 0.5 });
    const second = await retry(first);
    expect(second.summary.counts.failed).toBeGreaterThan(0);
    simulator.setFaults(WELL);
    const third = await retry(first, "--only", "failed");
    expect(third).toMatchObject({ code: 0, summary: { counts: { updated: 40 } } });
    expect([third.summary.run, third.summary.retryOf]).toEqual([`${first.summary.run}.r2`, second.summary.run]);
    const { requests } = simulator.stats();
    expect(await path.ask(["retry", second.summary.run])).toMatchObject({
      code: 0,
      stdout: `nothing to retry: no row of run ${third.summary.run} ended failed, unknown, rejected or unsent\n`,
    });
    expect(await path.ask(["retry", first.summary.run, "--only", "failed", "--json"])).toMatchObject({
      code: 0,
      stdout: "",
    });
    expect(simulator.stats().requests).toBe(requests);
    expect(path.runs().filter((run) => run.startsWith(first.summary.run))).toHaveLength(3);
  });

  test("of rows that ended unknown keeps what was sent before: they are updated, and still counted as ambiguous", async () => {
    const simulator = await path.simulate({ resetAfterShare: 1, maxFaultsPerRow: "none" });
    const rows = makeRows(3, 3).map((row, i) => (i === 2 ? { ...row, postalCode: "bad" } : row));
    const args = ["--attempts", "1", "--timeout", "300ms"];
    const first = await path.given([path.file("in.csv", toCsv(rows)), ...args]);
    expect(first.summary.counts).toMatchObject({ unknown: 2, rejected: 1 });
    simulator.setFaults(WELL);
    const second = await retry(first, "--only", "unknown", ...args);
    expect(second.summary).toMatchObject({
      ...{ state: "complete", counts: { updated: 2, unknown: 0, rejected: 1 }, ambiguousUpdated: 2 },
      requests: { sent: 4, retried: 2 },
    });
    expect(recordsOf(second.summary.reports.success).map((record) => record.updraft_attempts)).toEqual(
      Array(2).fill("2"),
    );
  });

  test("keeps the file's order for each customer, and never has two of their rows in flight", async () => {
    const simulator = await path.simulate({ ...REFUSING, codeShare: 1 });
    const rows = makeRows(300, 25);
    const first = await path.given([path.file("in.csv", toCsv(rows)), "--stop-after-same", "none"]);
    expect(first.summary.counts).toMatchObject({ failed: 300 });
    simulator.reset();
    simulator.setFaults({ ...WELL, latency: "1-20" });
    const { summary } = await retry(first);
    expect(summary.counts.updated).toBe(300);
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    const ends = new Map<string | null, number>();
    for (const { customerId, at, effectAt } of simulator.requests()) {
      expect(at).toBeGreaterThanOrEqual(ends.get(customerId) ?? 0);
      ends.set(customerId, effectAt ?? Number.POSITIVE_INFINITY);
    }
  });

  test("that is stopped goes on by the same command, and by no other", async () => {
    const { simulator, first } = await runRefused(makeRows(400, 400));
    const { failed } = first.summary.counts;
    simulator.setFaults({ latency: 40 });
    const running = retry(first, "--only", "failed", "--concurrency", "4");
    await until(() => simulator.stats().effects >= 20);
    interrupt();
    const stopped = await running;
    expect(stopped).toMatchObject({ code: 130, summary: { run: `${first.summary.run}.r1`, state: "interrupted" } });
    const { effects } = simulator.stats();
    expect(effects).toBeLessThan(failed);

    const other = await path.ask(["retry", first.summary.run]);
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toContain(`updraft retry ${first.summary.run} --only failed; or end it for good`);
    expect(simulator.stats().effects).toBe(effects);

    simulator.setFaults(WELL);
    const resumed = await retry(first, "--only", "failed");
    expect(resumed).toMatchObject({
      code: 0,
      summary: { run: `${first.summary.run}.r1`, retryOf: first.summary.run, state: "complete", resumes: 1 },
    });
    expect(resumed.summary.counts.updated).toBe(400);
    expect(sentRows(simulator).toSorted((a, b) => a - b)).toEqual(rowsOf(first.summary.reports.errors));
    expect((await path.ask(["verify", resumed.summary.run])).code).toBe(0);
  });
});

describe("a row whose customer has a later row that was updated", () => {
  test("is marked in the errors file and left out of a retry, which lists it", async () => {
    const { simulator, rows, first } = await runRefused(makeRows(120, 20));
    const superseded = supersededIn(first, rows);
    expect(superseded.size).toBeGreaterThan(10);
    expect(first.summary.superseded).toBe(superseded.size);
    for (const error of recordsOf(first.summary.reports.errors)) {
      const by = superseded.get(Number(error.updraft_row));
      const mark = `; row ${by} of the same customer was updated later: sending this one now would undo it`;
      expect(error.updraft_message?.endsWith(mark)).toBe(by !== undefined);
    }

    const log = join(path.cli.folder, "log");
    const ended = await path.ask(["retry", first.summary.run, "--json", "--log-file", log]);
    const second = summaryOf(ended);
    const sent = rowsOf(first.summary.reports.errors).filter((row) => !superseded.has(row));
    expect(sentRows(simulator).toSorted((a, b) => a - b)).toEqual(sent);
    expect(second).toMatchObject({ code: 1, summary: { state: "complete", superseded: superseded.size } });
    expect(second.summary.counts).toMatchObject({ updated: 120 - superseded.size, failed: superseded.size });

    expect(ended.stderr).toContain(
      `left out, because a later row of the same customer stands: ${superseded.size} rows`,
    );
    const [[row, by] = [0, 0]] = superseded;
    expect(ended.stderr).toContain(`  row ${row} (line `);
    expect(ended.stderr).toContain(`  and ${superseded.size - 10} more\n`);
    const listed = recordsOf(folderOf(second.summary.run, "superseded.csv"));
    expect(listed.map((one) => [Number(one.updraft_row), Number(one.later_row)])).toEqual([...superseded]);
    expect(listed[0]).toMatchObject({ updraft_status: "failed", later_row: String(by), later_status: "updated" });
    expect(ended.stderr).not.toContain("csta_");

    // Only they are left now, and without being told so a retry does not send them.
    const { requests } = simulator.stats();
    const nothing = await path.ask(["retry", first.summary.run]);
    expect(nothing).toMatchObject({ code: 0, stdout: expect.stringContaining("all rows in question are left out") });
    expect(simulator.stats().requests).toBe(requests);
  });

  test("is sent all the same with --superseded", async () => {
    const { simulator, rows, first } = await runRefused(makeRows(120, 20));
    const superseded = supersededIn(first, rows);
    const { code, summary } = await retry(first, "--superseded");
    expect(code).toBe(0);
    expect(summary).toMatchObject({ counts: { updated: 120, failed: 0 }, superseded: 0 });
    expect(sentRows(simulator).toSorted((a, b) => a - b)).toEqual(rowsOf(first.summary.reports.errors));
    expect(superseded.size).toBeGreaterThan(0);
    expect(existsSync(folderOf(summary.run, "superseded.csv"))).toBe(false);
  });

  test("is left out also if the later row ended unknown and is not retried itself", async () => {
    const simulator = await path.simulate({ ...REFUSING, resetAfterShare: 0.5 });
    const rows = makeRows(60, 30);
    const args = ["--attempts", "1", "--timeout", "300ms"];
    const first = await path.given([path.file("in.csv", toCsv(rows)), ...args]);
    expect(first.summary).toMatchObject({ counts: { updated: 0 }, superseded: 0 });
    const errors = recordsOf(first.summary.reports.errors);
    const failed = errors.flatMap((error, i) => (error.updraft_status === "failed" ? [i + 1] : []));
    const superseded = failed.filter((row) => errors[row - 1 + 30]?.updraft_status === "unknown");
    expect(superseded.length).toBeGreaterThan(3);
    simulator.reset();
    simulator.setFaults(WELL);
    const second = await retry(first, "--only", "failed", ...args);
    expect(sentRows(simulator).toSorted((a, b) => a - b)).toEqual(failed.filter((row) => !superseded.includes(row)));
    const listed = recordsOf(folderOf(second.summary.run, "superseded.csv"));
    expect(listed.map((one) => [one.updraft_row, one.later_row, one.later_status])).toEqual(
      superseded.map((row) => [String(row), String(row + 30), "unknown"]),
    );
  });
});

describe("retry of a run that was cancelled", () => {
  const ROWS = 1_200;

  async function cancelled() {
    const simulator = await path.simulate({ ...REFUSING, latency: 30 });
    const rows = makeRows(ROWS, ROWS);
    const running = path.given([path.file("in.csv", toCsv(rows)), "--concurrency", "4"]);
    await until(() => simulator.stats().effects >= 10);
    const [run = ""] = path.runs();
    await until(async () => (await redis.connect().keys("updraft:status:*")).length === 1);
    const asked = await path.ask(["cancel", run]);
    expect(asked.code, asked.stderr).toBe(0);
    const first = await running;
    expect(first.summary.state).toBe("cancelled");
    simulator.reset();
    simulator.setFaults({ ...WELL, latency: 0 });
    return { simulator, first };
  }

  test("sends what was unsent, too, and completes it", async () => {
    const { simulator, first } = await cancelled();
    const { failed, unsent } = first.summary.counts;
    expect(failed).toBeGreaterThan(0);
    const { code, summary } = await retry(first);
    expect({ code, state: summary.state }).toEqual({ code: 0, state: "complete" });
    expect(summary.counts).toMatchObject({ updated: ROWS, unsent: 0 });
    expect(simulator.stats().requests).toBe(failed + unsent);
  });

  test("with --only failed leaves the rest unsent: it stays cancelled, and another retry sends them", async () => {
    const { simulator, first } = await cancelled();
    const { failed, unsent } = first.summary.counts;
    const second = await retry(first, "--only", "failed");
    expect(second.code).toBe(3);
    expect(second.summary).toMatchObject({ state: "cancelled", read: ROWS, balanced: true });
    expect(second.summary.counts).toMatchObject({ failed: 0, unsent, updated: ROWS - unsent });
    expect(simulator.stats().requests).toBe(failed);
    expect(rowsOf(second.summary.reports.unsent)).toEqual(rowsOf(first.summary.reports.unsent));
    expect((await path.ask(["verify", second.summary.run])).stdout).toContain("They agree");
    const third = await retry(first, "--only", "unsent");
    expect(third).toMatchObject({ code: 0, summary: { state: "complete", counts: { updated: ROWS } } });
    expect(simulator.stats().requests).toBe(failed + unsent);
  });
});

describe("a retry is refused, and nothing is sent,", () => {
  test("of a run that is none, has not ended, or for an outcome that cannot be sent again", async () => {
    const simulator = await path.simulate({ latency: 30 });
    const file = path.file("in.csv", toCsv(makeRows(1_000, 1_000)));
    const running = path.given([file, "--concurrency", "2"]);
    await until(() => simulator.stats().effects >= 10);
    const [run = ""] = path.runs();
    const live = await path.ask(["retry", run]);
    expect(live.code).toBe(2);
    expect(live.stderr).toContain(`process ${process.pid} on `);
    interrupt();
    expect((await running).code).toBe(130);
    const { requests } = simulator.stats();
    for (const [args, message, next] of [
      [[run], `run ${run} has not ended (interrupted)`, "run its file again"],
      [["nothing"], 'no run begins with "nothing"', ""],
      [[run, "--only", "updated"], '--only: expected one of failed, unknown, rejected, unsent, got "updated"', ""],
    ] as const) {
      const refused = await path.ask(["retry", ...args]);
      expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: "" });
      expect(refused.stderr).toContain(message);
      expect(refused.stderr).toContain(next);
    }
    expect(simulator.stats().requests).toBe(requests);
    expect(path.runs()).toEqual([run]);
  });

  test("to another endpoint than its run's", async () => {
    const { first, simulator } = await runRefused(makeRows(10, 10));
    const elsewhere = await path.simulate();
    const refused = await path.ask(["retry", first.summary.run]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`was sent to ${simulator.url}, not to ${elsewhere.url}`);
    expect([elsewhere.stats().requests, simulator.stats().requests]).toEqual([0, 0]);
  });

  test("from another file than its run's; --file names where that one is now, under whatever name", async () => {
    const { first, file, rows, simulator } = await runRefused(makeRows(10, 10));
    renameSync(file, `${file}.old`);
    const gone = await path.ask(["retry", first.summary.run]);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain("--file names where it is now");
    path.file("in.csv", toCsv(makeRows(11, 11)));
    const changed = await path.ask(["retry", first.summary.run]);
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain(`is not what run ${first.summary.run} was started with`);
    expect(simulator.stats().requests).toBe(0);
    expect(path.runs()).toEqual([first.summary.run]);
    const packed = join(path.cli.folder, "packed.csv.gz");
    writeFileSync(packed, gzipSync(toCsv(rows)));
    const { summary } = await retry(first, "--file", packed);
    expect(summary).toMatchObject({ state: "complete", counts: { updated: 10 }, file: { name: "packed.csv.gz" } });
  });

  test("without a file where its rows came from standard input; they may come from there again", async () => {
    const simulator = await path.simulate({ ...REFUSING, codeShare: 1 });
    const content = toCsv(makeRows(5, 5));
    const first = await path.run(["-"], {}, content);
    expect(first.summary.counts.failed).toBe(5);
    simulator.setFaults(WELL);
    const refused = await path.ask(["retry", first.summary.run]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("standard input") });
    const args = ["retry", first.summary.run, "--file", "-", "--json"];
    const again = summaryOf(await path.start(args, {}, content).ended);
    expect(again.summary).toMatchObject({ state: "complete", counts: { updated: 5 } });
  });
});
