// The text of one JSON value, and where it begins, in; the row that it is, or what is wrong with it and where, out.
import type { EncodingName } from "../open/encoding.ts";
import { badEncoding } from "./bad.ts";
import { behindSpace, gotAt, type JsonFault, MAX_DEPTH, type OddNumber, scanJson } from "./json-scan.ts";
import { NOT_UTF8 } from "./lines.ts";
import type { BadRow, ObjectRow, Row } from "./row.ts";

/** Of a value's text: which row it is and where it begins. */
export interface Place {
  readonly row: number;
  readonly line: number;
  /** In characters from 1. */
  readonly column: number;
}

/**
 * `suspect`: the file's encoding, where the text may hold NUL or bytes that are not valid in it. `trusted`: what JSON.parse does not
 * tell does not matter, or has been looked for.
 */
export function jsonRow(text: string, place: Place, suspect: EncodingName | null, trusted = false): Row {
  const broken = suspect === null ? -1 : text.search(/[\0\uDFFF]/u);
  if (suspect !== null && broken !== -1) {
    const got = text[broken] === "\0" ? "a NUL" : "bytes that are not valid in it";
    const detail = `expected text in ${suspect}, got ${got}`;
    // Of a line, its byte is known, too.
    const { row, line, column } = place;
    const bad = column === 1 ? badEncoding(row, line, text, suspect, null) : null;
    return bad ?? badJson(text, place, { code: "encoding", at: broken, detail });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return badJson(text, place, faultIn(text));
  }
  if (!isObject(value)) {
    const got = Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
    return badJson(text, place, { code: "not-an-object", at: firstOf(text), detail: `expected an object, got ${got}` });
  }
  const half = text.includes("\\u") ? halfPairIn(text) : -1;
  if (half !== -1) return badJson(text, place, { code: "encoding", at: half, detail: HALF });
  const trimmed = text.trim();
  const column = place.column + firstOf(text);
  if (trusted || isWhole(value, trimmed)) return { kind: "object", ...place, column, object: value, text: trimmed };
  const { fault, numbers } = scanJson(trimmed);
  if (fault !== null) return badJson(text, place, { ...fault, at: fault.at + firstOf(text) });
  const object: unknown = JSON.parse(withoutLosses(trimmed, numbers));
  return { kind: "object", ...place, column, object: isObject(object) ? object : value, text: trimmed };
}

/** Of an element of an array, whose line ends are no part of its texts: JSON has none there. */
export function onOneLine(text: string): string {
  if (!text.includes("\n")) return text;
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").join(" ");
}

/** `at` counts UTF-16 units of `raw`, which begins at `place`. */
export function badJson(
  raw: string,
  place: Place,
  { code, at, detail }: { readonly code: BadRow["code"]; readonly at: number; readonly detail: string },
): BadRow {
  const { row, line } = place;
  const where = placeIn(raw, at, place);
  const further = where.line === line ? "" : ` (on line ${where.line}, character ${where.column})`;
  return {
    ...{ kind: "bad", row, line, code },
    column: further === "" ? where.column : null,
    detail: detail + further,
    raw: raw.replaceAll(NOT_UTF8, "\uFFFD"),
    cells: null,
  };
}

/** Where the number stands that a key has and that is no whole number in digits; null where there is none, or more than one. */
export function placeOfNumber(row: ObjectRow, key: string): { line: number; column: number } | null {
  const [found, ...others] = scanJson(row.text).numbers.filter((number) => number.key === key);
  return found === undefined || others.length > 0 ? null : placeIn(row.text, found.start, row);
}

/** Line and character of a place in a text that begins at `begin`. */
export function placeIn(
  text: string,
  at: number,
  begin: { readonly line: number; readonly column: number },
): { line: number; column: number } {
  const before = text.slice(0, at);
  const lines = before.split("\n");
  const last = lines.at(-1) ?? "";
  // A pair of surrogates is one character.
  const units = last.length - (last.match(/[\uD800-\uDBFF]/g)?.length ?? 0);
  return { line: begin.line + lines.length - 1, column: lines.length === 1 ? begin.column + units : units + 1 };
}

const HALF = "expected text, got an escape that is half of a surrogate pair";
/** Of valid JSON: an escaped backslash, a whole pair, and half of one. */
const ESCAPES = /\\\\|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}/g;
const HALF_LENGTH = 6;

/** Where an escape stands that JSON.parse takes and that is no text: no encoding has it. -1: nowhere. */
function halfPairIn(text: string): number {
  for (const match of text.matchAll(ESCAPES)) if (match[0].length === HALF_LENGTH) return match.index;
  return -1;
}

function faultIn(text: string): JsonFault {
  const { end, fault } = scanJson(text);
  if (fault !== null && fault.code !== "duplicate-key") return fault;
  const at = behindSpace(text, end);
  return { code: "not-json", at, detail: `expected one JSON value, and nothing behind it, got ${gotAt(text, at)}` };
}

/**
 * Whether the value is not too deep and, written anew, the text itself: then no key came twice and no number lost a digit. True for
 * most of what programs write, with the spaces that some of them put between parts or without, and six times as fast as a scan.
 * Where a space goes out of a text in quotes, the two differ, and it is scanned.
 */
function isWhole(value: object, text: string): boolean {
  if (isDeeper(value, MAX_DEPTH)) return false;
  const written = JSON.stringify(value);
  if (written.length === text.length) return written === text;
  return text.replaceAll('": ', '":').replaceAll(', "', ',"').replaceAll(", {", ",{") === written;
}

function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  for (const key in value) {
    const part: unknown = Reflect.get(value, key);
    if (typeof part === "object" && part !== null && isDeeper(part, levels - 1)) return true;
  }
  return false;
}

/**
 * A number whose text its value does not give back (1.0, 1e3, decimals of many digits) is put out of bounds, so that nothing takes
 * it for a text. Whole numbers beyond 2^53 are that already.
 */
function withoutLosses(text: string, numbers: readonly OddNumber[]): string {
  let out = text;
  for (const { start, end } of numbers.toReversed()) {
    const written = text.slice(start, end);
    const value = Number(written);
    const lost = Number.isSafeInteger(value) || (!Number.isInteger(value) && written.replace(/\D/g, "").length > 15);
    if (lost && String(value) !== written) out = `${out.slice(0, start)}1e999${out.slice(end)}`;
  }
  return out;
}

function firstOf(text: string): number {
  return behindSpace(text, 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
