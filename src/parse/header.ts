// The first record of a CSV file in; the names of its columns, or the reason why it is no header, out.
import { UpdraftError } from "../errors.ts";
import type { BadRow, CellsRow } from "./row.ts";

/** Values of customers, which no column is named after: an e-mail address, an id, a date, a number. */
const DATA = /@|^csta_|^\+?\d[\d\s()./-]*$/;

/** Names without the spaces around them. Each must be there, and once. */
export function headerNames(cells: readonly string[], file: string): readonly string[] {
  const names = cells.map((cell) => cell.trim());
  const data = names.findIndex((name) => DATA.test(name));
  if (data !== -1) throw new UpdraftError("header-looks-like-data", { file, column: data + 1 });
  const unnamed = names.indexOf("");
  if (unnamed !== -1) throw new UpdraftError("header-unnamed", { file, column: unnamed + 1 });
  const first = new Map<string, number>();
  for (const [at, column] of names.entries()) {
    const earlier = first.get(column);
    if (earlier !== undefined) {
      throw new UpdraftError("header-same-name", { file, column, first: earlier + 1, second: at + 1 });
    }
    first.set(column, at);
  }
  return names;
}

/** Names for columns that may lack one or share it: `column 4`, `name (2)`. For a person to look at, never to map. */
export function uniqueNames(cells: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return cells.map((cell, at) => {
    const name = cell.trim() || `column ${at + 1}`;
    let unique = name;
    for (let count = 2; taken.has(unique); count++) unique = `${name} (${count})`;
    taken.add(unique);
    return unique;
  });
}

/** A header right behind the header refuses the file; one that comes later is a bad row, because by then rows may have been sent. */
export function refuseRepeated(header: CellsRow, next: CellsRow | BadRow, file: string): void {
  if (next.kind === "bad" || next.cells.length !== header.cells.length) return;
  if (!next.cells.every((cell, at) => cell.trim() === header.cells[at]?.trim())) return;
  throw new UpdraftError("header-repeated", { file, first: header.line, second: next.line });
}
