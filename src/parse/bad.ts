// What is wrong with a record, and where, in; the bad row that says so without a word of the record itself out.
import type { EncodingName } from "../open/encoding.ts";
import { cutAnyway } from "./cut.ts";
import { NOT_UTF8 } from "./lines.ts";
import type { BadCode, BadRow } from "./row.ts";
import { linesIn } from "./scan.ts";
import type { Shape } from "./shape.ts";

/** The rules of quoting, one sentence each. */
const QUOTING = {
  "quote-in-field": "a quote inside a cell: expected the whole cell in quotes and each quote within doubled",
  "text-after-quote": "text after a closing quote: expected a delimiter or the end of the line",
  "quote-not-closed": "a quote opens a cell and is not closed where a cell can end, within 1,000 lines and 1 MiB",
} as const satisfies Partial<Record<BadCode, string>>;

export type QuotingCode = keyof typeof QUOTING;

/** `at` counts UTF-16 units from the start of `raw`. Its cells are cut only if somebody asks: most never do. */
export function badQuoting(
  row: number,
  line: number,
  raw: string,
  code: QuotingCode,
  at: number,
  shape: Shape,
): BadRow {
  return {
    kind: "bad",
    row,
    line,
    code,
    column: columnAt(raw, at),
    detail: QUOTING[code],
    raw,
    get cells() {
      return cutAnyway(raw, shape);
    },
  };
}

export function badCount(row: number, line: number, raw: string, expected: number, cells: readonly string[]): BadRow {
  const detail = `expected ${expected} ${expected === 1 ? "cell" : "cells"}, got ${cells.length}`;
  return { kind: "bad", row, line, code: "column-count", column: null, detail, raw, cells };
}

export function badHeaderAgain(row: number, line: number, raw: string, cells: readonly string[]): BadRow {
  const detail = "the header once more: expected one header, at the start of the file";
  return { kind: "bad", row, line, code: "header-again", column: null, detail, raw, cells };
}

/** `from` is the line on which the other table begins. */
export function badTable(row: number, line: number, raw: string, from: number, cells: BadRow["cells"]): BadRow {
  const detail = `another table, with other columns, begins on line ${from}: expected one table in a file`;
  return { kind: "bad", row, line, code: "second-table", column: null, detail, raw, cells };
}

/** Behind a blank line, and not as wide as the table: a title, a sum, a remark. */
export function badWords(row: number, line: number, raw: string, cells: readonly string[]): BadRow {
  const detail = "expected a record, got words where every record above has values, behind a blank line";
  return { kind: "bad", row, line, code: "not-a-record", column: null, detail, raw, cells };
}

export function badLength(row: number, line: number): BadRow {
  const detail = "expected at most 1 MiB, got more";
  return { kind: "bad", row, line, code: "row-too-long", column: null, detail, raw: "", cells: null };
}

/** A bad row if the text holds NUL or stands for bytes that are not valid in the file's encoding; null if it is text. No `shape`: it has no cells. */
export function badEncoding(
  row: number,
  line: number,
  text: string,
  encoding: EncodingName,
  shape: Shape | null,
): BadRow | null {
  const at = text.search(/[\0\uDFFF]/u);
  if (at === -1) return null;
  const got = text[at] === "\0" ? "a NUL" : "bytes that are not valid in it";
  const before = text.lastIndexOf("\n", at);
  const byte = bytesOf(text.slice(before + 1, at), encoding) + 1;
  const where = `at byte ${byte} of line ${line + linesIn(text.slice(0, at))}`;
  const raw = text.replace(new RegExp(NOT_UTF8, "gu"), "\uFFFD");
  return {
    kind: "bad",
    row,
    line,
    code: "encoding",
    column: before === -1 ? columnAt(text, at) : null,
    detail: `expected text in ${encoding}, got ${got}, ${where}`,
    raw,
    get cells() {
      return shape === null ? null : cutAnyway(raw, shape);
    },
  };
}

/** How long a text is in the file itself. */
function bytesOf(text: string, encoding: EncodingName): number {
  switch (encoding) {
    case "utf-8":
      return Buffer.byteLength(text);
    case "utf-16le":
    case "utf-16be":
      return text.length * 2;
    case "windows-1252":
    case "iso-8859-1":
      return text.length;
    default:
      return encoding satisfies never;
  }
}

/** Characters from 1, where a pair of surrogates is one. */
function columnAt(text: string, at: number): number {
  const pairs = text.slice(0, at).match(/[\uD800-\uDBFF]/g);
  return at - (pairs?.length ?? 0) + 1;
}
