// The first records of a delimited file in; the names of its columns, or the reason why it cannot be read by them, out.
import { UpdraftError } from "../errors.ts";
import { cutAnyway } from "./cut.ts";
import type { BadRow, CellsRow } from "./row.ts";
import type { Columns, Shape } from "./shape.ts";
import { DATA } from "./tail.ts";

export interface NamedColumns extends Columns {
  readonly names: readonly string[];
}

export interface HeadRecords {
  /** The header's lines, if it has any, and records. */
  readonly first: readonly (CellsRow | BadRow)[];
  readonly shape: Shape;
  readonly headerLines: number;
  /** A person says that they are so many: names may stand there twice. */
  readonly certain: boolean;
  /** What a person says they are named. */
  readonly columns: readonly string[] | undefined;
  /** Gives names where there are none, and unlike ones where they are the same: to look at the file, not to send it. */
  readonly lenient: boolean;
  readonly file: string;
}

/** Throws an UpdraftError for what cannot be a header; lenient, only where there is none at all. */
export function columnsOf(head: HeadRecords): NamedColumns {
  const { first, shape, headerLines, certain, columns, lenient, file } = head;
  const body = first.slice(headerLines);
  if (first.length < Math.max(1, headerLines) || (body.length === 0 && !lenient)) {
    throw new UpdraftError("file-no-records", { file });
  }
  const usual = usualWidth(body);
  const header = first.slice(0, headerLines).map((record) => headerCells(record, shape, usual, lenient, file));
  const written = joined(header);
  const last = written.length - 1;
  const ending = written.length > 1 && written[last] === "" && endsEmpty(body, written.length);
  const own = ending ? written.slice(0, last) : written;
  const names = columns ?? (headerLines === 0 ? unnamed(usual, lenient, file) : lenient ? uniqueNames(own) : own);
  const width = names.length;
  const trailing = ending || (headerLines === 0 && usual === width + 1 && endsEmpty(body, usual));
  const found = headerLines > 0 ? own.length : trailing ? width : usual;
  if (found !== width) throw new UpdraftError("columns-count", { file, named: width, got: found });
  if (!lenient) {
    const line = first[headerLines - 1]?.line;
    if (line !== undefined) refuseData(own, line, file);
    refuseNames(names, columns === undefined && line !== undefined ? ` on line ${line}` : "", file);
    for (let at = certain ? headerLines : 1; at <= headerLines; at++) {
      const [above, below] = [first[at - 1], first[at]];
      if (above?.kind === "cells" && below !== undefined) refuseRepeated(above, below, file);
    }
  }
  // Names that were told are a header, too, where the file has it all the same: it is no customer.
  const known = headerLines === 0 ? [names] : header.map((cells) => cells.slice(0, width));
  return { names, header: known, width, trailing };
}

/** Its cells, as the file has them; lenient, a guess where it cannot be read. */
function headerCells(
  record: CellsRow | BadRow,
  shape: Shape,
  width: number,
  lenient: boolean,
  file: string,
): readonly string[] {
  if (record.kind === "cells") return record.cells;
  const { line, column, detail, raw } = record;
  const where = column === null ? `line ${line}` : `line ${line}, character ${column},`;
  if (!lenient || raw === "") throw new UpdraftError("header-unreadable", { file, where, detail });
  return cutAnyway(raw, { ...shape, width: width === 0 ? null : width });
}

/** Names without the spaces around them; of several lines, what each of them says of a column. */
function joined(header: readonly (readonly string[])[]): readonly string[] {
  const lowest = header.at(-1) ?? [];
  return lowest.map((_, at) =>
    header
      .map((cells) => cells[at]?.trim() ?? "")
      .filter((name) => name !== "")
      .join(" "),
  );
}

/** Most records have so many cells; 0 where none could be read. */
function usualWidth(records: readonly (CellsRow | BadRow)[]): number {
  const counts = new Map<number, number>();
  for (const { kind, cells } of records) {
    if (kind === "cells") counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0] ?? 0;
}

/** Whether the last cell is empty in every record of so many cells, and there is one. */
function endsEmpty(records: readonly (CellsRow | BadRow)[], width: number): boolean {
  const whole = records.filter(({ kind, cells }) => kind === "cells" && cells.length === width);
  return whole.length > 0 && whole.every(({ cells }) => cells?.at(-1) === "");
}

function unnamed(width: number, lenient: boolean, file: string): readonly string[] {
  if (!lenient || width === 0) throw new UpdraftError("columns-missing", { file });
  return uniqueNames(Array.from({ length: width }, () => ""));
}

/** `column 4`, `name (2)`. */
function uniqueNames(cells: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return cells.map((cell, at) => {
    const name = cell || `column ${at + 1}`;
    let unique = name;
    for (let count = 2; taken.has(unique); count++) unique = `${name} (${count})`;
    taken.add(unique);
    return unique;
  });
}

/** A header that is told of may be a record all the same. */
function refuseData(names: readonly string[], line: number, file: string): void {
  const data = names.findIndex((name) => DATA.test(name));
  if (data !== -1) throw new UpdraftError("header-looks-like-data", { file, line, column: data + 1 });
}

/** Each must be there, and once. */
function refuseNames(names: readonly string[], where: string, file: string): void {
  const unnamedAt = names.indexOf("");
  if (unnamedAt !== -1) throw new UpdraftError("header-unnamed", { file, where, column: unnamedAt + 1 });
  const first = new Map<string, number>();
  for (const [at, column] of names.entries()) {
    const earlier = first.get(column);
    if (earlier !== undefined) {
      throw new UpdraftError("header-same-name", { file, where, column, first: earlier + 1, second: at + 1 });
    }
    first.set(column, at);
  }
}

/** A header right behind the header refuses the file; one that comes later is a bad row, because by then rows may have been sent. */
function refuseRepeated(header: CellsRow, next: CellsRow | BadRow, file: string): void {
  if (next.kind === "bad" || next.cells.length !== header.cells.length) return;
  if (!next.cells.every((cell, at) => cell.trim() === header.cells[at]?.trim())) return;
  throw new UpdraftError("header-repeated", { file, first: header.line, second: next.line });
}
