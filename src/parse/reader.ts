// A source in; a reader of its rows out, whichever format they have.
import type { Source } from "../open/source.ts";
import { openCsv } from "./csv.ts";
import { RFC_4180 } from "./dialect.ts";
import { openNdjson } from "./ndjson.ts";
import { asGiven } from "./report.ts";
import type { Reader, ReadOptions } from "./row.ts";

/** Throws an UpdraftError for a file that cannot be read at all; a row that cannot is a BadRow in its place. */
export async function openReader(source: Source, options: ReadOptions = {}): Promise<Reader> {
  const reader = asGiven(await openAs(source, options));
  if (source.about.length === 0) return reader;
  return {
    ...reader,
    get about() {
      return [...source.about, ...reader.about];
    },
  };
}

function openAs(source: Source, options: ReadOptions): Promise<Reader> {
  switch (source.format) {
    case "csv":
      return openCsv(source, source.sheet === null ? options : { ...options, told: { ...options.told, ...SHEET } });
    case "ndjson":
      return openNdjson(source, options);
    default:
      return source.format satisfies never;
  }
}

/** How the CSV of a sheet is written is no matter of opinion; where its table begins is. */
const SHEET = {
  delimiter: RFC_4180.delimiter,
  quote: RFC_4180.quote,
  escape: RFC_4180.escape,
  comment: RFC_4180.comment,
};

/** Reads the file to its end. Bad rows count. */
export async function countRows(reader: Reader): Promise<number> {
  let rows = 0;
  for await (const block of reader.blocks()) rows += block.length;
  return rows;
}
