// Tables as they should be and as they were loaded in; the measures of the Pollock benchmark.
import { expect, test } from "vitest";
import { FAILED, measure, scores } from "./measures.ts";
import { normalCell } from "./normal.ts";

const CLEAN = [
  ["id", "name", "price"],
  ["1", "Ann", "$5.00"],
  ["2", "Bob", "$6.50"],
];

test("a table that was loaded as it is has ten times 1", () => {
  expect(measure(CLEAN, CLEAN)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
});

test("records and headers are compared by their values, cells as they are written", () => {
  const loaded = [
    ["ID", "name", "price"],
    ["01", "ann", "$5"],
    ["2", "Bob", "$6.50"],
  ];
  expect(measure(CLEAN, loaded).map((one) => Number(one.toFixed(3)))).toEqual([
    1, 1, 1, 1, 1, 1, 1, 0.556, 0.556, 0.556,
  ]);
});

test("precision is of what should be there, recall of what was loaded", () => {
  const loaded = [...CLEAN, ["3", "Cy", "$7.00"], ["4", "Di", "$8.00"]];
  expect(measure(CLEAN, loaded).map((one) => Number(one.toFixed(3)))).toEqual([
    1, 1, 1, 1, 1, 0.5, 0.667, 1, 0.6, 0.75,
  ]);
});

test("a record whose cells were cut elsewhere is the same record, as the benchmark joins them", () => {
  const cut = (...first: string[]) => measure(CLEAN, [CLEAN[0] ?? [], first, ["2", "Bob", "$6.50"]]).slice(4, 7);
  expect(cut("1", "Ann", "", "$5.00")).toEqual([1, 1, 1]);
  expect(cut("1", "A", "nn", "$5.00")).toEqual([1, 1, 1]);
  expect(cut("1", "Ann$5.00")).toEqual([0.5, 0.5, 0.5]);
});

test("the weighted score counts each file as often as such files are met", () => {
  const files = [
    { name: "often", measured: measure(CLEAN, CLEAN) },
    { name: "rare", measured: FAILED },
  ];
  const { simple, weighted, means } = scores(files, (name) => (name === "often" ? 9 : 1));
  expect({ simple, weighted, success: means[0] }).toEqual({ simple: 5, weighted: 9, success: 0.5 });
});

test.each([
  ["007", "7"],
  ["+1", "1"],
  ["True", "1"],
  ["1.50", "1.5"],
  ["$48.00", "$48"],
  ["only $48.00 each", "$48"],
  ["28/01/2018", "2018-01-28"],
  ["2018-01-28", "2018-01-28"],
  ["02/03/2018", "2018-02-03"],
  ["9:05", "09:05:00"],
  ["MG-8769", "mg-8769"],
])("%s is the value %s", (cell, value) => {
  expect(normalCell(cell)).toBe(value);
});
