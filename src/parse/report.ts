// What our own reports have that other files have not, written and read: a dialect that is told by their header, and cells that no
// spreadsheet computes.
import { firstRecord } from "../open/format.ts";
import { type Dialect, RFC_4180 } from "./dialect.ts";
import type { Reader, Row } from "./row.ts";

/** What a spreadsheet takes for the start of a formula, or passes over on its way to one; behind marks of ours, so that they can be told from a cell's own. */
const RUNS = /^'*[=+\-@\t\r]/;
const GUARDED = /^'+[=+\-@\t\r]/;

/** An apostrophe is put before a text that starts with `=`, `+`, `-`, `@`, a tab or a CR, or already with apostrophes and one of these. */
export function guarded(text: string): string {
  return RUNS.test(text) ? `'${text}` : text;
}

/** The inverse of `guarded`. A text without such a mark is given back as it is. */
export function unguarded(text: string): string {
  return GUARDED.test(text) ? text.slice(1) : text;
}

/** Two columns of ours stand side by side in each report, and tell what is between all others. */
const OURS = /updraft_row"?([^\w"])"?updraft_line/;

/** The dialect of one of our reports; null for any other file. `head` begins with the header. */
export function dialectOfReport(head: string): Dialect | null {
  const delimiter = OURS.exec(firstRecord(head))?.[1];
  return delimiter === undefined ? null : { ...RFC_4180, delimiter };
}

export function isReport(columns: readonly string[]): boolean {
  return columns.includes("updraft_row");
}

/** A report given back holds what the file had, so what guards its cells is taken off again; any other file is left alone. */
export function asGiven(reader: Reader): Reader {
  if (reader.dialect === null || !isReport(reader.columns)) return reader;
  const restored = (row: Row): Row => {
    if (row.kind !== "cells" || !row.cells.some((cell) => GUARDED.test(cell))) return row;
    return { ...row, cells: row.cells.map(unguarded) };
  };
  async function* blocks(): AsyncGenerator<Row[], void, undefined> {
    for await (const block of reader.blocks()) yield block.map(restored);
  }
  const columns = reader.columns.map(unguarded);
  return {
    ...reader,
    columns,
    blocks,
    get about() {
      return reader.about;
    },
  };
}
