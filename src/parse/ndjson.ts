// A source of NDJSON in; a reader of its objects out, after every line has been looked at for its keys.
import { UpdraftError } from "../errors.ts";
import type { Source } from "../open/source.ts";
import { badEncoding, badJson, badLength } from "./bad.ts";
import { textBlocks } from "./lines.ts";
import type { Reader, Row } from "./row.ts";
import { contentEnd, isTooLong } from "./scan.ts";

/** More different keys than this are values in the place of names; they would also fill memory. */
const MAX_KEYS = 1_000;

export async function openNdjson(source: Source): Promise<Reader> {
  const keys = new Set<string>();
  let rows = 0;
  for await (const block of blocks(source)) {
    rows += block.length;
    for (const row of block) {
      if (row.kind === "object") for (const key of Object.keys(row.object)) keys.add(key);
      if (keys.size > MAX_KEYS) throw new UpdraftError("ndjson-too-many-keys", { file: source.name, limit: MAX_KEYS });
    }
  }
  if (rows === 0) throw new UpdraftError("file-no-records", { file: source.name });
  return { columns: [...keys], dialect: null, confidence: 1, about: [], blocks: () => blocks(source) };
}

async function* blocks(source: Source): AsyncGenerator<Row[], void, undefined> {
  let row = 1;
  let line = 1;
  for await (const block of textBlocks(source.read())) {
    if (block.kind === "long") {
      yield [badLength(row++, line++)];
      continue;
    }
    const rows: Row[] = [];
    const { text } = block;
    for (let start = 0; start < text.length; line++) {
      const newline = text.indexOf("\n", start);
      const end = newline === -1 ? text.length : newline;
      const written = text.slice(start, contentEnd(text, start, end));
      if (written.trim() !== "") {
        rows.push(isTooLong(text, start, end) ? badLength(row, line) : parseLine(written, row, line, block.suspect));
        row++;
      }
      start = end + 1;
    }
    if (rows.length > 0) yield rows;
  }
}

function parseLine(written: string, row: number, line: number, suspect: boolean): Row {
  const unreadable = suspect ? badEncoding(row, line, written, null) : null;
  if (unreadable !== null) return unreadable;
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch (error) {
    return badJson(row, line, written, error);
  }
  if (!isObject(value)) {
    const detail = `expected an object, got ${Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`}`;
    return { kind: "bad", row, line, code: "not-an-object", column: null, detail, raw: written, cells: null };
  }
  return { kind: "object", row, line, object: value, text: written.trim() };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
