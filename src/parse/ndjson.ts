// A source of NDJSON, or of one JSON array, in; a reader of its objects out, after all of it has been looked at for its keys.
import { UpdraftError } from "../errors.ts";
import type { Source } from "../open/source.ts";
import { badLength } from "./bad.ts";
import { arrayRows } from "./json-array.ts";
import { jsonRow } from "./json-row.ts";
import { behindSpace, scanJson } from "./json-scan.ts";
import { textBlocks } from "./lines.ts";
import type { BadRow, Reader, ReadOptions, Row } from "./row.ts";
import { contentEnd, isTooLong } from "./scan.ts";
import { textChunks } from "./text-chunks.ts";

/** More different keys than this are values in the place of names; they would also fill memory. */
const MAX_KEYS = 1_000;

/** `lenient`: a file without one object is shown all the same. */
export async function openNdjson(source: Source, { lenient = false }: ReadOptions): Promise<Reader> {
  const keys = new Set<string>();
  const blocks = (await isArray(source)) ? arrayRows : lineRows;
  const first: Row[] = [];
  let rows = 0;
  let objects = 0;
  for await (const block of blocks(source, true)) {
    rows += block.length;
    if (first.length < 2) first.push(...block.slice(0, 2 - first.length));
    for (const row of block) {
      if (row.kind === "object") {
        objects++;
        for (const key of Object.keys(row.object)) keys.add(key);
      }
      if (keys.size > MAX_KEYS) throw new UpdraftError("ndjson-too-many-keys", { file: source.name, limit: MAX_KEYS });
    }
  }
  if (rows === 0) throw new UpdraftError("file-no-records", { file: source.name });
  if (blocks === lineRows) refuseOthers(first, source.name);
  const [one] = first;
  if (objects === 0 && one?.kind === "bad" && !lenient) throw noObject(source.name, one);
  return { columns: [...keys], dialect: null, eol: null, confidence: 1, about: [], rows, blocks: () => blocks(source) };
}

function noObject(file: string, { line, column, detail }: BadRow): UpdraftError {
  const where = column === null ? `line ${line}` : `line ${line}, character ${column}`;
  return new UpdraftError("json-no-object", { file, where, detail });
}

async function isArray(source: Source): Promise<boolean> {
  for await (const text of textChunks(source.read())) {
    const first = text[behindSpace(text, 0)];
    if (first !== undefined) return first === "[";
  }
  return false;
}

async function* lineRows(source: Source, forKeys = false): AsyncGenerator<Row[], void, undefined> {
  let row = 1;
  let line = 1;
  for await (const block of textBlocks(source.read())) {
    if (block.kind === "long") {
      yield [badLength(row++, line++)];
      continue;
    }
    const rows: Row[] = [];
    const { text } = block;
    const suspect = block.suspect ? source.encoding.name : null;
    for (let start = 0; start < text.length; line++) {
      const newline = text.indexOf("\n", start);
      const end = newline === -1 ? text.length : newline;
      const written = text.slice(start, contentEnd(text, start, end));
      if (written.trim() !== "") {
        const long = isTooLong(text, start, end);
        rows.push(long ? badLength(row, line) : jsonRow(written, { row, line, column: 1 }, suspect, forKeys));
        row++;
      }
      start = end + 1;
    }
    if (rows.length > 0) yield rows;
  }
}

/** Two kinds of JSON that are neither lines nor an array, by their first two rows. */
function refuseOthers([first, second]: readonly Row[], file: string): void {
  if (second === undefined) refuseWrapped(first, file);
  else refuseIndented(first, second, file);
}

/** A first line that ends within its object, and a second that is no object either: they are parts of one. */
function refuseIndented(first: Row | undefined, second: Row, file: string): void {
  if (first?.kind !== "bad" || second.kind !== "bad" || first.code !== "not-json" || first.raw === "") return;
  const begins = /^\s*\{/.test(first.raw) && endsTooSoon(first.raw);
  if (begins && /^\s*["{}[\]]/.test(second.raw)) throw new UpdraftError("json-indented", { file, line: first.line });
}

/** Whether nothing else is wrong with a text. */
function endsTooSoon(text: string): boolean {
  const { fault } = scanJson(text);
  return fault !== null && fault.at >= text.trimEnd().length;
}

/** What may be shown, and put into a command. */
const NAME = /^[\w.@$ -]{1,40}$/;

/** `{"value": [{…}, {…}]}`: the rows are within. */
function refuseWrapped(row: Row | undefined, file: string): void {
  if (row?.kind !== "object") return;
  const [[key, value] = ["", null], ...others] = Object.entries(row.object);
  if (others.length > 0 || !Array.isArray(value) || value.length === 0) return;
  const objects = value.every((one) => typeof one === "object" && one !== null && !Array.isArray(one));
  if (objects && NAME.test(key)) throw new UpdraftError("json-wrapped", { file, key });
}
