// The inbox benchmark in short: another process drops files in every way that it knows. Nothing about speed.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

describe("bench:inbox", () => {
  test("applies each file exactly once, none before it is complete, while another process renames some and appends to others", async () => {
    const script = new URL("inbox.ts", import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [
      script,
      "--files",
      "30",
      "--rows",
      "6",
      "--settle",
      "2s",
    ]);
    const rows = stdout.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    const told = Object.fromEntries(rows.map(([, name, needed, reached]) => [name, [needed, reached]]));
    expect(told).toMatchObject({
      "applied exactly once": ["30", "30"],
      "taken before they were complete": ["0", "0"],
      "customers updated, by as many requests": ["180", "180, 180"],
    });
  });
});
