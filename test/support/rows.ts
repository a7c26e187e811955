// A reader in; all of its rows at once, for tests of small files, out.

import type { Format } from "../../src/open/source.ts";
import { openReader } from "../../src/parse/reader.ts";
import type { BadRow, CellsRow, Reader, ReadOptions, Row } from "../../src/parse/row.ts";
import { sourceOf } from "./source.ts";

export async function rowsOf(
  content: string | Buffer,
  format: Format = "csv",
  chunk?: number,
  options: ReadOptions = {},
): Promise<Row[]> {
  return allRows(await openReader(sourceOf(content, format, chunk), options));
}

export async function allRows(reader: Reader): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const block of reader.blocks()) for (const row of block) rows.push(row);
  return rows;
}

export function intact(rows: readonly Row[]): CellsRow[] {
  return rows.filter((row) => row.kind === "cells");
}

export function bad(rows: readonly Row[]): BadRow[] {
  return rows.filter((row) => row.kind === "bad");
}
