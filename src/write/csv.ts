// A row and how it ended in; its line of success.csv, errors.csv or unsent.csv out (RFC 4180 but for the delimiter, LF, UTF-8).
import { guarded } from "../parse/report.ts";
import type { BadRow, Row } from "../parse/row.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Explanation } from "./explain.ts";
import { ERROR_NAMES, isOurs, type Lines, SUCCESS_NAMES, summed, timestamps, UNSENT_NAMES } from "./lines.ts";

/** Delimiters that spreadsheets know; a report of a file with another has commas. */
const DELIMITERS = [",", ";", "\t", "|"];

/** How the reports of a file are written: with its own delimiter where that is a usual one, and for Excel if that was asked for. */
export interface CsvStyle {
  readonly delimiter: string;
  /** A byte order mark comes first: without one Excel takes UTF-8 for the system's own encoding. */
  readonly mark: boolean;
}

export function csvStyle(delimiter: string | undefined, mark: boolean): CsvStyle {
  return { delimiter: DELIMITERS.find((known) => known === delimiter) ?? ",", mark };
}

/**
 * Writes one cell: guarded against being computed, and quoted only where it must be (what ends a cell or a line, a quote, and a
 * byte order mark, which a reader would take off the first cell). Csv-stringify does the same at ten times the cost; a test proves
 * them equal.
 */
export function cellWriter({ delimiter }: Pick<CsvStyle, "delimiter">): (text: string) => string {
  const special = new RegExp(`["\r\n\uFEFF${delimiter}]`);
  return (text) => {
    const safe = guarded(text);
    return special.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
}

/** `columns`: the file's header. `customerIdColumn`: where a record that could not be read must not be written to. */
export function csvLines(columns: readonly string[], customerIdColumn: number | null, style: CsvStyle): Lines {
  const { delimiter: end } = style;
  const cell = cellWriter(style);
  // A mark may be put behind it, with the semicolon that parts messages.
  const message = end === ";" ? (text: string) => `"${guarded(text).replaceAll('"', '""')}"` : cell;
  const own = columns.flatMap((name, index) => (isOurs(name) ? [] : [index]));
  const ownNames = own.map((index) => columns[index] ?? "");
  // In the customerId column, a bad record of a report given back uncorrected could pass for a customer.
  const rawColumn = customerIdColumn === null ? undefined : own.find((index) => index !== customerIdColumn);
  const rawName = rawColumn === undefined ? null : (columns[rawColumn] ?? "");
  const timestamp = timestamps();

  function headerOf(names: readonly string[]): string {
    return `${style.mark ? "\uFEFF" : ""}${names.map(cell).join(end)}\n`;
  }

  function ownCells(row: Row): string {
    if (row.kind === "object") throw new Error(`row ${row.row} is an object, but the file is CSV`);
    let text = "";
    for (const index of own) {
      if (row.kind === "cells") text += cell(row.cells[index] ?? "") + end;
      else text += index === rawColumn ? cell(row.raw) + end : end;
    }
    return text;
  }

  return {
    successHeader: headerOf(SUCCESS_NAMES),
    errorsHeader: headerOf([...ownNames, ...ERROR_NAMES]),
    unsentHeader: headerOf([...ownNames, ...UNSENT_NAMES]),
    success: (row: Row, outcome: Outcome, customerId: string) =>
      `${row.row}${end}${row.line}${end}${cell(customerId)}${end}${outcome.status}${end}${outcome.attempts}${end}${outcome.http}${end}${timestamp(outcome.at)}\n`,
    error(row: Row, outcome: Outcome, explanations: readonly Explanation[]) {
      const { column, code, message: said } = summed(explanations);
      const text = row.kind === "bad" ? `${said}; ${whereRaw(row, rawName)}` : said;
      const written = message(text);
      const start = `${ownCells(row)}${row.row}${end}${row.line}${end}${outcome.status}${end}${cell(column ?? "")}${end}${cell(code)}${end}`;
      const rest = `${end}${outcome.attempts}\n`;
      return { text: start + written + rest, tail: rest.length + (written.endsWith('"') ? 1 : 0) };
    },
    unsent(row: Row, outcome: Outcome) {
      const rest = `${end}${outcome.attempts}\n`;
      return {
        text: `${ownCells(row)}${row.row}${end}${row.line}${end}${outcome.status}${end}${rest}`,
        tail: rest.length,
      };
    },
  };
}

function whereRaw(row: BadRow, column: string | null): string {
  if (row.raw === "") return `the record is too long to be repeated here: see line ${row.line} of the file`;
  if (column === null) return `see line ${row.line} of the file`;
  return `the record as it stands in the file is in column "${column}"`;
}
