// A row and how it ended in; its line of success.csv, errors.csv or unsent.csv out (RFC 4180, LF, UTF-8).
import type { BadRow, Row } from "../parse/row.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Explanation } from "./explain.ts";
import { ERROR_NAMES, isOurs, type Lines, SUCCESS_NAMES, summed, timestamps, UNSENT_NAMES } from "./lines.ts";

/** Must be quoted: what ends a cell or a line, a quote, and a byte order mark, which a reader would take off the first cell. */
const SPECIAL = /[",\r\n\uFEFF]/;

/** One cell, quoted only where it must be. Csv-stringify does the same at ten times the cost; a test proves them equal. */
export function csvCell(text: string): string {
  return SPECIAL.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `columns`: the file's header. `customerIdColumn`: where a record that could not be read must not be written to. */
export function csvLines(columns: readonly string[], customerIdColumn: number | null): Lines {
  const own = columns.flatMap((name, index) => (isOurs(name) ? [] : [index]));
  const ownNames = own.map((index) => columns[index] ?? "");
  // In the customerId column, a bad record of a report given back uncorrected could pass for a customer.
  const rawColumn = customerIdColumn === null ? undefined : own.find((index) => index !== customerIdColumn);
  const rawName = rawColumn === undefined ? null : (columns[rawColumn] ?? "");
  const timestamp = timestamps();

  function ownCells(row: Row): string {
    if (row.kind === "object") throw new Error(`row ${row.row} is an object, but the file is CSV`);
    let text = "";
    for (const index of own) {
      if (row.kind === "cells") text += `${csvCell(row.cells[index] ?? "")},`;
      else text += index === rawColumn ? `${csvCell(row.raw)},` : ",";
    }
    return text;
  }

  return {
    successHeader: headerOf(SUCCESS_NAMES),
    errorsHeader: headerOf([...ownNames, ...ERROR_NAMES]),
    unsentHeader: headerOf([...ownNames, ...UNSENT_NAMES]),
    success: (row: Row, outcome: Outcome, customerId: string) =>
      `${row.row},${row.line},${csvCell(customerId)},${outcome.status},${outcome.attempts},${outcome.http},${timestamp(outcome.at)}\n`,
    error(row: Row, outcome: Outcome, explanations: readonly Explanation[]) {
      const { column, code, message } = summed(explanations);
      const text = row.kind === "bad" ? `${message}; ${whereRaw(row, rawName)}` : message;
      const cell = csvCell(text);
      const start = `${ownCells(row)}${row.row},${row.line},${outcome.status},${csvCell(column ?? "")},${csvCell(code)},`;
      const end = `,${outcome.attempts}\n`;
      return { text: start + cell + end, tail: end.length + (cell === text ? 0 : 1) };
    },
    unsent(row: Row, outcome: Outcome) {
      const end = `,${outcome.attempts}\n`;
      return { text: `${ownCells(row)}${row.row},${row.line},${outcome.status},${end}`, tail: end.length };
    },
  };
}

function headerOf(names: readonly string[]): string {
  return `${names.map(csvCell).join(",")}\n`;
}

function whereRaw(row: BadRow, column: string | null): string {
  if (row.raw === "") return `the record is too long to be repeated here: see line ${row.line} of the file`;
  if (column === null) return `see line ${row.line} of the file`;
  return `the record as it stands in the file is in column "${column}"`;
}
