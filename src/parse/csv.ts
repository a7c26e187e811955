// A source of delimited text in; a reader of its records out, after its head has been recognised and its header found good.
import { UpdraftError } from "../errors.ts";
import { type Source, titleOf } from "../open/source.ts";
import { aboutFile } from "./about.ts";
import type { Dialect, Eol, Told } from "./dialect.ts";
import { type Framer, type LeftOut, makeFramer } from "./frame.ts";
import { columnsOf } from "./header.ts";
import { type TextBlock, textBlocks } from "./lines.ts";
import { recognise } from "./recognise.ts";
import { dialectOfReport } from "./report.ts";
import type { BadRow, CellsRow, Reader, ReadOptions } from "./row.ts";
import { makeShape, type Shape } from "./shape.ts";
import { refuseUnsure } from "./unsure.ts";

/** As many bytes are looked at to recognise how the file is written. */
const HEAD = 64 * 1024;
/** As many records, to learn whether each line ends with a delimiter. */
const LOOKED_AT = 100;
/** What Excel reads as "the delimiter of this file", and leaves out. */
const SEP = /^"?sep=([^\r\n])"?(?:\r*\n|\r|$)/i;

export async function openCsv(source: Source, { told: given = {}, lenient = false }: ReadOptions): Promise<Reader> {
  const file = titleOf(source);
  const { text, final } = await headOf(source);
  const sep = SEP.exec(text);
  const head = text.slice(sep?.[0].length ?? 0);
  // What a job or flags tell is of the file that a report is on: the report itself is always written in the same way.
  const told: Told = dialectOfReport(head) ?? (sep?.[1] === undefined ? given : { delimiter: sep[1], ...given });
  if (told.columns !== undefined && told.headerLines === undefined) throw new UpdraftError("columns-or-header");
  const found = recognise(head, final, told);
  const { confidence, eol } = found;
  if (!lenient) refuseUnsure(file, found);
  const dialect = lenient ? found.dialect : withHeader(found.dialect, told);
  if (contradicts(dialect)) throw new UpdraftError("dialect-contradicts", { file });
  const skip = dialect.preambleLines + (sep === null ? 0 : 1);
  const { footnoteLines = 0 } = told;
  const bare = makeShape(dialect, eol, skip, null);
  const first = await firstRecords(source, eol, footnoteLines, bare, dialect.headerLines + LOOKED_AT);
  const columns = columnsOf({
    first,
    shape: bare,
    headerLines: dialect.headerLines,
    certain: told.headerLines !== undefined,
    columns: told.columns,
    lenient,
    file,
  });
  const shape = makeShape(dialect, eol, skip, columns);
  const facts = { sep: sep?.[1] ?? null, dialect, eol, confidence, trailing: columns.trailing, footnoteLines };
  let leftOut: LeftOut | null = null;
  return {
    columns: columns.names,
    dialect,
    eol,
    confidence,
    get about() {
      return aboutFile(facts, leftOut);
    },
    rows: Math.max(1, source.lines - dialect.headerLines - skip),
    async *blocks() {
      const framer = makeFramer(shape, 1 - dialect.headerLines, source.encoding.name);
      yield* framed(blocksOf(source, eol, footnoteLines), framer);
      leftOut = framer.leftOut();
    },
  };
}

/** One of the marks could be another: no cell could be told from the next, or records that begin with one would be comments. */
function contradicts({ delimiter, quote, escape: escaping, comment }: Dialect): boolean {
  const within = [quote, escaping].some((mark) => mark !== null && delimiter.includes(mark));
  return within || [delimiter, quote].some((mark) => mark !== null && comment?.startsWith(mark) === true);
}

/** What is to be sent has a header unless a person says that there is none: a guess would send it, or drop the first row. */
function withHeader(dialect: Dialect, told: Told): Dialect {
  return told.headerLines === undefined && dialect.headerLines === 0 ? { ...dialect, headerLines: 1 } : dialect;
}

/** No block is empty. */
async function* framed(
  blocks: AsyncIterable<TextBlock>,
  framer: Framer,
): AsyncGenerator<(CellsRow | BadRow)[], void, undefined> {
  for await (const block of blocks) {
    const rows = framer.push(block);
    if (rows.length > 0) yield rows;
  }
  const rows = framer.end();
  if (rows.length > 0) yield rows;
}

function blocksOf(source: Source, eol: Eol, footnoteLines: number): AsyncIterable<TextBlock> {
  const blocks = textBlocks(source.read(), eol);
  return footnoteLines === 0 ? blocks : withoutLast(blocks, footnoteLines);
}

/** The same text without its last lines; blank ones at the very end are not counted. */
async function* withoutLast(
  blocks: AsyncIterable<TextBlock>,
  lines: number,
): AsyncGenerator<TextBlock, void, undefined> {
  let held = "";
  let suspect = false;
  for await (const block of blocks) {
    if (block.kind === "long") {
      if (held !== "") yield { kind: "text", text: held, suspect };
      yield block;
      [held, suspect] = ["", false];
      continue;
    }
    const text = held + block.text;
    suspect ||= block.suspect;
    let end = text.trimEnd().length;
    for (let left = lines; left > 0 && end >= 0; left--) end = end === 0 ? -1 : text.lastIndexOf("\n", end - 1);
    const keep = end + 1;
    if (keep > 0) yield { kind: "text", text: text.slice(0, keep), suspect };
    held = text.slice(keep);
  }
}

async function headOf(source: Source): Promise<{ text: string; final: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source.read()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > HEAD) break;
  }
  const text = Buffer.concat(chunks).subarray(0, HEAD).toString("utf8");
  return { text: text.replace(/^\uFEFF/, ""), final: bytes <= HEAD };
}

async function firstRecords(
  source: Source,
  eol: Eol,
  footnoteLines: number,
  shape: Shape,
  wanted: number,
): Promise<(CellsRow | BadRow)[]> {
  const found: (CellsRow | BadRow)[] = [];
  for await (const rows of framed(blocksOf(source, eol, footnoteLines), makeFramer(shape, 1, source.encoding.name))) {
    found.push(...rows.slice(0, wanted));
    if (found.length >= wanted) break;
  }
  return found.slice(0, wanted);
}
