// Text in, in blocks of whole lines; CSV records with their cells, and bad records, out.
import { badCount, badEncoding, badHeaderAgain, badLength, badQuoting, isTooLong, linesIn } from "./bad.ts";
import type { TextBlock } from "./lines.ts";
import { MAX_ROW } from "./lines.ts";
import { contentEnd, find, lineEnd, type Shape, walkQuoted } from "./quoted.ts";
import type { BadRow, CellsRow } from "./row.ts";

/** The records that end in one block. */
export interface Framed {
  readonly rows: (CellsRow | BadRow)[];
  /** Rows with a doubled quote, which their cells still have: where each stands in `rows`, and its text. */
  readonly doubled: { readonly index: number; readonly text: string }[];
}

export interface Framer {
  push(block: TextBlock): Framed;
  /** What is left when the file has ended. */
  end(): Framed;
}

/**
 * Finds where records begin and end; the rules are walkQuoted's. A record that breaks them is its first line alone, and reading
 * goes on with the next one: so a quote that is never closed takes no other row with it. No line is walked more than twice:
 * one that was crossed inside quotes has an even number of them, so by itself it ends where it ends.
 * Empty lines are no records. Rows count from `firstRow`.
 */
export function makeFramer(shape: Shape, firstRow: number): Framer {
  // Where two files were joined, the second one's header may have a byte order mark.
  const markedHeader = `\uFEFF${shape.header?.[0]}`;
  let pending = "";
  let suspect = false;
  let enough = 0;
  let row = firstRow;
  let line = 1;

  function push(block: TextBlock): Framed {
    if (block.kind === "long") {
      const out = frame(true);
      out.rows.push(badLength(row++, line++));
      return out;
    }
    pending = pending === "" ? block.text : pending + block.text;
    suspect ||= block.suspect;
    return pending.length < enough ? { rows: [], doubled: [] } : frame(false);
  }

  function frame(final: boolean): Framed {
    const out: Framed = { rows: [], doubled: [] };
    const text = pending;
    let quote = find(text, '"', 0);
    let start = 0;
    while (start < text.length) {
      const end = lineEnd(text, start);
      const content = contentEnd(text, start, end);
      if (quote < start) quote = find(text, '"', start);
      if (isTooLong(text, start, content)) {
        out.rows.push(badLength(row++, line));
      } else if (quote > end) {
        if (content > start) {
          const record = text.slice(start, content);
          take(out, record, record.split(shape.delimiter), false);
        }
      } else {
        const walked = walkQuoted(text, start, end, quote, shape, final);
        if (walked.kind === "more") break;
        if (walked.kind === "record") {
          const record = text.slice(start, contentEnd(text, start, walked.end));
          take(out, record, walked.cells, walked.doubled);
          if (walked.end > end) line += linesIn(record);
          quote = walked.nextQuote;
          start = walked.end + 1;
          line++;
          continue;
        }
        const raw = text.slice(start, content);
        out.rows.push(badText(raw) ?? badQuoting(row, line, raw, walked.code, walked.at - start));
        row++;
      }
      start = end + 1;
      line++;
    }
    pending = start < text.length ? text.slice(start) : "";
    suspect &&= pending !== "";
    // A record that is not whole is walked again when twice as much of it is there, not with every block.
    enough = Math.min(pending.length * 2, MAX_ROW + 1);
    return out;
  }

  function take(out: Framed, raw: string, cells: string[], doubled: boolean): void {
    const bad = badText(raw) ?? badShape(raw, cells);
    if (bad === null && doubled) out.doubled.push({ index: out.rows.length, text: raw });
    out.rows.push(bad ?? { kind: "cells", row, line, cells });
    row++;
  }

  function badText(raw: string): BadRow | null {
    return suspect ? badEncoding(row, line, raw) : null;
  }

  function badShape(raw: string, cells: readonly string[]): BadRow | null {
    const { header } = shape;
    if (header === null) return null;
    if (cells.length !== header.length) return badCount(row, line, raw, header.length, cells);
    if (cells[0] !== header[0] && cells[0] !== markedHeader) return null;
    return cells.every((cell, at) => at === 0 || cell === header[at]) ? badHeaderAgain(row, line, raw) : null;
  }

  return { push, end: () => frame(true) };
}
