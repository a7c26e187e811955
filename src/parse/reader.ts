// A source in; a reader of its rows out, whichever format they have.
import type { Source } from "../open/source.ts";
import { openCsv } from "./csv.ts";
import { openNdjson } from "./ndjson.ts";
import type { Reader, ReadOptions } from "./row.ts";

/** Throws an UpdraftError for a file that cannot be read at all; a row that cannot is a BadRow in its place. */
export function openReader(source: Source, options: ReadOptions = {}): Promise<Reader> {
  switch (source.format) {
    case "csv":
      return openCsv(source, options);
    case "ndjson":
      return openNdjson(source);
    default:
      return source.format satisfies never;
  }
}

/** Reads the file to its end. Bad rows count. */
export async function countRows(reader: Reader): Promise<number> {
  let rows = 0;
  for await (const block of reader.blocks()) rows += block.length;
  return rows;
}
