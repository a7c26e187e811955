// Text and how it may be written in; its next record, cut into cells leniently, with whether it breaks the rules, out.
import type { Dialect, Eol } from "./dialect.ts";

/** What of a dialect decides where cells end. */
export type Quoting = Pick<Dialect, "delimiter" | "quote" | "escape">;

export interface Cut {
  readonly cells: readonly string[];
  /** Which of them stood in quotes. */
  readonly quoted: boolean[];
  /** Where its line end, or the end of the text, stands. */
  readonly end: number;
  /** It breaks the rules of quoting: a quote within a plain cell, text behind a closing quote, a quote that never closes. */
  readonly fault: boolean;
}

/**
 * A quote opens where a cell starts and closes where a cell may end; any other is text, and so is one that does not close: the
 * record ends with its line.
 */
export function cutRecord(text: string, start: number, quoting: Quoting, eol: Eol): Cut {
  const { delimiter, quote } = quoting;
  const cells: string[] = [];
  const quoted: boolean[] = [];
  const lineFeed = eol === "\r" ? "\r" : "\n";
  let lineEnd = endOf(text, lineFeed, start);
  let at = start;
  let fault = false;
  // Behind a quote that closes nowhere no other does, so that no text is walked to its end for each of its quotes.
  let closes = true;
  for (;;) {
    let end = -1;
    if (quote !== null && closes && text[at] === quote) {
      const close = closing(text, at, lineEnd, quoting, lineFeed);
      if (close.at === -1) {
        fault = true;
        closes = false;
      } else {
        fault ||= close.stray;
        end = close.at + 1;
        cells.push(unescaped(text.slice(at + 1, close.at), quoting));
        quoted.push(true);
        if (end > lineEnd) lineEnd = endOf(text, lineFeed, end);
      }
    }
    if (end === -1) {
      const next = text.indexOf(delimiter, at);
      end = next === -1 || next > lineEnd ? contentEnd(text, at, lineEnd, lineFeed) : next;
      const cell = text.slice(at, end);
      // An apostrophe is at home in plain text; a double quote is not.
      fault ||= quote === '"' && cell.includes(quote);
      cells.push(cell);
      quoted.push(false);
    }
    if (!text.startsWith(delimiter, end) || end >= lineEnd) return { cells, quoted, end: lineEnd, fault };
    at = end + delimiter.length;
  }
}

/** Where text follows a closing quote the cell goes on, but not on the next line: that one is a record of its own. */
function closing(
  text: string,
  open: number,
  lineEnd: number,
  { delimiter, quote, escape: escaping }: Quoting,
  lineFeed: string,
): { readonly at: number; readonly stray: boolean } {
  let stray = false;
  for (let at = open + 1; at < text.length && !(stray && at > lineEnd); at++) {
    const char = text[at];
    const next = text[at + 1];
    if (char === escaping && escaping !== quote && (next === quote || next === escaping)) at++;
    else if (char === quote) {
      if (escaping === quote && next === quote) at++;
      else if (isLineEnd(text, at + 1, lineFeed) || text.startsWith(delimiter, at + 1)) return { at, stray };
      else if (escaping !== null) stray = true;
    }
  }
  return { at: -1, stray };
}

function unescaped(cell: string, { quote, escape: escaping }: Quoting): string {
  if (quote === null || escaping === null || !cell.includes(escaping)) return cell;
  if (escaping === quote) return cell.replaceAll(quote + quote, quote);
  let out = "";
  for (let at = 0; at < cell.length; at++) {
    const next = cell[at + 1];
    if (cell[at] === escaping && (next === quote || next === escaping)) at++;
    out += cell[at];
  }
  return out;
}

function endOf(text: string, lineFeed: string, from: number): number {
  const at = text.indexOf(lineFeed, from);
  return at === -1 ? text.length : at;
}

function contentEnd(text: string, start: number, end: number, lineFeed: string): number {
  let content = end;
  while (lineFeed === "\n" && content > start && text[content - 1] === "\r") content--;
  return content;
}

function isLineEnd(text: string, at: number, lineFeed: string): boolean {
  let end = at;
  while (lineFeed === "\n" && text[end] === "\r") end++;
  return end === text.length || text[end] === lineFeed;
}
