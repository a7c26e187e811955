import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, toCsv, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

describe("refused credentials", () => {
  test.each([
    ["at the login", { CONNECTFI_PASSWORD: "wrong" }, {}],
    ["at every update", {}, { revokeShare: 1, maxFaultsPerRow: "none" }],
  ] as const)(
    "%s block the run with exit code 4; with right ones the same command completes it",
    async (_where, env, faults) => {
      const simulator = await path.simulate(faults);
      const rows = makeRows(60, 50).map((row, i) => (i === 0 ? { ...row, postalCode: "bad" } : row));
      const args = [path.file("in.csv", toCsv(rows))];
      const blocked = await path.given(args, env);
      expect(blocked.code).toBe(4);
      expect(blocked.summary).toMatchObject({ state: "blocked", balanced: true, counts: { updated: 0, rejected: 1 } });
      expect(blocked.summary.warnings.join()).toContain("CONNECTFI_PASSWORD");
      expect(simulator.stats().effects).toBe(0);
      expect(recordsOf(blocked.summary.reports.errors)).toHaveLength(1);

      simulator.setFaults({ revokeShare: 0 });
      const { code, summary } = await path.given(args);
      expect(code).toBe(1);
      expect(summary).toMatchObject({ run: blocked.summary.run, state: "complete", read: 60, resumes: 1 });
      expect(summary.counts).toMatchObject({ updated: 59, rejected: 1 });
      expect(simulator.stats().effects).toBe(59);
      expect(customersOf(simulator)).toEqual(customersAfter(rows.slice(1)));
    },
  );

  test("refused once, as by a token that expired, are renewed without a try: every row is updated by its next request", async () => {
    const simulator = await path.simulate({ revokeShare: 0.02, maxFaultsPerRow: 1, seed: 5 });
    const rows = makeRows(100, 100);
    const { code, summary } = await path.given([
      path.file("in.csv", toCsv(rows)),
      ...["--concurrency", "1", "--attempts", "1"],
    ]);
    const revoked = simulator.stats().byFault.revoke ?? 0;
    expect(revoked).toBeGreaterThan(0);
    expect({ code, updated: summary.counts.updated }).toEqual({ code: 0, updated: 100 });
    expect(simulator.stats()).toMatchObject({ logins: 1 + revoked, requests: 100 + revoked });
  });
});

// Of two customers: with more, and none that is answered, it would be an outage.
describe("tries used up", () => {
  test.each([
    ["failed where nothing can have been applied", { share503: 1 }, "failed", "retries-exhausted", 0],
    [
      "unknown where an update may have been applied without an answer",
      { resetAfterShare: 1 },
      "unknown",
      "no-definite-answer",
      4,
    ],
  ] as const)("end a row %s", async (_how, faults, status, code, effects) => {
    const simulator = await path.simulate({ ...faults, maxFaultsPerRow: "none" });
    const args = [path.file("in.csv", toCsv(makeRows(2, 2))), "--attempts", "2", "--timeout", "300ms"];
    const run = await path.given(args);
    expect(run.code).toBe(1);
    expect(run.summary).toMatchObject({ state: "complete", counts: { [status]: 2, updated: 0 } });
    expect(simulator.stats()).toMatchObject({ requests: 4, effects });
    const errors = recordsOf(run.summary.reports.errors);
    expect(errors.map((e) => [e.updraft_status, e.updraft_code, e.updraft_attempts])).toEqual(
      Array(2).fill([status, code, "2"]),
    );
  });
});

describe("which rows are sent", () => {
  test("--limit sends the first valid rows only, as a run of its own; one without it sends all", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(30, 30).map((row, i) => (i === 1 ? { ...row, postalCode: "bad" } : row));
    const file = path.file("in.csv", toCsv(rows));
    const { code, summary } = await path.given([file, "--limit", "5"]);
    expect(code).toBe(1);
    expect(summary).toMatchObject({ state: "complete", read: 6, counts: { updated: 5, rejected: 1 } });
    expect([...customersOf(simulator).keys()].toSorted()).toEqual(["csta_0", "csta_2", "csta_3", "csta_4", "csta_5"]);
    const all = await path.given([file]);
    expect(all.summary).toMatchObject({ read: 30, counts: { updated: 29, rejected: 1 } });
    expect(all.summary.run).not.toBe(summary.run);
  });

  test("a finished file is refused with where its report is, under another name too; --again applies it as a run of its own", async () => {
    const simulator = await path.simulate();
    const content = toCsv(makeRows(4, 4));
    const first = await path.given([path.file("in.csv", content)]);
    const refused = await path.ask(["run", path.file("renamed.csv", content)]);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(first.summary.reports.dir);
    expect(refused.stderr).toContain("--again");
    expect(simulator.stats().effects).toBe(4);
    const again = await path.given([path.file("in.csv", content), "--again"]);
    expect(again.summary).toMatchObject({ run: `${first.summary.run}.2`, counts: { updated: 4 }, resumes: 0 });
    expect(simulator.stats().effects).toBe(8);
    expect(path.runs()).toEqual([first.summary.run, `${first.summary.run}.2`]);
  });

  test("a file tested against one endpoint is another run at the next", async () => {
    const tried = await path.simulate();
    const file = path.file("in.csv", toCsv(makeRows(2, 2)));
    const first = await path.given([file]);
    const real = await path.simulate();
    const second = await path.given([file]);
    expect(second.summary.run).not.toBe(first.summary.run);
    expect([tried.stats().effects, real.stats().effects]).toEqual([2, 2]);
  });
});

describe("errors.csv", () => {
  test("corrected and given back as it is runs: its own columns are ignored, the values come round unchanged", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(12, 12).map((row, i) => {
      if (i === 3) return { ...row, postalCode: "0050" };
      return i === 8 ? { ...row, countryCodeA3: "US", email: "nobody" } : row;
    });
    const first = await path.given([path.file("in.csv", toCsv(rows))]);
    expect(first.summary.counts).toMatchObject({ updated: 10, rejected: 2 });
    const errors = recordsOf(first.summary.reports.errors);
    expect(errors.map((e) => [e.updraft_row, e.updraft_column])).toEqual([
      ["4", "postalCode"],
      ["9", "email; countryCodeA3"],
    ]);
    const corrected = errors.map((error) => ({
      ...error,
      postalCode: error.postalCode?.padStart(5, "0") ?? "",
      countryCodeA3: "USA",
      email: error.email === "nobody" ? "" : (error.email ?? ""),
    }));
    const second = await path.given([path.file("corrected.csv", toCsv(corrected))]);
    expect(second.code).toBe(0);
    expect(second.summary).toMatchObject({ read: 2, counts: { updated: 2 } });
    const meant = rows.map((row, i) => {
      if (i === 3) return { ...row, postalCode: "00050" };
      return i === 8 ? { ...row, countryCodeA3: "USA", email: "" } : row;
    });
    expect(customersOf(simulator)).toEqual(customersAfter(meant));
  });
});
