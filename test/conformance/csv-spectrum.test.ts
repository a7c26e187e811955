// Every case of csv-spectrum, a corpus that others keep, in; the values that it says are in them out.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { shown } from "./read.ts";

const ROOT = dirname(fileURLToPath(import.meta.resolve("csv-spectrum")));
const casesOf = () => readdirSync(join(ROOT, "csvs")).map((name) => name.replace(/\.csv$/, ""));
const csvOf = (name: string) => readFileSync(join(ROOT, "csvs", `${name}.csv`));
const expectedOf = (name: string): unknown => JSON.parse(readFileSync(join(ROOT, "json", `${name}.json`), "utf8"));

/** Not in quotes, with quotes in it: the rules call it broken. */
const BROKEN = "location_coordinates";

describe("csv-spectrum", () => {
  test.each(casesOf().filter((name) => name !== BROKEN))("%s is read exactly as its JSON says", async (name) => {
    const { rows } = await shown(csvOf(name));
    expect(rows.map(({ values }) => values)).toEqual(expectedOf(name));
  });

  test(`${BROKEN} is rejected for a quote within a plain cell, its cells shown as its JSON says; told that nothing is quoted, it is read`, async () => {
    const { head, rows } = await shown(csvOf(BROKEN));
    expect(rows).toMatchObject([{ error: { code: "quote-in-field" } }]);
    // The corpus has another phone number in the JSON than in the file.
    const expected = { ...Object(expectedOf(BROKEN)), "Contact Phone Number": "2095257564" };
    expect(Object.fromEntries(head.columns.map((column, at) => [column, rows[0]?.cells?.[at]]))).toEqual(expected);
    expect((await shown(csvOf(BROKEN), { quote: null })).rows).toEqual([{ values: expected }]);
  });

  test("has twelve cases", () => {
    expect(casesOf()).toHaveLength(12);
  });
});
