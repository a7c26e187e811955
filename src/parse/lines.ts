// A file's bytes in, cut anywhere; its text out in blocks of whole lines, with what is no text marked.
import { isAscii, isUtf8 } from "node:buffer";
import type { Eol } from "./dialect.ts";

/** The longest row that is read, in bytes of UTF-8 without its line end. */
export const MAX_ROW = 1024 * 1024;

/** Stands in the text for bytes that are not UTF-8. Decoded text never has it alone: it is half a surrogate pair. */
export const NOT_UTF8 = "\uDFFF";

export type TextBlock =
  /** Lines, each with its `\n`; only the last line of the file may lack it. `suspect`: holds NOT_UTF8 or NUL somewhere. */
  | { readonly kind: "text"; readonly text: string; readonly suspect: boolean }
  /** In place of one line so much longer than MAX_ROW that it was never held whole. */
  | { readonly kind: "long" };

const LF = 10;
const CR = 13;
/** As many bytes are looked at, at most, to learn which line ends the file has. */
const HEAD = 64 * 1024;
/** Bytes of a byte order mark. */
const MARK = 3;

/**
 * Drops the byte order mark. Where lines end with carriage returns alone, these and the line feeds within cells have changed
 * places in the text: shape.ts changes them back. Who does not know the line ends leaves them to the first 64 KiB.
 */
export async function* textBlocks(
  chunks: AsyncIterable<Buffer>,
  eol: Eol | null = null,
): AsyncGenerator<TextBlock, void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let dropping = false;
  for await (let chunk of evened(chunks, eol)) {
    if (dropping) {
      const end = chunk.indexOf(LF);
      if (end === -1) continue;
      chunk = chunk.subarray(end + 1);
      dropping = false;
    }
    const last = chunk.lastIndexOf(LF);
    if (last !== -1) {
      rest.push(chunk.subarray(0, last + 1));
      yield decode(rest);
      chunk = chunk.subarray(last + 1);
      rest = [];
      restBytes = 0;
    }
    if (chunk.length === 0) continue;
    rest.push(chunk);
    restBytes += chunk.length;
    // One more byte is allowed for: it may be the CR of a line end that is still to come.
    if (restBytes > MAX_ROW + 1) {
      yield { kind: "long" };
      rest = [];
      restBytes = 0;
      dropping = true;
    }
  }
  if (restBytes > 0) yield decode(rest);
}

/** The same bytes without a byte order mark; CR and LF swapped where CR alone ends the lines. */
async function* evened(chunks: AsyncIterable<Buffer>, eol: Eol | null): AsyncGenerator<Buffer, void, undefined> {
  const isLoneCr = (head: Buffer) => (eol === null ? !head.includes(LF) && head.includes(CR) : eol === "\r");
  let head: Buffer | null = Buffer.alloc(0);
  let loneCr = false;
  for await (const chunk of chunks) {
    if (head === null) {
      yield loneCr ? withEndsSwapped(chunk) : chunk;
      continue;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < (eol === null && !head.includes(LF) ? HEAD : MARK)) continue;
    loneCr = isLoneCr(head);
    yield withoutMark(loneCr ? withEndsSwapped(head) : head);
    head = null;
  }
  if (head !== null) yield withoutMark(isLoneCr(head) ? withEndsSwapped(head) : head);
}

function withoutMark(head: Buffer): Buffer {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? head.subarray(3) : head;
}

function withEndsSwapped(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk);
  for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) copy[at] = CR;
  for (let at = chunk.indexOf(CR); at !== -1; at = chunk.indexOf(CR, at + 1)) copy[at] = LF;
  return copy;
}

function decode(parts: Buffer[]): TextBlock {
  const [only] = parts;
  const bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  const nul = bytes.includes(0);
  // Plain ASCII, the usual case, is decoded twice as fast as Latin-1 and gives strings of one byte a character.
  if (isAscii(bytes)) return { kind: "text", text: bytes.toString("latin1"), suspect: nul };
  if (isUtf8(bytes)) return { kind: "text", text: bytes.toString("utf8"), suspect: nul };
  return { kind: "text", text: decodeLines(bytes), suspect: true };
}

/** Line by line, so that bytes that are not UTF-8 cost no other line than their own. */
function decodeLines(bytes: Buffer): string {
  let text = "";
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LF, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end + 1);
    text += isUtf8(line) ? line.toString("utf8") : line.toString("utf8").replaceAll("\uFFFD", NOT_UTF8);
    start += line.length;
  }
  return text;
}
