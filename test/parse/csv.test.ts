// Texts of CSV in; what the reader makes of their records, good and bad, is what RFC 4180 and a patient person would.
import { describe, expect, test } from "vitest";
import { countRows, openReader } from "../../src/parse/reader.ts";
import { bad, intact, rowsOf } from "../support/rows.ts";
import { sourceOf } from "../support/source.ts";

const MIB = 1024 * 1024;

describe("openReader of CSV: records that are whole", () => {
  test("values stay the text of the file: zeros in front, spaces, and no guess at types", async () => {
    const rows = await rowsOf("a,b,c\n00123, x ,true\n");
    expect(rows).toEqual([{ kind: "cells", row: 1, line: 2, cells: ["00123", " x ", "true"] }]);
  });

  test("quoted cells keep their commas, line ends and quotes", async () => {
    const rows = await rowsOf('a,b\r\n"x, y","two\r\nlines"\r\n"say ""hi""",""\r\n');
    expect(intact(rows).map((row) => row.cells)).toEqual([
      ["x, y", "two\r\nlines"],
      ['say "hi"', ""],
    ]);
  });

  test("line is where a record starts, counting lines within cells and empty lines, which are no rows", async () => {
    const rows = await rowsOf('a,b\n1,"x\ny"\n\n2,z\r\n\r\n3,"""q\n"""\n4,end');
    expect(rows.map(({ row, line }) => [row, line])).toEqual([
      [1, 2],
      [2, 5],
      [3, 7],
      [4, 9],
    ]);
  });

  test("a byte order mark is no part of the first name", async () => {
    const reader = await openReader(sourceOf('\uFEFF"customerId" , email\n1,2\n'.replace('" ', '"')));
    expect(reader.columns).toEqual(["customerId", "email"]);
  });

  test.each([
    ["semicolons", ";"],
    ["tabs", "\t"],
  ])("cells may be separated by %s, as the header shows", async (_, mark) => {
    const rows = await rowsOf(`a${mark}b\n1,5${mark}"x${mark}y"\n`);
    expect(intact(rows)[0]?.cells).toEqual(["1,5", `x${mark}y`]);
  });

  test("a file whose line ends are lone carriage returns is read by them", async () => {
    const rows = await rowsOf("a,b\r1,2\r\r3,4\r", "csv", 2);
    expect(rows.map(({ row, line }) => [row, line])).toEqual([
      [1, 2],
      [2, 4],
    ]);
  });

  test("lines may end with CR CR LF, as where CRLF was written to a file that makes CRLF of each LF", async () => {
    const rows = await rowsOf('a,b\r\r\n"1","x"\r\r\n\r\r\n2,"y\r\r\nz"\r\r\n3,w\r\r\n', "csv", 3);
    expect(rows).toMatchObject([
      { line: 2, cells: ["1", "x"] },
      { line: 4, cells: ["2", "y\r\r\nz"] },
      { line: 6, cells: ["3", "w"] },
    ]);
  });

  test("a reader reads the file from its start as often as asked", async () => {
    const reader = await openReader(sourceOf("a,b\n1,2\n3,4\n5\n"));
    expect(await countRows(reader)).toBe(3);
    expect(await countRows(reader)).toBe(3);
  });

  test("columns of a report that is given back are read like any other", async () => {
    const reader = await openReader(sourceOf("customerId,updraft_row,updraft_code\nc1,1,pattern\n"));
    expect(reader.columns).toEqual(["customerId", "updraft_row", "updraft_code"]);
  });
});

describe("openReader of CSV: records that are not", () => {
  test("a record with another number of cells than the header is one bad row", async () => {
    const rows = await rowsOf("a,b,c\n1,2\n1,2,3\n1,2,3,4\n");
    expect(rows).toEqual([
      {
        kind: "bad",
        row: 1,
        line: 2,
        code: "column-count",
        column: null,
        detail: "expected 3 cells, got 2",
        raw: "1,2",
        cells: ["1", "2"],
      },
      { kind: "cells", row: 2, line: 3, cells: ["1", "2", "3"] },
      {
        kind: "bad",
        row: 3,
        line: 4,
        code: "column-count",
        column: null,
        detail: "expected 3 cells, got 4",
        raw: "1,2,3,4",
        cells: ["1", "2", "3", "4"],
      },
    ]);
  });

  test("a ragged record with a cell of several lines is still one bad row", async () => {
    const rows = await rowsOf('a,b,c\n1,"x\ny\nz"\n4,5,6\n');
    expect(bad(rows)).toMatchObject([{ row: 1, line: 2, code: "column-count", raw: '1,"x\ny\nz"' }]);
    expect(intact(rows)).toMatchObject([{ row: 2, line: 5 }]);
  });

  test.each([
    ["quote-in-field", '1,6" nail,x', 4],
    ["quote-in-field", '1, "x",y', 4],
    ["text-after-quote", '1,"x" y,z', 6],
    ["text-after-quote", '1,"x"\ry,z', 6],
    ["quote-not-closed", '1,"x,y', 3],
    ["quote-not-closed", '😀,"x,y', 3],
  ])("%s: the row names the place and ends with its line", async (code, record, column) => {
    const rows = await rowsOf(`a,b,c\n0,0,0\n${record}\n7,8,9\n`);
    expect(bad(rows)).toMatchObject([{ row: 2, line: 3, code, column, raw: record }]);
    expect(intact(rows)).toMatchObject([{ row: 1 }, { row: 3, line: 4, cells: ["7", "8", "9"] }]);
  });

  test("a quote that the next quoted cell seems to close is reported where it opened, and no row is lost", async () => {
    const rows = await rowsOf('a,b\n1,"open\n2,x\n3,"good, cell"\n4,y\n');
    expect(bad(rows)).toMatchObject([{ row: 1, line: 2, code: "quote-not-closed", column: 3, raw: '1,"open' }]);
    expect(intact(rows).map((row) => row.cells[0])).toEqual(["2", "3", "4"]);
  });

  test("a quote that a cell of another row does close gives back the rows between", async () => {
    const rows = await rowsOf('a,b,c\n1,"open,x\n2,x,y\n3,y,z\n4,y,close"\n5,z,z\n');
    expect(intact(rows).map((row) => row.cells[0])).toEqual(["2", "3", "5"]);
    expect(bad(rows).map((row) => row.line)).toEqual([2, 5]);
  });

  test.each([
    ["1,000 lines", 1_000, []],
    ["1,001 lines", 1_001, [3]],
  ])("a quote that is closed after %s", async (_, lines, lost) => {
    const rows = await rowsOf(`a,b\n1,x\n2,"${"y\n".repeat(lines)}z"\n3,x\n`, "csv", 1_000);
    expect(bad(rows).flatMap(({ line, code }) => (code === "quote-not-closed" ? [line] : []))).toEqual(lost);
    expect(intact(rows).map((row) => row.cells[0])).toEqual(lost.length === 0 ? ["1", "2", "3"] : ["1", "3"]);
  });

  test("a quote that is not closed within 1 MiB costs its own line only", async () => {
    const filler = "2,x\n".repeat(MIB / 2);
    const rows = await rowsOf(`a,b\n1,"open\n${filler}3,"z"\n`);
    expect(bad(rows)).toMatchObject([{ row: 1, line: 2, code: "quote-not-closed" }]);
    expect(intact(rows)).toHaveLength(MIB / 2 + 1);
  });

  test.each([1_000, 64 * 1024, 4 * MIB])(
    "the 1 MiB of a quote do not depend on how the file is cut: %d",
    async (chunk) => {
      const filler = "2,x\n".repeat(MIB / 4 - 3);
      const rows = await rowsOf(`a,b\n1,"a"\n1,"open\n${filler}3,close"\n4,y\n`, "csv", chunk);
      expect(bad(rows).map(({ line, code }) => [line, code])).toEqual([
        [3, "quote-not-closed"],
        [MIB / 4 + 1, "quote-in-field"],
      ]);
      expect(intact(rows)).toHaveLength(MIB / 4 - 1);
    },
  );

  test("100,000 quotes that are never closed cost one line each, read in linear time", {
    timeout: 30_000,
  }, async () => {
    const rows = await rowsOf(`a,b\n${'1,"open\n'.repeat(100_000)}`);
    expect(bad(rows)).toHaveLength(100_000);
  });

  test.each([
    ["plain", ""],
    ["quoted", '"'],
  ])("a %s row longer than 1 MiB is rejected, and the next is read", async (_, quote) => {
    const cell = (length: number) => quote + "x".repeat(length - 2 * quote.length) + quote;
    const rows = await rowsOf(`a,b\n1,${cell(MIB - 2)}\n2,${cell(MIB - 1)}\r\n3,${cell(3 * MIB)}\n4,y\n`);
    expect(bad(rows)).toMatchObject([
      { row: 2, line: 3, code: "row-too-long", raw: "" },
      { row: 3, line: 4, code: "row-too-long", raw: "" },
    ]);
    expect(intact(rows)).toMatchObject([{ row: 1 }, { row: 4, line: 5 }]);
  });

  test("1 MiB is counted in bytes, not in characters", async () => {
    const rows = await rowsOf(`a,b\n1,${"é".repeat(MIB / 2)}\n2,x\n`);
    expect(bad(rows)).toMatchObject([{ row: 1, code: "row-too-long" }]);
    expect(intact(rows)).toMatchObject([{ row: 2, line: 3 }]);
  });

  test("bytes that are not UTF-8 cost their own row, with line and column", async () => {
    const rows = await rowsOf(Buffer.from('a,b\n1,M\xfcller\n2,\xc3\xa9\n3,"x\ny\xff"\n4,z\n', "latin1"));
    expect(bad(rows)).toMatchObject([
      { row: 1, line: 2, code: "encoding", column: 4, raw: "1,M\uFFFDller" },
      {
        row: 3,
        line: 4,
        code: "encoding",
        column: null,
        detail: "expected text in utf-8, got bytes that are not valid in it, at byte 2 of line 5",
      },
    ]);
    expect(intact(rows).map((row) => row.cells)).toEqual([
      ["2", "é"],
      ["4", "z"],
    ]);
  });

  test("a NUL byte costs its own row", async () => {
    const rows = await rowsOf("a,b\n1,x\0y\n2,z\n");
    expect(bad(rows)).toMatchObject([
      {
        ...{ row: 1, line: 2, code: "encoding", column: 4 },
        detail: "expected text in utf-8, got a NUL, at byte 4 of line 2",
      },
    ]);
    expect(intact(rows)).toHaveLength(1);
  });

  test("a replacement character that the file itself holds is text", async () => {
    const rows = await rowsOf("a,b\n1,\uFFFD\n2,\0\n");
    expect(intact(rows)).toMatchObject([{ cells: ["1", "\uFFFD"] }]);
  });

  test("the header of a second file that was joined to the first is one bad row, not a customer", async () => {
    const rows = await rowsOf("customerId,email\nc1,x\n\uFEFFcustomerId,email\nc2,y\ncustomerId,email\n");
    expect(bad(rows).map(({ line, code }) => [line, code])).toEqual([
      [3, "header-again"],
      [5, "header-again"],
    ]);
  });

  test("no detail repeats a word of the record", async () => {
    const rows = await rowsOf('a,b\n"SECRET\n1,SECRET"\nSECRET\n"SECRET"SECRET,1\nSECRET\0,1\n"SECRET');
    expect(bad(rows).length).toBeGreaterThanOrEqual(4);
    for (const row of bad(rows)) expect(row.detail).not.toContain("SECRET");
  });
});
