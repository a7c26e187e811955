import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { useRedis } from "../support/redis.ts";
import { makeRows, recordsOf, summaryOf, toCsv, toNdjson, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

/** Of the data folder alone: no Redis, no endpoint, no account. */
const ALONE = { REDIS_URL: "redis://127.0.0.1:9", CONNECTFI_BASE_URL: "", CONNECTFI_LOGIN: "", CONNECTFI_PASSWORD: "" };
const verify = (run: string, ...args: string[]) => path.ask(["verify", run, ...args], ALONE);
const explain = (run: string, ...args: string[]) => path.ask(["explain", run, ...args], ALONE);
const FAULTS = { share503: 0.1, resetAfterShare: 0.02, refuseShare: 0.05, seed: 11 } as const;

/** No value of a cell, however it is written. */
function expectNoValue(text: string, rows: readonly Readonly<Record<string, string>>[]): void {
  for (const row of rows.slice(0, 20)) {
    for (const name of ["customerId", "firstName", "lastName", "email", "addressLine1", "phoneNumber"]) {
      const value = row[name] ?? "";
      // csta_1 stands in csta_10 as well: what counts is that none is there at all.
      if (value !== "") expect(text).not.toContain(name === "customerId" ? "csta_" : value);
    }
  }
}

describe("updraft verify", () => {
  test.each([
    ["csv", toCsv],
    ["ndjson", toNdjson],
  ])("agrees with a run of a file as %s in which rows failed, were retried and rejected", async (format, write) => {
    await path.simulate(FAULTS);
    const rows = makeRows(400, 300).map((row, i) => (i % 50 === 9 ? { ...row, postalCode: "bad" } : row));
    const run = await path.given([path.file(`in.${format}`, write(rows)), "--timeout", "300ms"]);
    const { code, stdout, stderr } = await verify(run.summary.run.slice(0, 6), "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { counts, read } = run.summary;
    expect(counts.failed).toBeGreaterThan(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ run: run.summary.run, state: "complete", agrees: true, rows: 400, read, counts, differences: [] },
      reports: { success: counts.updated, errors: counts.rejected + counts.failed + counts.unknown, unsent: 0 },
    });
    const text = await verify(run.summary.run);
    expect(text.stdout).toMatch(/file: +400 rows\n[\s\S]*They agree\.\n$/);
  });

  test("ends with 1 where something differs, and names report, row and line without a value", async () => {
    await path.simulate();
    const rows = makeRows(30, 30);
    const { summary } = await path.given([path.file("in.csv", toCsv(rows))]);
    const report = summary.reports.success ?? "";
    const lines = readFileSync(report, "utf8").split("\n");
    writeFileSync(
      report,
      lines
        .filter((_, i) => i !== 12)
        .join("\n")
        .replace(",updated,", ",failed,"),
    );
    const { code, stdout } = await verify(summary.run);
    expect(code).toBe(1);
    expect(stdout).toContain("They differ in 2 places:");
    expect(stdout).toContain("success.csv, row 1 (line 2): expected updraft_status updated, got failed");
    expect(stdout).toMatch(/success\.csv, row 12 \(line \d+\): expected the row, got no such row/);
    expectNoValue(stdout, rows);
  });

  test("takes the run's file from where it is now, and no other", async () => {
    await path.simulate();
    const content = toCsv(makeRows(20, 20));
    const file = path.file("in.csv", content);
    const { summary } = await path.given([file]);
    renameSync(file, join(path.cli.folder, "moved.csv"));
    // Processes of their own, as a person has them: also what the name of a file is relative to.
    const apart = (...args: string[]) => path.start(["verify", summary.run, ...args], ALONE).ended;
    const gone = await apart();
    expect([gone.code, gone.stdout]).toEqual([2, ""]);
    expect(gone.stderr).toMatch(new RegExp(`${file}\n.*--file`));
    writeFileSync(join(path.cli.folder, "moved.csv.gz"), gzipSync(content));
    expect((await apart("--file", "moved.csv.gz")).code).toBe(0);
    path.file("other.csv", "no,columns,that,anybody,knows\n1,2,3,4,5\n");
    const other = await apart("--file", "other.csv");
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(
      /not compared: it is another file[\s\S]*file: expected sha256 [0-9a-f]{64}, got sha256 [0-9a-f]{64}/,
    );
  });

  test("of a run from standard input compares what is there, and with a copy of it all", async () => {
    await path.simulate();
    const content = toCsv(makeRows(10, 10));
    const { summary } = await path.run(["-"], {}, content);
    const { code, stdout } = await verify(summary.run);
    expect(code).toBe(0);
    expect(stdout).toContain("it came from standard input");
    const whole = await verify(summary.run, "--file", path.file("copy.csv", content), "--json");
    expect(JSON.parse(whole.stdout)).toMatchObject({ agrees: true, rows: 10 });
  });

  /** A run of 3,000 rows that takes a while; resolves when so many rows have taken effect since. */
  async function begin(effects: number) {
    const simulator = await path.simulate({ latency: 20 });
    const file = path.file("in.csv", toCsv(makeRows(3_000, 3_000)));
    const running = path.start(["run", file, "--concurrency", "4", "--timeout", "300ms", "--json"]);
    await until(() => simulator.stats().effects >= effects);
    const [run = ""] = path.runs();
    return { running, run };
  }

  test("of a run that is going on says who holds it; of one that was stopped compares what is there", async () => {
    const { running, run } = await begin(40);
    const live = await verify(run);
    expect([live.code, live.stdout]).toEqual([2, ""]);
    expect(live.stderr).toContain(`held by process ${running.pid} on `);
    running.child.kill("SIGINT");
    const { counts } = summaryOf(await running.ended).summary;
    const stopped = JSON.parse((await verify(run, "--json")).stdout);
    expect(stopped).toMatchObject({ state: "interrupted", ended: true, agrees: true, counts });
  });

  test("of a run that was killed compares what is there; when it was cancelled, every row of it", async () => {
    const { running, run } = await begin(40);
    process.kill(-running.pid, "SIGKILL");
    await running.ended;
    const killed = await verify(run, "--json");
    expect(JSON.parse(killed.stdout)).toMatchObject({ state: "running", ended: false, agrees: true, rows: 3_000 });
    expect(killed.code).toBe(0);

    // Until then its process may be taken for one that has only fallen silent.
    await redis.connect().del(`updraft:status:${run}`);
    expect((await path.ask(["cancel", run])).code).toBe(0);
    const last = JSON.parse((await verify(run, "--json")).stdout);
    expect(last).toMatchObject({ state: "cancelled", agrees: true, read: 3_000 });
    const told = z.object({ counts: z.object({ unsent: z.number() }), reports: z.object({ unsent: z.number() }) });
    const { counts, reports } = told.parse(last);
    expect(counts.unsent).toBeGreaterThan(100);
    expect(reports.unsent).toBe(counts.unsent);
  });

  test("of a run that is not there says so, with the data folder", async () => {
    const { code, stderr } = await verify("abc");
    expect(code).toBe(2);
    expect(stderr).toContain(`no run begins with "abc" in ${path.dataDir}`);
  });
});

describe("updraft explain", () => {
  const stories = z.object({
    line: z.number().nullable(),
    columns: z.object({ given: z.array(z.string()), empty: z.array(z.string()) }).nullable(),
    attempts: z.array(
      z.object({ at: z.iso.datetime(), waited: z.number(), http: z.number(), came: z.string(), latency: z.number() }),
    ),
    untold: z.number(),
    outcome: z
      .object({
        status: z.string(),
        requests: z.number(),
        ambiguous: z.boolean(),
        reasons: z.array(z.object({ code: z.string(), message: z.string() })),
      })
      .nullable(),
  });
  const storyOf = async (run: string, row: number, ...args: string[]) => {
    const { code, stdout, stderr } = await explain(run, String(row), "--json", ...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stories.parse(JSON.parse(stdout));
  };

  test("tells every request that a row took, as the endpoint got them, and no value of it", async () => {
    const simulator = await path.simulate({ share503: 0.3, resetAfterShare: 0.1, seed: 3 });
    const rows = makeRows(40, 40);
    const { summary } = await path.given([path.file("in.csv", toCsv(rows)), "--timeout", "200ms", "--attempts", "10"]);
    const success = recordsOf(summary.reports.success);
    const tried = success.filter((record) => Number(record.updraft_attempts) > 2).slice(0, 3);
    expect(tried).toHaveLength(3);
    for (const record of tried) {
      const story = await storyOf(summary.run, Number(record.updraft_row));
      const sent = [...simulator.requests()].filter((request) => request.customerId === record.customerId);
      expect(story.attempts).toHaveLength(sent.length);
      const came: Readonly<Record<string, string>> = { "http-503": "HTTP 503", "reset-after": "connection lost" };
      expect(story.attempts.map((one) => one.came)).toEqual(sent.map(({ fault }) => came[fault ?? ""] ?? "HTTP 200"));
      expect(story.attempts[0]?.waited).toBe(0);
      for (const { waited } of story.attempts.slice(1)) expect(waited).toBeGreaterThan(0);
      expect(story).toMatchObject({ untold: 0, line: Number(record.updraft_line) });
      expect(story.outcome).toMatchObject({ status: "updated", requests: sent.length, reasons: [] });
      expect(story.columns?.given).toContain("customerId");
      const { stdout } = await explain(summary.run, String(record.updraft_row));
      expect(stdout).toMatch(/^row \d+ \(line \d+\) of in\.csv, run [0-9a-f]{16}\n/);
      expect(stdout).toMatch(/request 2 .*after a wait of /);
      expect(stdout).toContain("the endpoint took it");
      expectNoValue(stdout, rows);
    }
  });

  test("tells why a row was rejected, or given up, in words; without the file from the report", async () => {
    await path.simulate({ share503: 1, maxFaultsPerRow: "none" });
    const rows = makeRows(3, 3).map((row, i) => (i === 1 ? { ...row, postalCode: "1234x" } : row));
    const file = path.file("in.csv", toCsv(rows));
    const { summary } = await path.given([file, "--attempts", "2"]);
    const tell = async () => [await storyOf(summary.run, 2), await storyOf(summary.run, 3)];
    const [rejected, failed] = await tell();
    expect(rejected).toMatchObject({ attempts: [], outcome: { status: "rejected", reasons: [{ code: "pattern" }] } });
    expect(failed).toMatchObject({
      attempts: [{ came: "HTTP 503" }, { came: "HTTP 503" }],
      outcome: { status: "failed", reasons: [{ code: "retries-exhausted" }] },
    });
    renameSync(file, join(path.cli.folder, "away.csv"));
    const [again, failedAgain] = await tell();
    expect(again).toEqual({ ...rejected, columns: null });
    expect(failedAgain).toEqual({ ...failed, columns: null });
    expect(await storyOf(summary.run, 2, "--file", join(path.cli.folder, "away.csv"))).toEqual(rejected);
  });

  test("says how many requests are not kept one by one, and that an open row has no outcome yet", async () => {
    const simulator = await path.simulate({ revokeShare: 0.2, maxFaultsPerRow: 1, seed: 5 });
    const file = path.file("in.csv", toCsv(makeRows(30, 30)));
    const { summary } = await path.given([file, "--concurrency", "1"]);
    const renewed = recordsOf(summary.reports.success).find((record) => record.updraft_attempts === "2");
    const story = await explain(summary.run, renewed?.updraft_row ?? "");
    expect(story.stdout).toMatch(/1 more request, of which only the number is kept/);

    const blocked = await path.given([path.file("b.csv", toCsv(makeRows(5, 5)))], { CONNECTFI_PASSWORD: "wrong" });
    const open = await path.start(["explain", blocked.summary.run, "4"], ALONE).ended;
    expect(open.stdout).toMatch(/no request was made[\s\S]*no outcome yet/);
    expect(simulator.stats().logins).toBeGreaterThan(0);
  });

  test("refuses a row that the run does not have with the range there is, and what is no number", async () => {
    await path.simulate();
    const { summary } = await path.given([path.file("in.csv", toCsv(makeRows(5, 5)))]);
    for (const [row, sentence] of [
      ["6", "has no row 6: its rows are 1 to 5"],
      ["999999999999", "its rows are 1 to 5"],
      ["0", "expected a whole number from 1"],
      ["one", "expected a whole number from 1"],
    ] as const) {
      const { code, stdout, stderr } = await explain(summary.run, row);
      expect({ row, code, stdout }).toEqual({ row, code: 2, stdout: "" });
      expect(stderr).toContain(sentence);
    }
  });
});
