// A path and what was told of it in; what the reader understood of the file, as lines of JSON, out.
import { UpdraftError } from "./errors.ts";
import { type EncodingName, sayEncoding } from "./open/encoding.ts";
import { type OpenContext, openSource, type Source } from "./open/source.ts";
import { printable } from "./open/zip.ts";
import type { Told } from "./parse/dialect.ts";
import { onOneLine } from "./parse/json-row.ts";
import { openReader } from "./parse/reader.ts";
import type { Reader, Row } from "./parse/row.ts";

export interface RowsRequest {
  /** A path; `-` for standard input. */
  readonly file: string;
  /** The rest is recognised. */
  readonly told: Told;
  /** Of rows; null: all of them. */
  readonly limit: number | null;
  readonly settings: { readonly dataDir: string };
  /** Null: it is recognised. */
  readonly encoding?: EncodingName | null;
}

/** Blocks of whole lines: first one on the dialect, then one for each row. What the reader says of the file is given to `say`. */
export async function* rowLines(
  { file, told, limit, settings, encoding = null }: RowsRequest,
  say: (sentence: string) => void,
): AsyncGenerator<string, void, undefined> {
  const opened = await openOrEmpty(file, { ...settings, encoding });
  if (opened === null) {
    say(`${file === "-" ? "stdin" : printable(file)} is empty`);
    return yield `${JSON.stringify({ dialect: null, columns: [] })}\n`;
  }
  const { source } = opened;
  try {
    const reader = await openReader(source, { told, lenient: true });
    yield harmless(`${JSON.stringify(headOf(source, reader))}\n`);
    const named = reader.columns.map((column) => `${JSON.stringify(column)}:`);
    let left = limit ?? Number.POSITIVE_INFINITY;
    for await (const rows of reader.blocks()) {
      yield harmless(
        rows
          .slice(0, left)
          .map((row) => lineOf(row, named))
          .join(""),
      );
      left -= rows.length;
      if (left <= 0) break;
    }
    for (const sentence of [sayEncoding(source.encoding) ?? [], reader.about].flat()) say(sentence);
  } finally {
    await source.close();
  }
}

function headOf({ format, encoding }: Source, { dialect, eol, confidence, columns }: Reader): object {
  const { name, confidence: sure } = encoding;
  return {
    dialect: {
      ...{ format, encoding: name, encodingConfidence: Math.round(sure * 100) / 100 },
      ...dialect,
      ...(eol === null ? {} : { lineEnd: eol }),
      confidence,
    },
    columns,
  };
}

/** Written by hand, so that columns keep their order: an object would put names that are numbers first. */
function lineOf(row: Row, named: readonly string[]): string {
  const place = `{"row":${row.row},"line":${row.line}`;
  switch (row.kind) {
    case "cells":
      return `${place},"values":{${row.cells.map((cell, at) => `${named[at]}${JSON.stringify(cell)}`).join(",")}}}\n`;
    case "object":
      return `${place},"values":${onOneLine(row.text)}}\n`;
    case "bad": {
      const { code, column, detail: message, cells } = row;
      const cut = cells === null ? "" : `,"cells":${JSON.stringify(cells)}`;
      return `${place},"error":${JSON.stringify({ code, column, message })}${cut}}\n`;
    }
    default:
      return row satisfies never;
  }
}

/** Characters that JSON lets stand, and a terminal obeys or turns the line round for: escaped, the values are the same. */
function harmless(json: string): string {
  return json.replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    found.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

/** Null for a file without content. */
async function openOrEmpty(file: string, context: OpenContext): Promise<{ readonly source: Source } | null> {
  try {
    return { source: await openSource(file, context) };
  } catch (error) {
    if (error instanceof UpdraftError && error.code === "file-empty") return null;
    throw error;
  }
}
