// The start of a record that has quotes in; its cells and its end out, or what breaks the rules, or that text is missing.
import type { QuotingCode } from "./bad.ts";
import { MAX_ROW } from "./lines.ts";
import { contentEnd, find, hasMoreLines, isTooLong, lineEnd } from "./scan.ts";
import type { Shape } from "./shape.ts";

/** Most lines of one record: more are a quote that was never closed, found long before 1 MiB of short rows. */
const MAX_LINES = 1_000;

export type Walked =
  | {
      readonly kind: "record";
      /** Where its line end, or the end of the text, stands. */
      readonly end: number;
      /** The first quote behind it. */
      readonly nextQuote: number;
      readonly cells: string[];
    }
  | { readonly kind: "fault"; readonly code: QuotingCode; readonly at: number }
  /** The text ends before the record does. */
  | { readonly kind: "more" };

/**
 * Walks the record that starts at `start`, whose first line ends at `firstEnd` and holds the quote at `firstQuote`, by the rules
 * of RFC 4180: a quote opens at the start of a cell only, an escaped one (`""`) is a quote, a closing one is followed by a
 * delimiter or a line end. Without an escape, what is not followed by one of these does not close. A quote other than `"` is
 * text in a cell that it does not open: most of them are apostrophes. `text` is whole lines, and all there is if `final`.
 */
export function walkQuoted(
  text: string,
  start: number,
  firstEnd: number,
  firstQuote: number,
  shape: Shape,
  final: boolean,
  ends: QuoteEnds,
): Walked {
  const { delimiter, quote, escape: escaping } = shape;
  if (quote === null) throw new Error("a record without quotes has none to walk");
  const step = delimiter.length;
  const code = quote.charCodeAt(0);
  const doubles = escaping === quote;
  const cells: string[] = [];
  let cell = start;
  let end = firstEnd;
  let open = firstQuote;
  let opened = -1;
  while (open < end) {
    if (open > cell) {
      if (open - step < cell || !isAt(text, open - step, delimiter)) {
        if (quote === '"') return fault("quote-in-field", open, opened);
        open = find(text, quote, open + 1);
        continue;
      }
      for (const plain of text.slice(cell, open - step).split(delimiter)) cells.push(plain);
    }
    let escaped = false;
    let close: number;
    if (doubles) {
      close = find(text, quote, open + 1);
      while (text.charCodeAt(close + 1) === code) {
        escaped = true;
        close = find(text, quote, close + 2);
      }
    } else {
      escaped = escaping !== null;
      close = escaping === null ? ends(text, open + 1) : unescapedQuote(text, open, quote, escaping);
    }
    if (close > end) {
      if (opened === -1) opened = open;
      // The limits count even where the text at hand goes on: what is found must not depend on how the file was cut.
      const stop = Math.min(close, text.length);
      if (stop - start > MAX_ROW || hasMoreLines(text, start, stop, MAX_LINES)) {
        return fault("quote-not-closed", open, opened);
      }
      if (close > text.length) return final ? fault("quote-not-closed", open, opened) : { kind: "more" };
      end = lineEnd(text, close);
    }
    const inside = text.slice(open + 1, close);
    cells.push(escaped ? shape.unescape(inside) : inside);
    open = find(text, quote, close + 1);
    cell = close + 1 + step;
    if (close + 1 === contentEnd(text, close, end)) break;
    if (!isAt(text, close + 1, delimiter)) return fault("text-after-quote", close + 1, opened);
  }
  const content = contentEnd(text, start, end);
  if (cell <= content) for (const plain of text.slice(cell, content).split(delimiter)) cells.push(plain);
  if (opened !== -1 && (isTooLong(text, start, content) || swallowsRow(text, firstEnd, end, cells.length, shape))) {
    return fault("quote-not-closed", opened, opened);
  }
  return { kind: "record", end, nextQuote: open, cells };
}

function isAt(text: string, at: number, delimiter: string): boolean {
  return delimiter.length === 1 ? text[at] === delimiter : text.startsWith(delimiter, at);
}

/** Where the first quote stands that no escape stands before. */
function unescapedQuote(text: string, open: number, quote: string, escaping: string): number {
  let at = find(text, quote, open + 1);
  for (; at < text.length; at = find(text, quote, at + 1)) {
    let before = at;
    while (before - 1 > open && text[before - 1] === escaping) before--;
    if ((at - before) % 2 === 0) break;
    if (at - open > MAX_ROW) break;
  }
  return at;
}

/** Where the first quote at or behind a place stands that a delimiter or a line end follows; Infinity where there is none. */
export type QuoteEnds = (text: string, from: number) => number;

/** The last answer is kept: whichever cell they opened, quotes that are never closed look for the same one. */
export function makeQuoteEnds({ delimiter, quote }: Shape): QuoteEnds {
  let known = { text: "", from: 0, at: -1 };
  return (text, from) => {
    if (quote === null) return Number.POSITIVE_INFINITY;
    if (text === known.text && from >= known.from && from <= known.at) return known.at;
    let at = find(text, quote, from);
    while (at < text.length && !isAt(text, at + 1, delimiter) && !isLineEnd(text, at + 1))
      at = find(text, quote, at + 1);
    known = { text, from, at };
    return at;
  };
}

function isLineEnd(text: string, at: number): boolean {
  let end = at;
  while (text[end] === "\r") end++;
  return end === text.length || text[end] === "\n";
}

/** A cell of several lines is what an unclosed quote looks like, so it is the one to blame for what does not fit later. */
function fault(code: QuotingCode, at: number, opened: number): Walked {
  return opened === -1 ? { kind: "fault", code, at } : { kind: "fault", code: "quote-not-closed", at: opened };
}

/** Whether, in a record with a wrong number of cells, a line within has the right one: a quote that was not closed swallowed it. */
function swallowsRow(text: string, firstEnd: number, end: number, cells: number, shape: Shape): boolean {
  const { delimiter, width, trailing } = shape;
  if (width === null || width < 2 || cells === width || (trailing && cells === width + 1)) return false;
  const inside = text.slice(firstEnd + 1, text.lastIndexOf("\n", end - 1));
  return inside.split("\n").some((line) => line.split(delimiter).length === width);
}
