// The records of a text cut by one dialect in; how much like a table they look, out.
import type { Cut } from "./sample.ts";

/** A record, where it starts in the text, and on which physical line, from 0. */
export interface SampleRecord extends Cut {
  readonly start: number;
  readonly line: number;
}

/** Values with a form of their own: numbers, money, dates, times, e-mail and web addresses, phone numbers, identifiers, yes and no. */
const TYPED = new RegExp(
  [
    "[+-]?(?:\\d+|\\d{1,3}(?:[ .,']\\d{3})+)(?:[.,]\\d+)?(?:[eE][+-]?\\d+)? ?%?",
    "[$€£¥] ?-?\\d[\\d.,]*",
    "-?\\d[\\d.,]* ?(?:[$€£¥]|[A-Z]{3})",
    "\\d{1,4}[-/.]\\d{1,2}[-/.]\\d{1,4}(?:[ T]\\d{1,2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?:Z| ?[+-]\\d{2}:?\\d{2})?)?",
    "\\d{1,2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?: ?[AaPp][Mm])?",
    "[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+",
    "(?:https?|ftp)://\\S+",
    "\\+\\d[\\d ()/-]{4,}",
    "\\(\\d{2,4}\\) ?[\\d -]{4,}",
    "\\d{3}-\\d{3}-\\d{4}",
    "csta_\\w+",
    "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "true|false|yes|no|null|N/A",
  ]
    .map((one) => `^(?:${one})$`)
    .join("|"),
);

export function isTyped(cell: string): boolean {
  return TYPED.test(cell);
}

/**
 * The table's width: the number of cells of the first records that make up a fair part of all cells, so that neither the lines
 * above a table, nor ragged records, nor a second table further down decide it.
 */
export function tableWidth(records: readonly SampleRecord[]): number {
  const cells = new Map<number, number>();
  for (const { cells: one } of records) cells.set(one.length, (cells.get(one.length) ?? 0) + one.length);
  const most = Math.max(1, ...cells.values());
  for (const [width, count] of cells) if (width > 1 && count * 4 >= most && isRun(records, width)) return width;
  return [...cells].find(([, count]) => count === most)?.[0] ?? 1;
}

/** Whether two records behind each other have that width, or there are too few records to tell. */
function isRun(records: readonly SampleRecord[], width: number): boolean {
  return (
    records.length < 3 ||
    records.some(({ cells }, at) => cells.length === width && records[at + 1]?.cells.length === width)
  );
}

/**
 * 0 to 1: how regular the records are × how much like values their cells look × how few break the rules × how many cells
 * a record has. The product is ours; that regularity and types have to come together is from van den Burg, Nazábal
 * and Sutton, "Wrangling messy CSV files by detecting row and type patterns" (2019).
 */
export function score(records: readonly SampleRecord[], delimiter: string): number {
  if (records.length === 0) return 0;
  const width = tableWidth(records);
  const sound = records.filter(({ fault }) => !fault).length / records.length;
  const first = records.find(({ cells }) => cells.some((cell) => cell !== ""));
  const head = first === undefined || first.cells.length === width ? 1 : 0.7;
  return regularity(records, width) ** 2 * quality(records, delimiter) * sound ** 2 * head * (1 - 0.75 / width);
}

/**
 * The share of records that have as many cells as the one before or behind them, or as most have: the first is right for a file of
 * two tables, the second for a handful of records of which some are broken. One cell is what any line has that lacks the delimiter.
 */
function regularity(records: readonly SampleRecord[], width: number): number {
  const counts = new Map<number, number>();
  let alike = 0;
  for (const [at, { cells }] of records.entries()) {
    const { length } = cells;
    if (length === 1 && width > 1) continue;
    counts.set(length, (counts.get(length) ?? 0) + 1);
    if (records[at - 1]?.cells.length === length || records[at + 1]?.cells.length === length) alike++;
  }
  return Math.max(alike, 0, ...counts.values()) / records.length;
}

/** The mean over the cells that hold something. */
function quality(records: readonly SampleRecord[], delimiter: string): number {
  let sum = 0;
  let count = 0;
  for (const { cells, quoted } of records) {
    for (const [at, cell] of cells.entries()) {
      if (cell === "") continue;
      sum += quoted[at] ? 0.95 : worth(cell, delimiter);
      count++;
    }
  }
  return count === 0 ? 0.5 : sum / count;
}

/** Of a cell that stands in no quotes. What would have separated cells, or quoted them, is a sign of a wrong guess. */
function worth(cell: string, delimiter: string): number {
  if (isTyped(cell)) return 1;
  if (/[;|\t]/.test(cell) || /^["']|"$/.test(cell)) return 0.1;
  if (/^\s|\s$/.test(cell)) return 0.3;
  if (delimiter !== "," && cell.includes(",")) return /^,|,$/.test(cell) ? 0.1 : /,\S/.test(cell) ? 0.3 : 0.85;
  return 0.95;
}
