// The samples that people are shown in; exactly the bad records they are meant to show out.
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSource } from "../../src/open/source.ts";
import { openReader } from "../../src/parse/reader.ts";
import type { Row } from "../../src/parse/row.ts";
import { bad } from "../support/rows.ts";

const SAMPLES = join(import.meta.dirname, "..", "..", "samples");

test.each([
  ["customers.csv", 60, [[50, 53, "column-count"]]],
  ["customers.ndjson", 60, [[50, 50, "not-json"]]],
  ["minimal.csv", 1, []],
  ["nightly-sync.csv", 48, []],
  ["nightly-sync-2.csv", 48, []],
  ["address-corrections.csv", 40, []],
  ["partner-upload.csv", 44, []],
])("samples/%s has %d rows, and the bad records that it is meant to show", async (name, count, expected) => {
  const source = await openSource(join(SAMPLES, name), { dataDir: "unused" });
  const reader = await openReader(source);
  const rows: Row[] = [];
  for await (const block of reader.blocks()) rows.push(...block);
  expect(rows).toHaveLength(count);
  expect(bad(rows).map(({ row, line, code }) => [row, line, code])).toEqual(expected);
});
