// Text in, in blocks of whole lines; records with their cells, and bad records, out.
import type { EncodingName } from "../open/encoding.ts";
import { badCount, badEncoding, badHeaderAgain, badLength, badQuoting, badTable, badWords } from "./bad.ts";
import type { TextBlock } from "./lines.ts";
import { MAX_ROW } from "./lines.ts";
import { makeQuoteEnds, walkQuoted } from "./quoted.ts";
import type { BadRow, CellsRow } from "./row.ts";
import { contentEnd, find, isTooLong, lineEnd, linesIn } from "./scan.ts";
import { type Shape, swapEnds } from "./shape.ts";
import { couldNameColumns, makeFootnote, makeValued, namesColumns, withoutEmptyEnd } from "./tail.ts";

/** Lines of one kind: how many there were, and where the first was. */
export interface Lines {
  readonly count: number;
  readonly first: number;
}

/** What was read and is no row. */
export interface LeftOut {
  readonly blank: Lines;
  readonly comments: Lines;
  readonly footnote: { readonly first: number; readonly last: number } | null;
  /** Another table: the line of its header, and its records, which are bad rows. */
  readonly other: { readonly line: number; readonly rows: number } | null;
}

type Framed = (CellsRow | BadRow)[];

export interface Framer {
  /** The records that end in the block. */
  push(block: TextBlock): Framed;
  /** What is left when the file has ended. */
  end(): Framed;
  leftOut(): LeftOut;
}

/**
 * Finds where records begin and end; the rules are walkQuoted's. A record that breaks them is its first line alone, and reading
 * goes on with the next one: so a quote that is never closed takes no other row with it. No line is walked more than twice
 * where quotes are doubled: one that was crossed inside quotes has an even number of them, so by itself it ends where it ends.
 * Blank lines, and lines of nothing but delimiters, are no records. Rows count from `firstRow`; those below 1 are the header's.
 */
export function makeFramer(shape: Shape, firstRow: number, encoding: EncodingName): Framer {
  const { delimiter, quote: mark, comment, width, trailing } = shape;
  const lead = delimiter.charCodeAt(0);
  const names = new Set(
    shape.header.flatMap((cells) => cells.map((name) => name.trim()).filter((name) => name !== "")),
  );
  // Where two files were joined, the second one's header may have a byte order mark.
  const firstNames = new Set([...names, ...shape.header.flatMap(([name = ""]) => [name, `\uFEFF${name}`])]);
  const ends = makeQuoteEnds(shape);
  // Hardly a cell is as long as a name: so its text need not be hashed to know that it is none.
  const lengths = new Set([...firstNames].map((name) => name.length));
  const footnote = makeFootnote(width);
  const valued = makeValued();
  const blank = { count: 0, first: 0 };
  const comments = { count: 0, first: 0 };
  let other: { line: number; rows: number; width: number; sure: boolean } | null = null;
  let last: { line: number; rows: number } | null = null;
  let skip = shape.skip;
  let pending = "";
  let suspect = false;
  let enough = 0;
  let row = firstRow;
  let line = 1;
  /** A blank line stands before the record; and before how many records, so far, one did. */
  let gap = false;
  let gaps = 0;

  function push(block: TextBlock): Framed {
    if (block.kind === "long") {
      const out = frame(true);
      if (skip > 0) skip--;
      else refuse(out, badLength(row, line));
      line++;
      return out;
    }
    pending = pending === "" ? block.text : pending + block.text;
    suspect ||= block.suspect;
    return pending.length < enough ? [] : frame(false);
  }

  function frame(final: boolean): Framed {
    const out: Framed = [];
    const text = pending;
    let quote = mark === null ? Number.POSITIVE_INFINITY : find(text, mark, 0);
    let start = 0;
    while (start < text.length) {
      const end = lineEnd(text, start);
      const content = contentEnd(text, start, end);
      if (skip > 0) {
        skip--;
        start = end + 1;
        line++;
        continue;
      }
      if (mark !== null && quote < start) quote = find(text, mark, start);
      if (comment !== null && text.startsWith(comment, start)) {
        count(comments);
      } else if (isTooLong(text, start, content)) {
        refuse(out, badLength(row, line));
      } else if (quote > end) {
        if (content === start || (text.charCodeAt(start) === lead && isOnly(delimiter, text, start, content))) {
          count(blank);
          gap = true;
        } else {
          const record = text.slice(start, content);
          take(out, record, record.split(delimiter));
        }
      } else {
        const walked = walkQuoted(text, start, end, quote, shape, final, ends);
        if (walked.kind === "more") break;
        if (walked.kind === "record") {
          const record = text.slice(start, contentEnd(text, start, walked.end));
          take(out, record, walked.cells);
          if (walked.end > end) line += linesIn(record);
          quote = walked.nextQuote;
          start = walked.end + 1;
          line++;
          continue;
        }
        const raw = text.slice(start, content);
        const bad = badText(raw) ?? badQuoting(row, line, raw, walked.code, walked.at - start, shape);
        refuse(out, other?.sure === true ? another(raw, bad.cells, true) : bad);
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

  function count(lines: { count: number; first: number }): void {
    if (lines.count++ === 0) lines.first = line;
  }

  function take(out: Framed, raw: string, cells: string[]): void {
    // Spaces alone are a value only where a record has one cell.
    if (cells.length === 1 && (width !== 1 || row < 1) && raw.trim() === "") {
      count(blank);
      gap = true;
      return;
    }
    if (row < 1) {
      pass();
      return;
    }
    const bad = badText(raw) ?? notOurs(raw, cells);
    if (bad !== null) {
      refuse(out, bad);
      return;
    }
    if (footnote.held > 0) out.push(...footnote.release());
    out.push({ kind: "cells", row, line, cells: shape.swapped ? cells.map(swapEnds) : cells });
    valued.learn(cells);
    pass();
  }

  /** To the next record. Blank lines above the first one are no gap. */
  function pass(): void {
    if (gap && row > 1) gaps++;
    gap = false;
    row++;
  }

  function refuse(out: Framed, bad: BadRow): void {
    const first = gap && row > 1 && gaps === 0;
    pass();
    if (bad.row < 1) return;
    const told = shape.swapped ? { ...bad, raw: swapEnds(bad.raw), cells: bad.cells?.map(swapEnds) ?? null } : bad;
    if (footnote.keeps(told, first)) return;
    if (footnote.held > 0) out.push(...footnote.release());
    out.push(told);
  }

  /** Why a record is no row of the table; null if it is one. Drops the empty cell behind the delimiter that ends a line. */
  function notOurs(raw: string, cells: string[]): BadRow | null {
    // Also of a record that lacks a cell: with the empty one in its place, values would stand in columns that are not theirs.
    if (trailing && cells.length > 1 && cells.at(-1) === "") cells.pop();
    if (width !== null && cells.length !== width) return misfit(raw, cells, width);
    const first = cells[0] ?? "";
    const named = lengths.has(first.length) && firstNames.has(first);
    // Blank lines that stand between records all along part no tables.
    const blanks = gap && row > 1 && gaps * 4 < row;
    const apart = blanks || footnote.held > 0 || (named && shape.header.some(([name]) => name === first));
    const words = apart && valued.lacks(cells) ? withoutEmptyEnd(cells) : [];
    if (other === null && words.length === 0 && !named) return null;
    if (shape.header.some((header) => isSame(cells, header))) {
      other = null;
      return badHeaderAgain(row, line, raw, cells);
    }
    const begins = namesColumns(cells, names) || couldNameColumns(words);
    if (begins || other?.sure === true) return another(raw, cells, true);
    if (words.length > 0 && words.length < cells.length) return badWords(row, line, raw, cells);
    // After names of no column of ours, records like ours may just as well be ours.
    other = null;
    return null;
  }

  function misfit(raw: string, cells: readonly string[], expected: number): BadRow {
    const sure = namesColumns(cells, names);
    const begins = sure || (gap && row > 1 && cells.length > 2 && couldNameColumns(cells));
    const within = other !== null && (other.sure || other.width === cells.length);
    return begins || within ? another(raw, cells, sure) : badCount(row, line, raw, expected, cells);
  }

  function another(raw: string, cells: readonly string[] | null, sure: boolean): BadRow {
    if (other === null || (sure && !other.sure)) {
      other = { line, rows: 0, width: cells?.length ?? 0, sure };
      last ??= other;
    }
    other.rows++;
    return badTable(row, line, raw, other.line, cells);
  }

  function badText(raw: string): BadRow | null {
    return suspect ? badEncoding(row, line, raw, encoding, shape) : null;
  }

  return {
    push,
    end: () => frame(true),
    leftOut: () => ({ blank, comments, footnote: footnote.lines(), other: last }),
  };
}

/** Whether text[start, end) is delimiters and nothing else. */
function isOnly(delimiter: string, text: string, start: number, end: number): boolean {
  let at = start;
  while (at < end && text.startsWith(delimiter, at)) at += delimiter.length;
  return at === end;
}

/** Whether a record is the header, with or without a byte order mark. */
function isSame(cells: readonly string[], header: readonly string[]): boolean {
  if (cells.length !== header.length) return false;
  return cells.every((cell, at) => cell === header[at] || (at === 0 && cell === `\uFEFF${header[0]}`));
}
