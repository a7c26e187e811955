// Any table, any text, any bytes, cut anywhere, in; what holds for all of them.
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UpdraftError } from "../../src/errors.ts";
import type { Format } from "../../src/open/source.ts";
import type { Row } from "../../src/parse/row.ts";
import { intact, rowsOf } from "../support/rows.ts";

const RUNS = { numRuns: 300 };
const chunk = fc.integer({ min: 1, max: 40 });
/** Text as cells have it, with what means something to CSV far more often than chance would have it. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", " ", ",", ";", '"', "\n", "\r", "\r\n", "é", "😀", "\uFFFD", "\uFEFF") }),
  fc.string({ unit: "binary" }).map((any) => any.replaceAll("\0", "")),
);
const width = fc.integer({ min: 2, max: 5 });
const table = width.chain((cells) =>
  fc.array(
    fc.array(text, { minLength: cells, maxLength: cells }).filter((row) => !isBlank(row)),
    { minLength: 1, maxLength: 12 },
  ),
);
/** What no reader can tell from a blank line. */
const isBlank = (row: readonly string[]) => row.every((cell) => cell === "");
const names = (row: readonly unknown[]) => row.map((_, at) => `name${at}`);

describe("openReader of CSV", () => {
  test("any table that csv-stringify writes is read back exactly, cut at any byte", async () => {
    const style = fc.record({
      bom: fc.boolean(),
      quoted: fc.boolean(),
      record_delimiter: fc.constantFrom("\n", "\r\n"),
    });
    await fc.assert(
      fc.asyncProperty(table, style, chunk, async (cells, options, size) => {
        const written = stringify([names(cells[0] ?? []), ...cells], { ...options, quoted_match: /[\r\n]/ });
        const rows = await rowsOf(written, "csv", size);
        expect(rows.map((row) => (row.kind === "cells" ? row.cells : row))).toEqual(cells);
      }),
      RUNS,
    );
  });

  test("cells that are slices of the text are the cells that csv-parse finds, for any text within the rules", async () => {
    const plain = text.map((any) => any.replaceAll(/[",\r\n]/g, ""));
    const quoted = text.map((any) => `"${any.replaceAll('"', '""')}"`);
    const undoubled = text.map((any) => `"${any.replaceAll('"', "'")}"`);
    const cell = fc.oneof(plain, quoted, undoubled);
    const record = width.chain((cells) =>
      fc.array(cell, { minLength: cells, maxLength: cells }).filter((row) => !isBlank(row)),
    );
    const lineEnd = fc.constantFrom("\n", "\r\n", "\n\n", "\r\n\r\n");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(record, lineEnd), { minLength: 1, maxLength: 12 }),
        chunk,
        async (records, size) => {
          const cells = records[0]?.[0].length ?? 0;
          const same = records.filter(([one]) => one.length === cells);
          const written = `${names(records[0]?.[0] ?? []).join(",")}\n${same.map(([one, end]) => one.join(",") + end).join("")}`;
          const [, ...expected] = parse(written, { record_delimiter: ["\r\n", "\n"], skip_empty_lines: true });
          expect(intact(await rowsOf(written, "csv", size)).map((row) => row.cells)).toEqual(expected);
        },
      ),
      RUNS,
    );
  });

  test("bad records never lose an intact row around them", async () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", " "), minLength: 1 });
    const inner = fc.string({ unit: fc.constantFrom("a", ",", "\n", "\r\n", '""') });
    const cell = fc.oneof(
      word,
      fc.tuple(word, inner).map(([first, rest]) => `"${first}${rest}"`),
    );
    const good = fc.tuple(cell, cell).map(([one, two]) => ({ good: true, line: `${one},${two}` }));
    // None of these can close a quote that another opened: that would be a record within the rules.
    const broken = fc
      .constantFrom('1,"open', '"open,2', '1,6" nail', '1,"x"y', "1", "1,2,3", '1,"x","y', '1,"open""', '1,"x" ,"')
      .map((line) => ({ good: false, line }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(good, good, broken), { minLength: 1 }), chunk, async (items, size) => {
        const ids = items.map(({ good: whole, line }, at) => ({ whole, line: `${whole ? `id${at},` : "x,"}${line}` }));
        const rows = await rowsOf(`id,one,two\n${ids.map(({ line }) => line).join("\n")}\n`, "csv", size);
        const read = new Set(intact(rows).map((row) => row.cells[0]));
        for (const [at, { whole }] of ids.entries()) if (whole) expect(read).toContain(`id${at}`);
      }),
      RUNS,
    );
  });
});

describe("openReader of anything", () => {
  const pieces = [
    ",",
    '"',
    '""',
    "\n",
    "\r\n",
    "\r",
    "a",
    "1",
    "\0",
    "\xff",
    "\xc3",
    "\xc3\xa9",
    "\xef\xbb\xbf",
    '{"a":1}',
    "{",
    "[",
    " ",
  ];
  const bytes = fc.array(fc.constantFrom(...pieces)).map((some) => Buffer.from(some.join(""), "latin1"));

  test.each<[Format]>([["csv"], ["ndjson"]])(
    "%s: rows are counted from 1, lines rise, and the cut makes no difference",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(bytes, fc.boolean(), chunk, async (some, headed, size) => {
          const content = headed ? Buffer.concat([Buffer.from("id,one\n"), some]) : some;
          const outcome = (at: number): Promise<Row[] | string> =>
            rowsOf(content, format, at).catch((error: unknown) => {
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
    },
  );
});
