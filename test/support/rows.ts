// A reader in; all of its rows at once, for tests of small files, out.

import type { Format } from "../../src/open/source.ts";
import { openReader } from "../../src/parse/reader.ts";
import type { BadRow, CellsRow, Row } from "../../src/parse/row.ts";
import { sourceOf } from "./source.ts";

export async function rowsOf(content: string | Buffer, format: Format = "csv", chunk?: number): Promise<Row[]> {
  const reader = await openReader(sourceOf(content, format, chunk));
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
