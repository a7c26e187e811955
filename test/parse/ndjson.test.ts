// Texts of NDJSON in; each line is one object or one bad row, whatever stands in the others.
import { describe, expect, test } from "vitest";
import { openReader } from "../../src/parse/reader.ts";
import { bad, rowsOf } from "../support/rows.ts";
import { sourceOf } from "../support/source.ts";

const MIB = 1024 * 1024;

describe("openReader of NDJSON", () => {
  test("each line is an object; empty lines, CRLF and a byte order mark are none", async () => {
    const rows = await rowsOf('\uFEFF{"a":"00123"}\r\n\r\n  {"a":{"b":[1]}}  \n', "ndjson", 3);
    expect(rows).toEqual([
      { kind: "object", row: 1, line: 1, object: { a: "00123" }, text: '{"a":"00123"}' },
      { kind: "object", row: 2, line: 3, object: { a: { b: [1] } }, text: '{"a":{"b":[1]}}' },
    ]);
  });

  test("columns are every top-level key of the file, in order of first appearance", async () => {
    const reader = await openReader(
      sourceOf('{"b":1,"a":{"x":1}}\nnonsense\n{"a":1,"c":2}\n{"updraft_row":1}', "ndjson"),
    );
    expect(reader.columns).toEqual(["b", "a", "c", "updraft_row"]);
  });

  test("a line that is no JSON is one bad row with its column, where the parser tells it", async () => {
    const rows = await rowsOf('{"a":1}\n  {"a" 1}\n{"a":\n{"a":2}\n', "ndjson");
    expect(bad(rows)).toMatchObject([
      { row: 2, line: 2, code: "not-json", column: 8, raw: '  {"a" 1}' },
      { row: 3, line: 3, code: "not-json", column: 6 },
    ]);
    expect(rows[3]).toMatchObject({ kind: "object", row: 4, line: 4 });
  });

  test.each([
    ["[1]", "an array"],
    ["null", "null"],
    ['"SECRET"', "a string"],
    ["12", "a number"],
  ])("%s is JSON, but no object", async (line, got) => {
    const rows = await rowsOf(`{"a":1}\n${line}\n`, "ndjson");
    expect(bad(rows)).toMatchObject([{ row: 2, code: "not-an-object", detail: `expected an object, got ${got}` }]);
  });

  test("a key named __proto__ is a key like any other", async () => {
    const rows = await rowsOf('{"__proto__":{"polluted":true},"a":1}\n', "ndjson");
    const [row] = rows;
    expect(row?.kind === "object" && Object.keys(row.object)).toEqual(["__proto__", "a"]);
    expect(row?.kind === "object" && "polluted" in row.object).toBe(false);
    expect("polluted" in {}).toBe(false);
  });

  test("a line longer than 1 MiB is one bad row, and the next is read", async () => {
    const line = (length: number) => `{"a":"${"x".repeat(length - 8)}"}`;
    const rows = await rowsOf(`${line(MIB)}\n${line(MIB + 1)}\n${line(3 * MIB)}\r\n{"a":1}`, "ndjson");
    expect(rows.map((row) => (row.kind === "bad" ? row.code : row.line))).toEqual([
      1,
      "row-too-long",
      "row-too-long",
      4,
    ]);
  });

  test("bytes that are not UTF-8 cost their own line", async () => {
    const rows = await rowsOf(Buffer.from('{"a":"\xff"}\n{"a":"\xc3\xa9"}\n', "latin1"), "ndjson");
    expect(rows).toMatchObject([{ code: "encoding", column: 7, line: 1 }, { object: { a: "é" } }]);
  });

  test("more than 1,000 different keys are refused, because keys are names", async () => {
    const lines = Array.from({ length: 1_001 }, (_, at) => `{"k${at}":1}`).join("\n");
    await expect(openReader(sourceOf(lines, "ndjson"))).rejects.toMatchObject({
      code: "ndjson-too-many-keys",
      exit: 2,
    });
  });

  test("a file of empty lines has no records", async () => {
    await expect(openReader(sourceOf("\n\n", "ndjson"))).rejects.toMatchObject({ code: "file-no-records", exit: 2 });
  });
});
