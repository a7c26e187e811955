// The pace benchmark in short: real processes send at a rate, and the table says what the endpoint saw. Nothing about speed.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { between, largestWindow, shareUsed, span } from "./arrivals.ts";

/** The command as a person gives it. */
function bench(...flags: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const script = new URL("pace.ts", import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...flags], { timeout: 150_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

/** `count` arrivals, `gap` milliseconds apart. */
const even = (count: number, gap: number, from = 0) => Array.from({ length: count }, (_, i) => from + i * gap);

describe("the busiest second", () => {
  test("holds as many requests as came less than a second before one of them, itself included", () => {
    expect(largestWindow(even(40, 100))).toBe(10);
    expect(largestWindow([0, 999.9, 1_000, 1_001])).toBe(3);
    expect(largestWindow([5_000, 0, 5_500, 5_999])).toBe(3);
    expect(largestWindow([])).toBe(0);
  });

  test("is found wherever it lies, as counting around each request finds it", () => {
    const times = fc.array(
      fc.integer({ min: 0, max: 30 }).map((n) => n * 100),
      { minLength: 1, maxLength: 50 },
    );
    fc.assert(
      fc.property(times, (given) => {
        const counted = given.map((at) => given.filter((other) => other <= at && other > at - 1_000).length);
        expect(largestWindow(given)).toBe(Math.max(...counted));
      }),
    );
  });
});

describe("the share used", () => {
  test("is all of a rate that was kept, and half of it where every other request is missing", () => {
    expect(shareUsed(even(500, 10), 100)).toBeCloseTo(1);
    expect(shareUsed(even(250, 20), 100)).toBeCloseTo(0.5);
  });

  test("leaves out the first and the last second", () => {
    const slowEnds = [...even(3, 400), ...even(301, 10, 1_000), ...even(3, 400, 4_200)];
    expect(shareUsed(slowEnds, 100)).toBeCloseTo(1, 1);
    expect(shareUsed([...even(301, 10), 4_000], 100)).toBeCloseTo(1);
  });
});

test("requests are counted after one moment and up to another", () => {
  expect(between([1, 2, 3, 4], 1, 3)).toBe(2);
  expect(span([7, 3, 9])).toBe(6);
});

describe("npm run bench:pace", () => {
  test("measures a rate with two workers, and tokens that run out, and never sees more than the rate", async () => {
    // At this rate two requests would have to come 200 ms apart from when they were sent to look like one too many.
    const small = ["--only", "rate,tokens", "--seconds", "3", "--rates", "5", "--workers", "2"];
    const { code, stdout, stderr } = await bench(...small);
    expect({ code, stderr: stderr.replace(/^(5\/s|tokens).*\n/gm, "") }).toEqual({ code: 0, stderr: "" });
    const reached = new Map(
      [...stdout.matchAll(/^\| (.*?) +\| (.*?) +\| (.*?) +\| .*\|$/gm)].map(([, ...cells]) => [
        cells[0],
        cells.slice(1),
      ]),
    );
    const rate = [...reached.keys()].filter((name) => name?.startsWith("5/s, 2 workers"));
    expect(rate).toHaveLength(2);
    expect(reached.get(rate[0])?.[0]).toBe("≤ 6");
    expect(Number(reached.get(rate[0])?.[1])).toBeLessThanOrEqual(6);
    expect(reached.get(rate[1])?.[1]).toMatch(/^\d+\.\d %$/);
    const tokens = [...reached].filter(([name]) => name?.startsWith("tokens of 3 s"));
    expect(tokens.map(([, [needed]]) => needed)).toEqual(["0", expect.stringMatching(/^≤ \d$/)]);
    expect(tokens[0]?.[1]).toEqual(["0", "0"]);
  });

  test("refuses a case that it does not have", async () => {
    expect(await bench("--only", "rate,speed")).toMatchObject({ code: 1, stdout: "" });
  });

  test("finds its markers in the READMEs that it is to write", () => {
    for (const page of ["README.md", "../../README.md"]) {
      expect(readFileSync(new URL(page, import.meta.url), "utf8")).toMatch(
        /<!-- bench pace -->[\s\S]*<!-- \/bench pace -->/,
      );
    }
  });
});
