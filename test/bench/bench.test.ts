// The benchmark in short: every variant does its work, every row is counted, and the tables say what was measured. Nothing about speed.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memoryBars, miscounted, slotsAllow, speedBars, summarize } from "./figures.ts";
import { type Running, startScript } from "./processes.ts";
import { writeRows } from "./rows.ts";
import { memoryTable, writeBetween } from "./table.ts";
import { type Measured, measure, VARIANTS } from "./variants.ts";

const ROWS = 300;
let folder = "";
let file = "";
let endpoint: Running;
let base = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "updraft-bench-"));
  file = join(folder, "rows.csv");
  await writeRows(file, ROWS);
  // Every tenth is a little slow, so that answers do not come in the order of the requests.
  endpoint = startScript("endpoint.ts", ["--slow", "10", "20"]);
  base = await endpoint.says(/http:\S+/);
});
afterAll(async () => {
  await endpoint.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The command as a person gives it. */
function bench(...flags: readonly string[]): Promise<{ code: unknown; stdout: string }> {
  const script = new URL("bench.ts", import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...flags], { timeout: 150_000 }, (error, stdout) =>
      resolve({ code: error === null ? 0 : error.code, stdout }),
    );
  });
}

const measured = (change: Partial<Measured> = {}): Measured => ({
  ...{ rows: 1_000, sent: 1_000, answered: 1_000, workMs: 100, wallMs: 300, redisPeakBytes: 2 ** 21 },
  costs: [{ name: "main.ts", cpuSeconds: 1, peakBytes: 100 * 2 ** 20 }],
  ...change,
});

describe("the file of rows", () => {
  test("has 12 columns, about 130 bytes a row, a quoted comma in each, and no customer twice", () => {
    const [head = "", ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(head.split(",")).toHaveLength(12);
    expect(lines).toHaveLength(ROWS);
    for (const line of lines) expect(line).toMatch(/,"[^"]+, [^"]+",/);
    const bytes = lines.join("\n").length / ROWS;
    expect(bytes).toBeGreaterThan(120);
    expect(bytes).toBeLessThan(140);
    expect(new Set(lines.map((line) => line.split(",")[0])).size).toBe(ROWS);
  });
});

describe("a variant", () => {
  test.each(VARIANTS)("%s sends every row once, and finds each answered", async (variant) => {
    const result = await measure(variant, { base, file, folder, rows: ROWS });
    expect(miscounted(variant, result)).toBe(null);
    expect(result.workMs).toBeLessThanOrEqual(result.wallMs);
    if (process.platform === "linux") expect(result.costs.every(({ peakBytes }) => peakBytes > 0)).toBe(true);
  });

  test("that leaves out a row, or sends one twice, is found out", () => {
    expect(miscounted("a", measured())).toBe(null);
    expect(miscounted("a", measured({ answered: 999 }))).toContain("answered 999 of 1000");
    expect(miscounted("d", measured({ sent: 1_001 }))).toContain("received 1001");
    expect(miscounted("check", measured({ sent: 1 }))).toContain("received 1 updates instead of 0");
  });
});

describe("npm run bench", () => {
  test("prints a line per variant that was asked for, and the bars that can be judged from them", async () => {
    const { code, stdout } = await bench("--rows", "200", "--rounds", "1", "--only", "a,check");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\| \(a\) bare undici loop +\| .* \| 1\.00 +\|/m);
    expect(stdout).toMatch(/^\| `updraft check` +\|/m);
    expect(stdout.match(/≥/g)).toHaveLength(1);
  });

  test("fails for a missed bar only with --strict", async () => {
    // One row takes a millisecond at least by the clock that is used, so 50,000 rows/s cannot be reached.
    const flags = ["--rows", "1", "--rounds", "1", "--only", "check"];
    expect(await bench(...flags)).toMatchObject({ code: 0, stdout: expect.stringContaining("**missed**") });
    expect(await bench(...flags, "--strict")).toMatchObject({ code: 1 });
  });

  test("with --changed sends a file once, then what has changed in it and nothing else", async () => {
    const { code, stdout } = await bench("--changed", "--rows", "300", "--rounds", "1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\| one row of 100 changed +\|/m);
    expect(stdout).toMatch(/^\| largest process, peak +\| ≤ 300 MB \| \d+ MB +\| pass/m);
  });

  test("refuses a variant that it does not have", async () => {
    expect(await bench("--only", "a,f")).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("the figures", () => {
  test("are medians over the rounds, and the largest peaks", () => {
    const runs = [100, 400, 200].map((workMs) => measured({ workMs, redisPeakBytes: workMs }));
    expect(summarize(runs)).toMatchObject({ rowsPerSecond: 5_000, slowest: 2_500, fastest: 10_000, redisPeak: 400 });
    expect(summarize(runs).cpuPer100k).toBe(100);
  });

  test("are compared with the bars that the measured variants allow", () => {
    const results = new Map(
      (
        [
          ["a", 100],
          ["c", 300],
          ["d", 125],
        ] as const
      ).map(([name, workMs]) => [name, summarize([measured({ workMs })])]),
    );
    expect(speedBars(results).map(({ name, reached, met }) => [name, reached, met])).toEqual([
      ["(d) / (a)", "0.80", true],
      ["(d) / (c)", "2.40", true],
    ]);
  });

  test("of slow rows are compared with 64 slots over the mean service time", () => {
    expect(slotsAllow({ every: 100, slowMs: 3_000 })).toBeCloseTo(64 / 0.03);
  });

  test("of memory miss their bar when they grow with the file, are too large, or were not taken", () => {
    const of = (megabytes: number, redis: number | null) =>
      summarize([
        measured({
          costs: [{ name: "main.ts", cpuSeconds: 1, peakBytes: megabytes * 2 ** 20 }],
          redisPeakBytes: redis === null ? null : redis * 2 ** 20,
        }),
      ]);
    const missed = (small: number, large: number, redis: number | null) =>
      memoryBars(of(small, 20), of(large, redis)).flatMap(({ name, met }) => (met ? [] : [name]));
    expect(missed(200, 240, 24)).toEqual([]);
    expect(missed(100, 130, 20)).toEqual(["main.ts, ten times the rows"]);
    expect(missed(240, 260, 70)).toEqual([
      "main.ts, peak",
      "Redis used_memory, peak",
      "Redis used_memory, ten times the rows",
    ]);
    expect(missed(200, 200, null)).toEqual(["Redis used_memory, peak", "Redis used_memory, ten times the rows"]);
    expect(memoryTable([[100, of(200, 20)]])).toMatch(/\| main\.ts 200 +\| 20\.0 +\|/);
  });
});

describe("--write", () => {
  test("replaces what is between the markers, and nothing else", () => {
    const page = join(folder, "page.md");
    writeFileSync(page, "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n");
    writeBetween(page, "bench", "| new |");
    expect(readFileSync(page, "utf8")).toBe("before\n<!-- bench -->\n\n| new |\n\n<!-- /bench -->\nafter\n");
    expect(() => writeBetween(page, "bench memory", "")).toThrow("has no <!-- bench memory -->");
  });

  test("finds its markers in the README beside it", () => {
    const page = readFileSync(new URL("README.md", import.meta.url), "utf8");
    for (const name of ["bench", "bench memory", "bench changed"])
      expect(page).toMatch(new RegExp(`<!-- ${name} -->[^]*<!-- /${name} -->`));
  });
});
