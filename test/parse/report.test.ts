import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dialectOfReport, guarded, unguarded } from "../../src/parse/report.ts";
import { rowsOf } from "../support/rows.ts";

const text = fc.string({ unit: fc.constantFrom("=", "+", "-", "@", "\t", "\r", "'", "a", "1", " ") });

describe("guarded", () => {
  test("gives any text a form that starts with nothing a spreadsheet computes, from which unguarded gets it back exactly", () => {
    fc.assert(
      fc.property(text, (one) => {
        expect(guarded(one)).not.toMatch(/^[=+\-@\t\r]/);
        expect(unguarded(guarded(one))).toBe(one);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(["", "Jo", "'t Hart", "a=b", "12"])("leaves %j as it is", (one) => {
    expect(guarded(one)).toBe(one);
    expect(unguarded(one)).toBe(one);
  });
});

describe("dialectOfReport", () => {
  test.each([",", ";", "\t", "|"])(
    "finds %j in the header of a report, quoted by a spreadsheet or not",
    (delimiter) => {
      const names = ["name, first", "updraft_row", "updraft_line", "customerId"];
      expect(dialectOfReport(`${names.join(delimiter)}\nx`)).toMatchObject({ delimiter, headerLines: 1 });
      expect(dialectOfReport(names.map((name) => `"${name}"`).join(delimiter))).toMatchObject({ delimiter });
    },
  );

  test("tells nothing of another file, though a record of it names our columns", () => {
    expect(dialectOfReport("customerId,city\nupdraft_row,updraft_line\n")).toBeNull();
  });

  test("finds it behind a name of several lines", () => {
    expect(dialectOfReport('id;"Street\nand ""no""";updraft_row;updraft_line\n')).toMatchObject({ delimiter: ";" });
  });
});

describe("openReader of a report", () => {
  test("reads it as reports are written, whatever was told of the file that it is on", async () => {
    const told = { delimiter: "|", headerLines: 2, preambleLines: 3, footnoteLines: 1, columns: ["x"], comment: "1" };
    const rows = await rowsOf("a;b;updraft_row;updraft_line\n1;2;3;4\n5;6;7;8\n", "csv", 100, { told });
    expect(rows).toMatchObject([
      { line: 2, cells: ["1", "2", "3", "4"] },
      { line: 3, cells: ["5", "6", "7", "8"] },
    ]);
  });

  test("takes the guards off its cells, and off those of no other file", async () => {
    const record = "'=1,'Jo,''+2";
    const cells = async (header: string, line: string) => {
      const [row] = await rowsOf(`${header}\n${line}\n`, "csv");
      return row?.kind === "cells" ? row.cells : row;
    };
    expect(await cells("a,b,c,updraft_row,updraft_line", `${record},1,2`)).toEqual(["=1", "'Jo", "'+2", "1", "2"]);
    expect(await cells("a,b,c", record)).toEqual(["'=1", "'Jo", "''+2"]);
  });
});
