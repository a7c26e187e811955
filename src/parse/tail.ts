// Bad rows, and rows that look like a header or like none of their table, as they come, in; whether they are a footnote or begin another table out.
import type { BadRow } from "./row.ts";

/** Lines of a footnote, at most: more are records. */
const MAX_NOTE = 20;

/** Values of customers, which no column is named after: an e-mail address, an id, a date, a number. `@id` is a name, also as reports guard it. */
export const DATA = /[^\s']@\S|^csta_|^\+?\d[\d\s()./-]*$/;

/**
 * Lines behind the first blank one, each of a word or two, with which the file ends: a footnote. Only at the end of the file
 * is it known to be one, so these are held back until then. A record that was cut off is none: no blank line stands before it.
 */
export interface Footnote {
  readonly held: number;
  /** Whether it keeps the row; `afterBlank`: it stands behind the first blank line between records. */
  keeps(row: BadRow, afterBlank: boolean): boolean;
  /** What was kept, and is no footnote: records have followed. */
  release(): BadRow[];
  /** The lines of the first and the last that is held. */
  lines(): { readonly first: number; readonly last: number } | null;
}

export function makeFootnote(width: number | null): Footnote {
  let held: BadRow[] = [];
  return {
    get held() {
      return held.length;
    },
    keeps(row, afterBlank) {
      if (held.length === 0 ? !afterBlank : held.length >= MAX_NOTE) return false;
      if (!isNote(row, width)) return false;
      held.push(row);
      return true;
    },
    release() {
      const rows = held;
      held = [];
      return rows;
    },
    lines() {
      const [first, last] = [held[0], held.at(-1)];
      return first === undefined || last === undefined ? null : { first: first.line, last: last.line };
    },
  };
}

function isNote({ code, cells }: BadRow, width: number | null): boolean {
  if (width === null || width < 2 || cells === null || code === "encoding" || code === "second-table") return false;
  const words = cells.filter((cell) => cell.trim() !== "");
  return words.length > 0 && words.length <= 2 && words.length < width && !DATA.test(words[0]?.trim() ?? "");
}

/** Whether cells name at least two and half of these columns: the header of another table, or of this one in another order. */
export function namesColumns(cells: readonly string[], names: ReadonlySet<string>): boolean {
  const known = cells.filter((cell) => names.has(cell.trim())).length;
  return known >= 2 && known * 2 >= Math.min(cells.length, names.size);
}

/** Whether cells could name columns at all: each has a text of its own that is no value of a customer. */
export function couldNameColumns(cells: readonly string[]): boolean {
  const names = cells.map((cell) => cell.trim());
  return (
    names.length > 1 && names.every((name) => name !== "" && !DATA.test(name)) && new Set(names).size === names.length
  );
}

/** A digit, or what an e-mail address has: ids, dates, numbers and most streets have one, names of columns hardly. One id of fifty has no digit. */
const VALUE = /[\d@]|^csta_/;
/** So many of the first records tell which columns have values. */
const LEARNED = 100;

/** Which columns have a value in each of the first records: where a record has words there and no value at all, it is none of theirs. */
export interface Valued {
  learn(cells: readonly string[]): void;
  lacks(cells: readonly string[]): boolean;
}

export function makeValued(): Valued {
  let columns: readonly number[] | null = null;
  let learned = 0;
  return {
    learn(cells) {
      if (learned++ >= LEARNED) return;
      columns = (columns ?? [...cells.keys()]).filter((at) => VALUE.test(cells[at] ?? ""));
    },
    lacks(cells) {
      if (columns === null || learned < 2) return false;
      const there = columns.map((at) => cells[at]?.trim() ?? "").filter((cell) => cell !== "");
      return there.length > 0 && !there.some((cell) => VALUE.test(cell));
    },
  };
}

/** Spreadsheets fill up every line of a sheet to the width of the widest. */
export function withoutEmptyEnd(cells: readonly string[]): readonly string[] {
  return cells.slice(0, cells.findLastIndex((cell) => cell.trim() !== "") + 1);
}
