// The benchmark of files in short, so that it does not rot. Nothing about speed.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("bench:files reads the same rows as plain text, gzip, zstd and UTF-16, and all of them are valid", async () => {
  const script = new URL("files.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--rows", "300", "--rounds", "1"]);
  const names = stdout.split("\n").map((line) => line.split("|")[1]?.trim());
  expect(names).toEqual(expect.arrayContaining(["plain", "gzip", "zstd", "UTF-16", "gzip / plain"]));
});
