// Files with more in them than one table in; its rows, and what a person is told of the rest, out.
import { describe, expect, test } from "vitest";
import type { Told } from "../../src/parse/dialect.ts";
import { RFC_4180 } from "../../src/parse/dialect.ts";
import { openReader } from "../../src/parse/reader.ts";
import { allRows, bad, intact } from "../support/rows.ts";
import { sourceOf } from "../support/source.ts";

async function read(content: string, told: Told = {}) {
  const reader = await openReader(sourceOf(content), { told });
  const rows = await allRows(reader);
  return { columns: reader.columns, rows, cells: intact(rows).map((row) => row.cells), about: reader.about };
}

describe("openReader of CSV: lines that are no records", () => {
  test("a first line sep=; tells the delimiter and is no header", async () => {
    const { columns, cells, rows, about } = await read("sep=;\r\na,x;b\r\n1;2\r\n");
    expect(columns).toEqual(["a,x", "b"]);
    expect(cells).toEqual([["1", "2"]]);
    expect(rows[0]?.line).toBe(3);
    expect(about).toEqual([
      'cells are separated by ; and quoted with "; quotes within are doubled',
      "line 1 names the delimiter (sep=) and is no record",
    ]);
  });

  test("blank lines and lines of nothing but delimiters are counted and said, not rejected", async () => {
    const { rows, about } = await read('\na,b\n1,2\n,\n\n   \n"",""\n3,4\n');
    expect(rows).toMatchObject([
      { kind: "cells", row: 1, line: 3 },
      { kind: "cells", row: 2, line: 7, cells: ["", ""] },
      { kind: "cells", row: 3, line: 8 },
    ]);
    expect(about).toEqual(["4 blank lines (the first is line 1) left out"]);
  });

  test("a delimiter at the end of every line adds no column", async () => {
    const { columns, cells, rows, about } = await read(`a,b,\n1,2,\n3,4\n${"1,2,\n".repeat(98)}5,6,7\n`);
    expect(columns).toEqual(["a", "b"]);
    expect(cells.slice(0, 2)).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
    expect(bad(rows)).toMatchObject([{ line: 102, code: "column-count", detail: "expected 2 cells, got 3" }]);
    expect(about).toEqual(["every line ends with a delimiter: the column without a name behind it is left out"]);
  });

  test("where lines end with a delimiter, the header once more is known as such, and empty cells are no names", async () => {
    const { rows, cells } = await read("a,b,c,\n1,2,3,\na,b,c,\n,,4,\n");
    expect(bad(rows)).toMatchObject([{ line: 3, code: "header-again" }]);
    expect(cells).toEqual([
      ["1", "2", "3"],
      ["", "", "4"],
    ]);
  });

  test("where lines end with a delimiter, it stands for no cell that a record lacks", async () => {
    const { rows, cells } = await read("id,last,city,\n1,Lee,Oslo,\n2,Troy,\n3,Lee,\n4,Lee,Rome\n5,Lee,,\n");
    expect(bad(rows)).toMatchObject([
      { line: 3, code: "column-count", detail: "expected 3 cells, got 2" },
      { line: 4, code: "column-count" },
    ]);
    expect(cells.map(([id, , city]) => [id, city])).toEqual([
      ["1", "Oslo"],
      ["4", "Rome"],
      ["5", ""],
    ]);
  });

  test("where lines end with a delimiter, a line within a cell may look like a record without one", async () => {
    const { cells, rows } = await read('a,b,c,\n1,"x\nFloor 2, Door 3, left\ny",3,\n4,5,6,\n');
    expect(bad(rows)).toEqual([]);
    expect(cells).toEqual([
      ["1", "x\nFloor 2, Door 3, left\ny", "3"],
      ["4", "5", "6"],
    ]);
  });

  test("a last column without a name that holds values is refused, not dropped", async () => {
    await expect(read("a,b,\n1,2,\n3,4,5\n")).rejects.toMatchObject({ code: "header-unnamed" });
  });

  test("comment lines are left out only when they are told of", async () => {
    const content = "# made today\na,b\n1,2\n#3,4\n";
    const { cells, about } = await read(content, { comment: "#" });
    expect(cells).toEqual([["1", "2"]]);
    expect(about).toEqual(["2 comment lines (the first is line 1) left out"]);
    expect((await read("a,b\n#3,4\n")).cells).toEqual([["#3", "4"]]);
  });

  test("lines above and behind the table that were told of are left out, and rows keep their lines", async () => {
    const { rows, cells, about } = await read('List\n"of today\na,b\n1,2\n3,4\nSum: 2\n\nend\n\n', {
      preambleLines: 2,
      footnoteLines: 3,
    });
    expect(cells).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
    expect(rows.map(({ line }) => line)).toEqual([4, 5]);
    expect(about).toEqual(["lines 1 to 2 above the table left out", "3 lines at the end left out"]);
  });

  test("what stands behind a blank line at the end of the file, a word or two, is a footnote", async () => {
    const { cells, rows, about } = await read('a,b,c\n1,2,3\n\nSum: 1\nsigned "Ann",\n');
    expect(cells).toEqual([["1", "2", "3"]]);
    expect(bad(rows)).toEqual([]);
    expect(about).toEqual(["1 blank line (line 3) left out", "lines 4 to 5 behind the table left out: a footnote"]);
  });

  test.each([
    ["records follow it", "a,b,c\n1,2,3\n\nnote\n4,5,6\n", 4],
    ["no blank line stands before it", "a,b,c\n1,2,3\ncsta\n", 3],
    ["it begins with a value", "a,b,c\n1,2,3\n\ncsta_1\n", 4],
    ["blank lines stand between records, too", "a,b,c\n1,2,3\n\n4,5,6\n\nseven\n", 6],
  ])("it is a bad row and no footnote where %s", async (_, content, line) => {
    const { rows } = await read(content);
    expect(bad(rows).map((row) => [row.line, row.code])).toEqual([[line, "column-count"]]);
    expect(rows.map(({ row }) => row)).toEqual(rows.map((_row, at) => at + 1));
  });

  test("words that only fill up the width of the table are a footnote at its end, and a bad row within it", async () => {
    const { cells, rows, about } = await read("id,name,city\n1,Ann,Bonn\n2,Bob,Kiel\n,,\nTotal,2,\nEnd,,\n");
    expect([cells.length, rows.length]).toEqual([2, 2]);
    expect(about.at(-1)).toBe("lines 5 to 6 behind the table left out: a footnote");
    const within = await read("id,name,city\n1,Ann,Bonn\n2,Bob,Kiel\n,,\nNew ones,,\n3,Cem,Ulm\n");
    expect(within.cells).toHaveLength(3);
    expect(bad(within.rows)).toMatchObject([{ line: 5, code: "not-a-record" }]);
  });

  test("a customer whose id has no digit is a row behind a blank line, too", async () => {
    const { cells, rows } = await read("id,name,city\ncsta_a1,Ann,Bonn\ncsta_b2,Bob,Kiel\n\ncsta_cd,Cem,\n");
    expect(bad(rows)).toEqual([]);
    expect(cells.at(-1)).toEqual(["csta_cd", "Cem", ""]);
  });

  test("a footnote has 20 lines at most", async () => {
    const { rows } = await read(`a,b,c\n1,2,3\n\n${"note\n".repeat(21)}`);
    expect(bad(rows)).toHaveLength(21);
  });
});

describe("openReader of CSV: a second table", () => {
  test.each([
    ["with fewer of our columns", "c,a\n7,8\n9,10\n"],
    ["with the same columns in another order", "c,b,a\n7,8,9\n10,11,12\n"],
    ["with more columns", "a,b,c,d\n7,8,9,10\n,,1,1\n"],
    ["with as many columns, of which the first is ours", "a,x,y\n7,8,9\n10,11,12\n"],
  ])("%s is rejected line by line, and none of it is a row", async (_, second) => {
    const { rows, cells, about } = await read(`a,b,c\n1,2,3\n4,5,6\n${second}`);
    expect(cells).toHaveLength(2);
    expect(bad(rows).map(({ line, code }) => [line, code])).toEqual([
      [4, "second-table"],
      [5, "second-table"],
      [6, "second-table"],
    ]);
    expect(bad(rows)[1]?.detail).toBe(
      "another table, with other columns, begins on line 4: expected one table in a file",
    );
    expect(about).toEqual(["another table begins on line 4: it is not read, and its 3 records rejected"]);
  });

  test("with more columns and far more records is rejected all the same, and the first table is read", async () => {
    const wide = Array.from({ length: 40 }, (_, at) => `${at},Ann,Lee,Oslo,x@b.c\n`).join("");
    const { cells, rows, about } = await read(`id,email\n1,a@b.c\n2,b@b.c\nid,first,last,city,email\n${wide}`);
    expect(cells).toHaveLength(2);
    expect(bad(rows)).toHaveLength(41);
    expect(about.at(-1)).toBe("another table begins on line 4: it is not read, and its 41 records rejected");
  });

  test("broken records of it are its own, and our own header ends it", async () => {
    const { rows, cells } = await read('a,b,c\n1,2,3\nb,a\n"x,1\na,b,c\n4,5,6\n');
    expect(bad(rows).map(({ line, code }) => [line, code])).toEqual([
      [3, "second-table"],
      [4, "second-table"],
      [5, "header-again"],
    ]);
    expect(cells).toEqual([
      ["1", "2", "3"],
      ["4", "5", "6"],
    ]);
  });

  test("with names of its own behind a blank line, it ends where records like ours come again", async () => {
    const { rows, cells } = await read("a,b\n1,2\n\nitem,price,stock\nx,y,z\n3,4\n");
    expect(bad(rows).map(({ code }) => code)).toEqual(["second-table", "second-table"]);
    expect(cells).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
  });

  test.each([
    ["as wide as ours", "order,amount,status\n7,10.50,open\n\n8,11,paid\n"],
    ["filled up to the width of ours, as spreadsheets do", "order,amount,\n7,10.50,\n\n8,11,\n"],
  ])(
    "with names of its own behind a blank line, %s, has words where ours has values, and none of it is a row",
    async (_, second) => {
      const { rows, cells, about } = await read(`id,name,city\n1,Ann,Bonn\n2,Bob,Kiel\n\n${second}`);
      expect(cells).toHaveLength(2);
      expect(bad(rows).map(({ line, code }) => [line, code])).toEqual([
        [5, "second-table"],
        [6, "second-table"],
        [8, "second-table"],
      ]);
      expect(about.at(-1)).toBe("another table begins on line 5: it is not read, and its 3 records rejected");
    },
  );

  test("records behind a blank line are rows where one value is like ours, or where ours have none", async () => {
    expect((await read("id,name,city\n1,Ann,Bonn\n2,Bob,Kiel\n\nA3,Cem,Ulm\n")).cells).toHaveLength(3);
    expect((await read("id,name,city\na,Ann,Bonn\n2,Bob,Kiel\n\nb,Cem,Ulm\n")).cells).toHaveLength(3);
    const grouped = "id,name,city\n1,Ann,Bonn\n2,Bob,Kiel\n\n3,Cem,Ulm\nlee,Lee,Rom\n\njim,Jim,Ulm\n";
    expect((await read(grouped)).cells).toHaveLength(5);
    const spaced = "id,name,city\n1,Ann,Bonn\n\n2,Bob,Kiel\n\n3,Cem,Ulm\n\njim,Jim,Ulm\n\n4,Eve,\n";
    expect((await read(spaced)).cells).toHaveLength(5);
  });

  test("an id of the endpoint is a value, whether a digit is in it or not", async () => {
    const ours = "customerId,name,city\ncsta_a1,Ann,Bonn\ncsta_b2,Bob,Kiel\ncsta_cd,Cem,Ulm\n\n";
    expect((await read(`${ours}csta_ef,Eve,\n`)).cells).toHaveLength(4);
    expect(bad((await read(`${ours}order,item,status\nx,nail,open\n`)).rows)).toHaveLength(2);
  });

  test("a record whose first value is the name of a column is a row", async () => {
    expect((await read("a,b,c\nb,x,y\nz,b,a\n")).cells).toHaveLength(2);
  });
});

describe("openReader of CSV: columns", () => {
  const bare = { headerLines: 0 };

  test("names that were told stand for a header that is not there", async () => {
    const { columns, rows } = await read("1,2\n3,4\n", { ...bare, columns: ["a", "b"] });
    expect(columns).toEqual(["a", "b"]);
    expect(rows).toMatchObject([{ row: 1, line: 1, cells: ["1", "2"] }, { row: 2 }]);
  });

  test("a header that is there all the same is no row", async () => {
    const { rows } = await read("a,b\n1,2\n", { ...bare, columns: ["a", "b"] });
    expect(rows).toMatchObject([
      { row: 1, kind: "bad", code: "header-again" },
      { row: 2, kind: "cells" },
    ]);
  });

  test("names that were told may stand in place of those of the header", async () => {
    const { columns, rows } = await read("x,y\n3,4\n", { headerLines: 1, columns: ["a", "b"] });
    expect(columns).toEqual(["a", "b"]);
    expect(rows).toMatchObject([{ row: 1, line: 2, cells: ["3", "4"] }]);
  });

  test("names that were told may stand in place of some that are missing, or there twice", async () => {
    const { columns, cells } = await read("x,x,\n3,4,5\n", { headerLines: 1, columns: ["a", "b", "c"] });
    expect(columns).toEqual(["a", "b", "c"]);
    expect(cells).toEqual([["3", "4", "5"]]);
    const few = await read("x,y,,\nann,4,5,6\nbob,8,9,10\n", { headerLines: 1, columns: ["a", "b", "c", "d"] });
    expect(few.cells).toHaveLength(2);
    const data = read("c1,ann@example.com\nc2,x\n", { headerLines: 1, columns: ["a", "b"] });
    await expect(data).rejects.toMatchObject({ code: "header-looks-like-data" });
  });

  test("a header of several lines joins the names of a column", async () => {
    const { columns, rows } = await read(",mobile,mobile,\nid,code,number,city\n1,2,3,4\n", { headerLines: 2 });
    expect(columns).toEqual(["id", "mobile code", "mobile number", "city"]);
    expect(rows).toMatchObject([{ row: 1, line: 3 }]);
  });

  test.each<[string, string, Told, string]>([
    ["no names, and no header", "1,2\n", bare, "columns-missing"],
    ["more names than columns", "1,2\n", { ...bare, columns: ["a", "b", "c"] }, "columns-count"],
    ["fewer names than the header", "x,y,\n1,2,\n", { headerLines: 1, columns: ["a"] }, "columns-count"],
    ["a name twice", "1,2\n", { ...bare, columns: ["a", "a"] }, "header-same-name"],
    ["names, and no word on the header", "1,2\n", { columns: ["a", "b"] }, "columns-or-header"],
    ["comments that begin as cells do", "a,b\n,2\n", { delimiter: ",", comment: "," }, "dialect-contradicts"],
    ["a delimiter with the quote in it", "a,b\n1,2\n", { delimiter: ",'", quote: "'" }, "dialect-contradicts"],
    ["a header of more lines than the file has", "a,b\n1,2\n", { headerLines: 3 }, "file-no-records"],
  ])("%s: refused", async (_, content, told, code) => {
    await expect(read(content, told)).rejects.toMatchObject({ code });
  });

  test("to look at a file, columns without a name, or with one that another has, are given one", async () => {
    const look = (content: string, told: Told = {}) => openReader(sourceOf(content), { told, lenient: true });
    expect((await look("a,,a,a (2)\n1,2,3,4\n")).columns).toEqual(["a", "column 2", "a (2)", "a (2) (2)"]);
    expect((await look("1,2\n", bare)).columns).toEqual(["column 1", "column 2"]);
    expect((await look('a,"b,c\n1,2,3\n')).columns).toEqual(["a", '"b', "c"]);
    expect((await look("a,b\n")).columns).toEqual(["a", "b"]);
    expect((await look("ann@example.com,2\n3,4\n", { headerLines: 1 })).columns).toEqual(["ann@example.com", "2"]);
  });

  test("a reader says how the file is written", async () => {
    const told = { delimiter: "||", quote: "'", escape: "\\" };
    const reader = await openReader(sourceOf("a||b\n'it\\'s \\\\ C:\\x'||2\n"), { told });
    expect(reader.dialect).toEqual({ ...RFC_4180, ...told });
    expect(intact(await allRows(reader))[0]?.cells).toEqual(["it's \\ C:\\x", "2"]);
    expect(reader.about).toEqual(["cells are separated by || and quoted with '; quotes within are escaped by \\"]);
  });
});

describe("openReader of CSV: the cells of a bad row", () => {
  test.each([
    ["a stray quote at the start of a cell", '1,"x,"y, z",w', ["1", '"x', "y, z", "w"]],
    ["two quotes at the start of a cell", '1,""x, y",z,w', ["1", '"x, y', "z", "w"]],
    ["two quotes before a word", '1,""x",y,z', ["1", '"x', "y", "z"]],
    ["a quote in a cell", '1,6" nail,y,z', ["1", '6" nail', "y", "z"]],
    ["text behind a quote", '1,"x" y,"a, b",z', ["1", '"x" y', "a, b", "z"]],
    ["a quote that is not closed", '1,x,y,"z', ["1", "x", "y", '"z']],
    ["doubled quotes beside a stray one", '1,"x,"6"" nail, y",z', ["1", '"x', '6" nail, y', "z"]],
    ["the fewest places that break the rules", '"x,"y, z 4""","u, v",w', ['"x', 'y, z 4"', "u, v", "w"]],
    ["a NUL byte", '1,"x, y",z\0,w', ["1", "x, y", "z\0", "w"]],
    ["nothing that would fit", '1,"x,y', ["1", '"x', "y"]],
  ])("%s: cut as it is most likely meant", async (_, record, cells) => {
    const { rows } = await read(`a,b,c,d\n${record}\n5,6,7,8\n`);
    expect(rows).toMatchObject([{ kind: "bad", cells }, { kind: "cells" }]);
  });
});
