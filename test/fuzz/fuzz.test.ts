import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { brokenFile } from "./mutate.ts";
import { tryFile } from "./read.ts";
import { seedFiles } from "./seeds.ts";

const CASES = 400;

test("files broken by chance are read the same way twice, row by row, or refused with a sentence", async () => {
  const folder = mkdtempSync(join(tmpdir(), "updraft-fuzz-"));
  try {
    const seeds = seedFiles();
    let rows = 0;
    const refused = new Set<string>();
    for (let number = 0; number < CASES; number++) {
      const tried = await tryFile(brokenFile(seeds, 1, number), join(folder, "case.bin"), folder);
      rows += tried.rows;
      if (tried.refused !== null) refused.add(tried.refused);
    }
    // Neither may be all that ever happens.
    expect(rows).toBeGreaterThan(CASES);
    expect(refused.size).toBeGreaterThan(4);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the same seed and number make the same file", () => {
  const seeds = seedFiles();
  expect(brokenFile(seeds, 7, 3)).toEqual(brokenFile(seeds, 7, 3));
  expect(brokenFile(seeds, 7, 3)).not.toEqual(brokenFile(seeds, 7, 4));
});
