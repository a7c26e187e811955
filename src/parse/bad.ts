// What is wrong with a record, and where, in; the bad row that says so without a word of the record itself out.
import type { EncodingName } from "../open/encoding.ts";
import { MAX_ROW, NOT_UTF8 } from "./lines.ts";
import type { BadCode, BadRow } from "./row.ts";

/** The rules of quoting, one sentence each. */
const QUOTING = {
  "quote-in-field": "a quote inside a cell: expected the whole cell in quotes and each quote within doubled",
  "text-after-quote": "text after a closing quote: expected a delimiter or the end of the line",
  "quote-not-closed": "a quote opens a cell and is not closed where a cell can end, within 1 MiB",
} as const satisfies Partial<Record<BadCode, string>>;

export type QuotingCode = keyof typeof QUOTING;

/** `at` counts UTF-16 units from the start of `raw`. */
export function badQuoting(row: number, line: number, raw: string, code: QuotingCode, at: number): BadRow {
  return { kind: "bad", row, line, code, column: columnAt(raw, at), detail: QUOTING[code], raw };
}

export function badCount(row: number, line: number, raw: string, expected: number, got: number): BadRow {
  const detail = `expected ${expected} ${expected === 1 ? "cell" : "cells"}, got ${got}`;
  return { kind: "bad", row, line, code: "column-count", column: null, detail, raw };
}

export function badHeaderAgain(row: number, line: number, raw: string): BadRow {
  const detail = "the header once more: expected one header, at the start of the file";
  return { kind: "bad", row, line, code: "header-again", column: null, detail, raw };
}

export function badLength(row: number, line: number): BadRow {
  return {
    kind: "bad",
    row,
    line,
    code: "row-too-long",
    column: null,
    detail: "expected at most 1 MiB, got more",
    raw: "",
  };
}

/** A bad row if the text holds NUL or stands for bytes that are not valid in the file's encoding; null if it is text. */
export function badEncoding(row: number, line: number, raw: string, encoding: EncodingName): BadRow | null {
  const at = raw.search(/[\0\uDFFF]/u);
  if (at === -1) return null;
  const got = raw[at] === "\0" ? "a NUL" : "bytes that are not valid in it";
  const before = raw.lastIndexOf("\n", at);
  const byte = bytesOf(raw.slice(before + 1, at), encoding) + 1;
  const where = `at byte ${byte} of line ${line + linesIn(raw.slice(0, at))}`;
  return {
    kind: "bad",
    row,
    line,
    code: "encoding",
    column: before === -1 ? columnAt(raw, at) : null,
    detail: `expected text in ${encoding}, got ${got}, ${where}`,
    raw: raw.replace(new RegExp(NOT_UTF8, "gu"), "\uFFFD"),
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

/** Whether text[start, end) takes more than MAX_ROW bytes as UTF-8, where a character takes at most three a unit. */
export function isTooLong(text: string, start: number, end: number): boolean {
  const units = end - start;
  return units > MAX_ROW || (units * 3 > MAX_ROW && Buffer.byteLength(text.slice(start, end)) > MAX_ROW);
}

/** Line feeds in a text. */
export function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

/** Characters from 1, where a pair of surrogates is one. */
function columnAt(text: string, at: number): number {
  const pairs = text.slice(0, at).match(/[\uD800-\uDBFF]/g);
  return at - (pairs?.length ?? 0) + 1;
}
