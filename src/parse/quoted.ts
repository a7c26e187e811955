// The start of a CSV record that has quotes in; its cells and its end out, or what breaks the rules, or that text is missing.
import { isTooLong, type QuotingCode } from "./bad.ts";
import { MAX_ROW } from "./lines.ts";

export interface Shape {
  readonly delimiter: string;
  /** The header's cells as the file has them: as many a record should have. Null while nobody knows. */
  readonly header: readonly string[] | null;
}

export type Walked =
  | {
      readonly kind: "record";
      /** Where its line end, or the end of the text, stands. */
      readonly end: number;
      /** The first quote behind it. */
      readonly nextQuote: number;
      readonly cells: string[];
      /** A quote is doubled somewhere, and still is in `cells`. */
      readonly doubled: boolean;
    }
  | { readonly kind: "fault"; readonly code: QuotingCode; readonly at: number }
  /** The text ends before the record does. */
  | { readonly kind: "more" };

const QUOTE = 34;
const CR = 13;

/**
 * Walks the record that starts at `start`, whose first line ends at `firstEnd` and holds the quote at `firstQuote`, by the rules
 * of RFC 4180: a quote opens at the start of a cell only, `""` is a quote, a closing quote is followed by a delimiter or
 * a line end. `text` is whole lines, and all there is if `final`.
 */
export function walkQuoted(
  text: string,
  start: number,
  firstEnd: number,
  firstQuote: number,
  shape: Shape,
  final: boolean,
): Walked {
  const { delimiter } = shape;
  const cells: string[] = [];
  let cell = start;
  let end = firstEnd;
  let open = firstQuote;
  let doubled = false;
  let opened = -1;
  while (open < end) {
    if (open > cell) {
      if (text[open - 1] !== delimiter) return fault("quote-in-field", open, opened);
      for (const plain of text.slice(cell, open - 1).split(delimiter)) cells.push(plain);
    }
    let close = find(text, '"', open + 1);
    while (text.charCodeAt(close + 1) === QUOTE) {
      doubled = true;
      close = find(text, '"', close + 2);
    }
    if (close > end && opened === -1) opened = open;
    if (close - start > MAX_ROW) {
      // The limit counts even where the text at hand goes on: what is found must not depend on how the file was cut.
      return final || text.length - start > MAX_ROW ? fault("quote-not-closed", open, opened) : { kind: "more" };
    }
    if (close > end) end = lineEnd(text, close);
    cells.push(text.slice(open + 1, close));
    open = find(text, '"', close + 1);
    cell = close + 2;
    if (close + 1 === contentEnd(text, close, end)) break;
    if (text[close + 1] !== delimiter) return fault("text-after-quote", close + 1, opened);
  }
  const content = contentEnd(text, start, end);
  if (cell <= content) for (const plain of text.slice(cell, content).split(delimiter)) cells.push(plain);
  if (opened !== -1 && (isTooLong(text, start, content) || swallowsRow(text, firstEnd, end, cells.length, shape))) {
    return fault("quote-not-closed", opened, opened);
  }
  return { kind: "record", end, nextQuote: open, cells, doubled };
}

/** Where a text is next found, at or behind `from`; Infinity where it is not. */
export function find(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}

/** Where the line that holds `from` ends: at its line feed, or with the text. */
export function lineEnd(text: string, from: number): number {
  return Math.min(find(text, "\n", from), text.length);
}

/** `end` without the CR of a CRLF. */
export function contentEnd(text: string, start: number, end: number): number {
  return end > start && text.charCodeAt(end - 1) === CR ? end - 1 : end;
}

/** A cell of several lines is what an unclosed quote looks like, so it is the one to blame for what does not fit later. */
function fault(code: QuotingCode, at: number, opened: number): Walked {
  return opened === -1 ? { kind: "fault", code, at } : { kind: "fault", code: "quote-not-closed", at: opened };
}

/** Whether, in a record with a wrong number of cells, a line within has the right one: a quote that was not closed swallowed it. */
function swallowsRow(
  text: string,
  firstEnd: number,
  end: number,
  cells: number,
  { delimiter, header }: Shape,
): boolean {
  const width = header?.length ?? 0;
  if (width < 2 || cells === width) return false;
  const inside = text.slice(firstEnd + 1, text.lastIndexOf("\n", end - 1));
  return inside.split("\n").some((line) => line.split(delimiter).length === width);
}
