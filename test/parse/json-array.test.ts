// JSON arrays in, cut anywhere, whole, broken or without end; each element is one row with the place where it begins.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { onOneLine } from "../../src/parse/json-row.ts";
import { openReader } from "../../src/parse/reader.ts";
import type { Row } from "../../src/parse/row.ts";
import { sourceOf } from "../support/source.ts";

const MIB = 1024 * 1024;

async function rowsOf(text: string | Buffer, chunk?: number): Promise<Row[]> {
  const reader = await openReader(sourceOf(text, "ndjson", chunk));
  const rows: Row[] = [];
  for await (const block of reader.blocks()) rows.push(...block);
  return rows;
}

/** What a test compares: object or code, and where. */
const shown = (rows: readonly Row[]) =>
  rows.map((row) => [row.kind === "object" ? row.object : row.kind === "bad" ? row.code : row.cells, row.line]);

describe("openReader of a JSON array", () => {
  const value = fc.jsonValue({ maxDepth: 3 }).map((json): unknown => JSON.parse(JSON.stringify(json)));
  const objects = fc.array(fc.dictionary(fc.string({ unit: "binary" }), value), { minLength: 1, maxLength: 8 });

  test("any array of objects, indented in any way and cut into chunks of any size, is its objects", async () => {
    await fc.assert(
      fc.asyncProperty(
        objects,
        fc.constantFrom("", "  ", "\t"),
        fc.integer({ min: 1, max: 60 }),
        async (list, space, cut) => {
          const text = JSON.stringify(list, null, space);
          fc.pre(list.some((one) => Object.keys(one).length > 0));
          const rows = await rowsOf(text, cut);
          expect(rows.map((row) => row.row)).toEqual(list.map((_, at) => at + 1));
          // A number out of bounds stands for one that has lost digits.
          const odd = /\d[.eE]|-0|\d{16}/.test(text);
          if (!odd) expect(rows.map((row) => row.kind === "object" && row.object)).toEqual(list);
          const lines = text.split("\n");
          for (const row of rows)
            if (row.kind === "object") expect([...(lines[row.line - 1] ?? "")][row.column - 1]).toBe("{");
        },
      ),
      { numRuns: 200 },
    );
  });

  test("how many there are is known before they are read, however few lines they have", async () => {
    expect((await openReader(sourceOf('[{"a":1},{"a":2},x,{"a":4}]', "ndjson"))).rows).toBe(4);
  });

  test("elements begin where they begin: line and character", async () => {
    const rows = await rowsOf('\uFEFF\r\n[ {"a":1}, {"a":"😀"}, {"a":3},\r\n\r\n\t{"a":\r\n4}]\r\n');
    expect(rows).toMatchObject([
      { row: 1, line: 2, column: 3, text: '{"a":1}' },
      { row: 2, line: 2, column: 12 },
      { row: 3, line: 2, column: 23 },
      { row: 4, line: 4, column: 2, text: '{"a":\r\n4}' },
    ]);
  });

  const INDENTED = (second: string) =>
    `[\n  {\n    "a": 1\n  },\n${second},\n  {\n    "a": [{\n      "b": 3\n    }]\n  }\n]\n`;
  test.each([
    ["a missing value", '  {\n    "a":\n  }', "not-json"],
    ["a missing brace", '  {\n    "a": {"b": 1\n  }', "not-json"],
    ["a brace too many", '  {\n    "a": 1}\n  }', "ok+not-json"],
    ["a quote that is not closed", '  {\n    "a": "x\n  }', "not-json"],
    ["two commas", '  {\n    "a": 2,,\n    "b": {"c": 1}\n  }', "not-json"],
    ["a key twice", '  {\n    "a": 2,\n    "a": 3\n  }', "duplicate-key"],
    ["a value that is no object", "  12", "not-an-object"],
    ["nothing", "  ", "not-json"],
    ["letters", "  SECRET", "not-json"],
    ["too many levels", `  {"a": ${"[".repeat(100)}${"]".repeat(100)}}`, "too-deep"],
  ])("%s costs its own element, and no other", async (_name, second, code) => {
    for (const cut of [1, 7, 64 * 1024]) {
      const rows = await rowsOf(INDENTED(second), cut);
      const found = shown(rows);
      const broken = code.startsWith("ok+")
        ? [
            [{ a: 1 }, 5],
            ["not-json", 7],
          ]
        : [[code, 5]];
      expect(found.slice(0, -1)).toEqual([[{ a: 1 }, 2], ...broken]);
      expect(found.at(-1)?.[0]).toEqual({ a: [{ b: 3 }] });
      for (const row of rows) if (row.kind === "bad") expect(row.detail).not.toContain("SECRET");
    }
  });

  test("in one line, too, as far as brackets or the next object tell", async () => {
    for (const cut of [1, 5, 64 * 1024]) {
      expect(shown(await rowsOf('[{"a":1},{"a":},{"a":3}]', cut))).toEqual([
        [{ a: 1 }, 1],
        ["not-json", 1],
        [{ a: 3 }, 1],
      ]);
      expect(shown(await rowsOf('[{"a":1},{"a":"x},{"a":"y"},{"a":"z"}]', cut))).toEqual([
        [{ a: 1 }, 1],
        ["not-json", 1],
        [{ a: "z" }, 1],
      ]);
    }
  });

  test("a fault has its line and character, also in a line further down", async () => {
    const [first, second] = await rowsOf('[{"a" 1},\n  {"a":\n    nul\n  }\n,{"a":1}]');
    expect(first).toMatchObject({ line: 1, column: 7, detail: "expected a colon behind a key, got a digit" });
    expect(second).toMatchObject({
      line: 2,
      column: null,
      detail: "expected a value, got a letter (on line 3, character 5)",
    });
  });

  test("a comma that is missing, or is one too many, is a row that is rejected", async () => {
    expect(shown(await rowsOf('[{"a":1}\n{"a":2},\n{"a":3},\n]'))).toEqual([
      [{ a: 1 }, 1],
      ["not-json", 2],
      [{ a: 3 }, 3],
      ["not-json", 4],
    ]);
    expect(shown(await rowsOf('[{"a":1},,{"a":3}]'))).toEqual([
      [{ a: 1 }, 1],
      ["not-json", 1],
      [{ a: 3 }, 1],
    ]);
  });

  test.each([
    ["ends within an element", '[{"a":1},{"a":', "json-array-open"],
    ["ends behind a list within an element", '[{"a":1},{"a":[2]\n', "json-array-open"],
    ["ends behind an element", '[{"a":1},\n{"a":2}\n', "json-array-open"],
    ["ends behind a comma", '[{"a":1},\n', "json-array-open"],
    ["goes on with another array", '[{"a":1}]\n[{"a":2}]', "json-array-goes-on"],
    ["goes on with text", '[{"a":1}] SECRET', "json-array-goes-on"],
    ["has nothing in it", "[ ]", "file-no-records"],
  ])("an array that %s is refused as a whole, with exit code 2", async (_name, text, code) => {
    for (const cut of [1, 64 * 1024]) {
      const error: unknown = await openReader(sourceOf(text, "ndjson", cut)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, exit: 2 });
      expect(String(error)).not.toContain("SECRET");
    }
  });

  test("an element longer than 1 MiB is one row, is never held, and the next is read", async () => {
    const long = `{"a":"${"x".repeat(5 * MIB)}"}`;
    const source = sourceOf(`[{"a":1},\n${long},{"b":2}\n,{"a":["${"x]},{".repeat(MIB)}"]}, {"a":3}]`, "ndjson");
    const reader = await openReader(source);
    const rows: Row[] = [];
    for await (const block of reader.blocks()) rows.push(...block);
    expect(shown(rows)).toEqual([
      [{ a: 1 }, 1],
      ["row-too-long", 2],
      [{ b: 2 }, 2],
      ["row-too-long", 3],
      [{ a: 3 }, 3],
    ]);
    expect(reader.columns).toEqual(["a", "b"]);
  });

  test("one line of many megabytes is many rows", async () => {
    const text = JSON.stringify(Array.from({ length: 100_000 }, (_, at) => ({ customerId: `c${at}`, city: "Köln" })));
    const rows = await rowsOf(text);
    expect(rows).toHaveLength(100_000);
    expect(rows.at(-1)).toMatchObject({ row: 100_000, line: 1, object: { customerId: "c99999", city: "Köln" } });
    expect(rows.at(-1)).toMatchObject({ column: text.lastIndexOf("{") + 1 });
  });

  test("bytes that are no text cost their own element", async () => {
    const bytes = Buffer.from('[{"a":"\uFFFD"},\n{"a":"x"},\n {"a":"é"}]');
    bytes[bytes.indexOf("x")] = 0xff;
    for (const cut of [1, 64 * 1024])
      expect(await rowsOf(bytes, cut)).toMatchObject([
        { object: { a: "\uFFFD" } },
        { code: "encoding", line: 2, column: 7, detail: expect.stringContaining("at byte 7 of line 2") },
        { object: { a: "é" } },
      ]);
  });

  test("white space without end is neither held nor looked at again and again", async () => {
    const wide = " ".repeat(MIB / 4);
    const started = process.cpuUsage();
    const rows = await rowsOf(`[\n${wide}${wide}${wide}\n{"a":1${wide}x,\n{"a":${wide}\n${wide}2}\n]`);
    expect(shown(rows)).toMatchObject([
      ["not-json", 3],
      [{ a: 2 }, 4],
    ]);
    const [, second] = rows;
    expect(second?.kind === "object" && onOneLine(second.text)).toBe('{"a": 2}');
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(20);
  });

  test("any text behind a bracket ends, as rows or as one error", async () => {
    const unit = fc.constantFrom(
      ...'{}[],:"\\ \n1a'.split(""),
      '{"a":1}',
      "\n  {",
      '"a":',
      "\u00a0",
      "\ufeff",
      "\u2028",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(unit, { maxLength: 40 }), fc.integer({ min: 1, max: 30 }), async (units, cut) => {
        const text = `[{"a":1}${units.join("")}`;
        const end = await rowsOf(text, cut).catch((error: unknown) => error);
        const whole = await rowsOf(text).catch((error: unknown) => error);
        if (Array.isArray(end)) expect(end).toEqual(whole);
        else expect(end).toMatchObject({ exit: 2 });
        if (Array.isArray(end)) expect(end[0]).toMatchObject({ kind: "object", object: { a: 1 } });
      }),
      { numRuns: 200 },
    );
  });
});
