// The first records of a file in; how many lines stand above its table, and how many are its header, out.
import { isTyped, type SampleRecord } from "./judge.ts";
import { withoutEmptyEnd } from "./tail.ts";

export interface TableStart {
  /** Physical lines above the header, or above the first record where there is none. */
  readonly preambleLines: number;
  readonly headerLines: number;
}

/** More lines than this above a table are taken for a table of their own. */
const MAX_PREAMBLE = 50;
/** So many records below a header are compared with it. */
const COMPARED = 100;

/** `named`: a person says how the columns are named, because the header may not. */
export function tableStart(records: readonly SampleRecord[], width: number, named: boolean): TableStart {
  const starts = (record: SampleRecord, at: number) => !isAbove(record, width, records[at + 1], named);
  const found = records.slice(0, MAX_PREAMBLE).findIndex(starts);
  const start = ownTable(records.slice(0, Math.max(0, found)), records[found]) ?? Math.max(0, found);
  const header = headerLines(records.slice(start, start + COMPARED), width);
  // What stands above records may be their header, and lack names; so may one whose records are as empty.
  if ((header === 0 || found === -1) && !named) return tableStart(records, width, true);
  return { preambleLines: start === 0 ? 0 : (records[start]?.line ?? 0), headerLines: header };
}

/** Where a line above a table has a name of its header beside others, a table begins that has rows of its own: none of them may be lost. */
function ownTable(above: readonly SampleRecord[], header: SampleRecord | undefined): number | null {
  const filled = ({ cells }: SampleRecord) => cells.map((cell) => cell.trim()).filter((cell) => cell !== "");
  const names = new Set(header === undefined ? [] : filled(header));
  const at = above.map(filled).findIndex((cells) => cells.length > 1 && cells.some((cell) => names.has(cell)));
  return at === -1 ? null : at;
}

/** A line of a preamble has far fewer cells than the table, filled up to its width or not, or all of them but one are empty. A header without all names may, too. */
function isAbove({ cells }: SampleRecord, width: number, next: SampleRecord | undefined, named: boolean): boolean {
  if (next === undefined || width < 2) return false;
  const filled = cells.filter((cell) => cell.trim() !== "").length;
  if (filled === 0) return true;
  if (width === 2) return cells.length === 1 || (filled === 1 && next.cells.every((cell) => cell.trim() === ""));
  return filled === 1 || (named ? cells : withoutEmptyEnd(cells)).length * 2 <= width;
}

function headerLines([first, ...below]: readonly SampleRecord[], width: number): number {
  if (first === undefined || !isHeader(first, below, width)) return 0;
  const typed = typedColumns(below.slice(2), width);
  let lines = 1;
  for (const { cells } of below.slice(0, -1)) {
    const again = cells.every((cell, at) => cell.trim() === first.cells[at]?.trim());
    const named =
      typed.length > 1 && !cells.some(isTyped) && typed.every((column) => (cells[column] ?? "").trim() !== "");
    if (cells.length !== first.cells.length || !(again || named)) break;
    lines++;
  }
  return lines;
}

/** Names stand above values of another kind. Without values to compare with, words are names and a number is none. */
function isHeader({ cells }: SampleRecord, below: readonly SampleRecord[], width: number): boolean {
  const typed = new Set(typedColumns(below, width));
  let above = 0;
  let data = 0;
  for (const [at, cell] of cells.entries()) {
    if (cell.trim() === "") continue;
    if (isTyped(cell.trim())) data++;
    else if (typed.has(at)) above++;
  }
  return above > data || data === 0;
}

/** Columns of which every value, and at least one, has a form of its own. */
function typedColumns(records: readonly SampleRecord[], width: number): number[] {
  const whole = records.filter(({ cells }) => cells.length === width);
  return Array.from({ length: width }, (_, at) => at).filter((at) => {
    const values = whole.map(({ cells }) => (cells[at] ?? "").trim()).filter((value) => value !== "");
    return values.length > 0 && values.filter(isTyped).length >= values.length * 0.95;
  });
}
