// Tables in any dialect that a person can tell, cut anywhere, in; the same tables out.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UpdraftError } from "../../src/errors.ts";
import { ENCODINGS } from "../../src/open/encoding.ts";
import type { Dialect, Told } from "../../src/parse/dialect.ts";
import { RFC_4180 } from "../../src/parse/dialect.ts";
import { openReader } from "../../src/parse/reader.ts";
import { canEncode, encode } from "../support/encode.ts";
import { allRows, rowsOf } from "../support/rows.ts";
import { sourceOf } from "../support/source.ts";

const RUNS = { numRuns: 600 };
const chunk = fc.integer({ min: 1, max: 40 });
const width = fc.integer({ min: 1, max: 4 });

interface Written extends Pick<Dialect, "delimiter" | "quote" | "escape"> {
  readonly eol: string;
  /** Quotes every cell, not only those that need it. */
  readonly always: boolean;
  readonly header: boolean;
  readonly bom: boolean;
  readonly lastEnd: boolean;
}

const dialect: fc.Arbitrary<Written> = fc
  .record({
    delimiter: fc.constantFrom(",", ";", "\t", "|", ", ", "||", " ", "~"),
    quote: fc.constantFrom('"', "'", "`", null),
    escape: fc.constantFrom("double", "\\", "^", null),
    eol: fc.constantFrom("\n", "\r\n", "\r"),
    always: fc.boolean(),
    header: fc.boolean(),
    bom: fc.boolean(),
    lastEnd: fc.boolean(),
  })
  .map((one) => ({ ...one, escape: one.escape === "double" ? one.quote : one.escape }));

const text = fc.oneof(
  fc.string({
    unit: fc.constantFrom(..."ab ,;|\t~\"'`\\^é😀\uFFFD\uFEFF", "\n", "\r", "\r\n", "||", ", "),
    maxLength: 8,
  }),
  fc.string({ unit: "binary", maxLength: 8 }).map((any) => any.replaceAll("\0", "")),
);

/** What a dialect has no way of writing. */
function canHold(cell: string, { delimiter, quote, escape: escaping }: Written): boolean {
  if (quote === null) return ![...delimiter, "\r", "\n", "\uFEFF"].some((mark) => cell.includes(mark));
  return (
    escaping !== null || ![delimiter, "\r", "\n"].some((end) => cell.includes(quote + end) || end.startsWith(quote))
  );
}

function write(cell: string, { delimiter, quote, escape: escaping, always }: Written, isFirst: boolean): string {
  if (quote === null) return cell;
  const marks = [...delimiter, quote, "\r", "\n", "\uFEFF"];
  // A line of nothing but spaces is blank.
  const isPlain = !marks.some((mark) => cell.includes(mark)) && (!isFirst || cell.trim() !== "");
  if (!always && isPlain) return cell;
  if (escaping === null) return quote + cell + quote;
  const escaped = escaping === quote ? cell : cell.replaceAll(escaping, () => escaping + escaping);
  return quote + escaped.replaceAll(quote, () => escaping + quote) + quote;
}

const table = fc.tuple(dialect, width).chain(([how, cells]) =>
  fc
    .array(
      fc
        .array(
          text.filter((cell) => canHold(cell, how)),
          { minLength: cells, maxLength: cells },
        )
        // A line of nothing but delimiters or spaces is blank, unless something in it is quoted.
        .filter((row) => how.quote !== null || (cells > 1 ? row.some((cell) => cell !== "") : row[0]?.trim() !== "")),
      { minLength: 1, maxLength: 8 },
    )
    .map((rows) => ({ how, rows, names: Array.from({ length: cells }, (_, at) => `name${at}`) })),
);

function toldOf({ delimiter, quote, escape: escaping, header }: Written, columns: readonly string[]): Told {
  const told = { ...RFC_4180, delimiter, quote, escape: escaping };
  return header ? told : { ...told, headerLines: 0, preambleLines: 1, columns };
}

describe("openReader of delimited text, in a dialect that was told", () => {
  test("any table that the dialect and the encoding can hold is read back exactly, cut at any byte", async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.constantFrom(...ENCODINGS), chunk, async ({ how, rows, names }, wished, size) => {
        // Either shows in which way lines end, which is not told but recognised.
        const above = how.header ? names.join(how.delimiter) : "the list of today";
        const lines = rows.map((cells) => cells.map((cell, at) => write(cell, how, at === 0)).join(how.delimiter));
        const written = (how.bom ? "\uFEFF" : "") + [above, ...lines].join(how.eol) + (how.lastEnd ? how.eol : "");
        const encoding = canEncode(written, wished) ? wished : "utf-16be";
        const source = sourceOf(encode(written, encoding), "csv", size, encoding);
        const read = await allRows(await openReader(source, { told: toldOf(how, names) }));
        expect(read.map((row) => (row.kind === "cells" ? row.cells : row))).toEqual(rows);
        expect(read.map(({ row }) => row)).toEqual(rows.map((_, at) => at + 1));
      }),
      RUNS,
    );
  });

  test("any text at all: rows are counted from 1, lines rise, and the cut makes no difference", async () => {
    const any = fc
      .array(fc.constantFrom("a", "1", " ", ",", ";", "||", '"', '""', "'", "\\", "#", "\n", "\r\n", "\r", "\0", "é"))
      .map((some) => some.join(""));
    const lines = fc.record({
      comment: fc.constantFrom("#", null),
      headerLines: fc.integer({ min: 0, max: 3 }),
      preambleLines: fc.integer({ min: 0, max: 2 }),
      footnoteLines: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(dialect, lines, any, fc.boolean(), chunk, async (how, more, some, headed, size) => {
        const told: Told = { ...toldOf(how, ["id", "one"]), ...more };
        const content = headed ? `id${how.delimiter}one\n1${how.delimiter}2\n${some}` : some;
        const outcome = (at: number) =>
          rowsOf(content, "csv", at, { told, lenient: headed }).catch((error: unknown) => {
            if (error instanceof UpdraftError) return error.code;
            throw error;
          });
        const rows = await outcome(size);
        expect(rows).toEqual(await outcome(1_000_000));
        if (typeof rows === "string") return;
        expect(rows.map(({ row }) => row)).toEqual(rows.map((_, at) => at + 1));
        for (const [at, { line }] of rows.entries()) expect(line).toBeGreaterThan(rows[at - 1]?.line ?? 0);
      }),
      RUNS,
    );
  });

  test("lines that end with LF and with CRLF may stand side by side", async () => {
    const rows = await rowsOf('a,b\r\n1,"x\r\ny"\n2,z\r\n\n3,"q"\r\n');
    expect(rows.map((row) => (row.kind === "cells" ? row.cells : row))).toEqual([
      ["1", "x\r\ny"],
      ["2", "z"],
      ["3", "q"],
    ]);
  });

  test("in a file whose lines end with CR, cells keep their line feeds and their own carriage returns", async () => {
    const rows = await rowsOf('a,b\r1,"x\ny\rz"\r2,"6"" nail"\r3,"open\r', "csv", 3);
    expect(rows).toMatchObject([
      { line: 2, cells: ["1", "x\ny\rz"] },
      { line: 4, cells: ["2", '6" nail'] },
      { line: 5, code: "quote-not-closed", raw: '3,"open' },
    ]);
  });
});
