// Any bytes at all in; read as a file of rows, twice: what must hold for every file, or the reason why it does not, out.
import { writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { UpdraftError } from "../../src/errors.ts";
import { openSource } from "../../src/open/source.ts";
import { openReader } from "../../src/parse/reader.ts";
import type { Row } from "../../src/parse/row.ts";

export interface Tried {
  readonly rows: number;
  readonly bad: number;
  /** Code of the error that refused the file. */
  readonly refused: string | null;
}

/** Throws a plain Error for what must never be. `path` is written anew. */
export async function tryFile(bytes: Buffer, path: string, dataDir: string): Promise<Tried> {
  writeFileSync(path, bytes);
  const first = await readAll(path, dataDir, false);
  const again = await readAll(path, dataDir, false);
  if (!isDeepStrictEqual(first, again)) throw new Error("the same file was read in two ways");
  // A person who looks at the file is shown rows wherever there are some.
  const lenient = await readAll(path, dataDir, true);
  if (typeof first !== "string" && typeof lenient === "string") throw new Error(`looked at, it is refused: ${lenient}`);
  if (typeof first === "string") return { rows: 0, bad: 0, refused: first };
  return { rows: first.length, bad: first.filter(({ kind }) => kind === "bad").length, refused: null };
}

async function readAll(path: string, dataDir: string, lenient: boolean): Promise<Row[] | string> {
  try {
    const source = await openSource(path, { dataDir });
    try {
      const reader = await openReader(source, { lenient });
      const rows: Row[] = [];
      for await (const block of reader.blocks()) for (const row of block) rows.push(checked(row, rows, reader.columns));
      return rows;
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof UpdraftError)) throw error;
    if (error.message === "" || /undefined|\[object|NaN/.test(error.message))
      throw new Error(`an error says: ${error.message}`);
    return error.code;
  }
}

function checked(row: Row, before: readonly Row[], columns: readonly string[]): Row {
  const last = before.at(-1);
  if (row.row !== before.length + 1) throw new Error(`row ${row.row} comes after ${before.length} rows`);
  if (last !== undefined && row.line < last.line)
    throw new Error(`row ${row.row} is on line ${row.line}, the one before on ${last.line}`);
  if (row.kind === "cells") {
    if (row.cells.length !== columns.length)
      throw new Error(`row ${row.row} has ${row.cells.length} cells of ${columns.length}`);
    if (row.cells.some((cell) => /[\0\uDFFF](?<![\uD800-\uDBFF]\uDFFF)/.test(cell)))
      throw new Error(`row ${row.row} has text that is none`);
  }
  if (row.kind === "bad" && row.detail === "") throw new Error(`row ${row.row} is bad and nothing says why`);
  return row;
}
