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
      { kind: "object", row: 1, line: 1, column: 1, object: { a: "00123" }, text: '{"a":"00123"}' },
      { kind: "object", row: 2, line: 3, column: 3, object: { a: { b: [1] } }, text: '{"a":{"b":[1]}}' },
    ]);
  });

  test("columns are every top-level key of the file, in order of first appearance", async () => {
    const reader = await openReader(
      sourceOf('{"b":1,"a":{"x":1}}\nnonsense\n{"a":1,"c":2}\n{"updraft_row":1}', "ndjson"),
    );
    expect(reader.columns).toEqual(["b", "a", "c", "updraft_row"]);
  });

  test("a line that is no JSON is one bad row, with its column and what is wrong there", async () => {
    const rows = await rowsOf('{"a":1}\n  {"a" 1}\n{"a":\n{"a":2}\n', "ndjson");
    expect(bad(rows)).toMatchObject([
      {
        ...{ row: 2, line: 2, code: "not-json", column: 8, raw: '  {"a" 1}' },
        detail: "expected a colon behind a key, got a digit",
      },
      { row: 3, line: 3, code: "not-json", column: 6, detail: "expected a value, got the end" },
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

  test.each([
    ['{"id":"1","city":"x","id":"2"}', "duplicate-key", 22],
    ['{ "id": "1", "a": [{"b": 1, "b": 1}] }', "duplicate-key", 29],
    ['{"id":"1","\\u0069d":"2"}', "duplicate-key", 11],
    [`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "too-deep", 69],
    [`{"a":${"[".repeat(400_000)}`, "too-deep", 69],
    ['{"a":1} {"a":2}', "not-json", 9],
    ['{"id":"\\\\ \\ud83d\\ude00 \\ud83d"}', "encoding", 24],
    ['{"id":"\\uDE00\\ud83d"}', "encoding", 8],
    ['{"id":+1}', "not-json", 7],
    ['{"id":007}', "not-json", 8],
    ['{"SECRET":SECRET}', "not-json", 11],
  ])("%# is rejected with its column, and the next line is read", async (line, code, column) => {
    const rows = await rowsOf(`${line}\n{"id":"3"}\n`, "ndjson");
    expect(rows).toMatchObject([
      { kind: "bad", row: 1, line: 1, code, column },
      { kind: "object", row: 2, line: 2 },
    ]);
    expect(bad(rows)[0]?.detail).not.toContain("SECRET");
  });

  test("values are what the text says, however it is spaced and escaped", async () => {
    const line = '{ "a" : "\\u00fc \\" , : { \\\\" ,"b":[ 1 , 2.5,true ],\t"c": {} }';
    const [row] = await rowsOf(`${line}\n`, "ndjson");
    expect(row).toMatchObject({ object: { a: 'ü " , : { \\', b: [1, 2.5, true], c: {} } });
  });

  test("a number whose text its value would not give back is out of bounds, so that nothing takes it for a text", async () => {
    const [row] = await rowsOf(
      '{"a":1.0,"b":[1e3,-0],"c":0.1234567890123456789,"d":1.50,"e":12,"f":"1.0"}\n',
      "ndjson",
    );
    const lost = Number.POSITIVE_INFINITY;
    expect(row).toMatchObject({ object: { a: lost, b: [lost, lost], c: lost, d: 1.5, e: 12, f: "1.0" } });
  });

  test.each([
    ['{\n  "customerId": "1"\n}\n{\n  "customerId": "2"\n}\n', "json-indented"],
    ['{\n "value": [\n{"customerId":"1"},\n{"customerId":"2"}\n]}\n', "json-indented"],
    ['{"value":[{"customerId":"1"},{"customerId":"2"}]}\n', "json-wrapped"],
  ])("objects that are not one on each line are said to be that: %j", async (text, code) => {
    await expect(openReader(sourceOf(text, "ndjson"))).rejects.toMatchObject({ code, exit: 2 });
  });

  test("lines that end with a comma are bad rows, not objects of several lines", async () => {
    const rows = await rowsOf('{"a":1},\n{"a":2},\n{"a":3}\n', "ndjson");
    expect(rows).toMatchObject([
      { code: "not-json", column: 8 },
      { code: "not-json", column: 8 },
      { object: { a: 3 } },
    ]);
  });

  test("a first line that ends too soon is one bad row where the others are whole", async () => {
    const rows = await rowsOf('{"a":1,\n{"a":2}\n', "ndjson");
    expect(rows).toMatchObject([{ kind: "bad", code: "not-json" }, { object: { a: 2 } }]);
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

  test("a file without one object is refused with what is wrong with its first row, and shown where it is only looked at", async () => {
    const text = "\n{'a':1}\n{'a':2}\n";
    await expect(openReader(sourceOf(text, "ndjson"))).rejects.toMatchObject({
      code: "json-no-object",
      message: expect.stringContaining("the first, on line 2, character 2: expected a key in quotes, got '"),
    });
    expect((await openReader(sourceOf(text, "ndjson"), { lenient: true })).rows).toBe(2);
  });
});
