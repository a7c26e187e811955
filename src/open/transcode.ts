// Bytes in one of the encodings in; the same text as UTF-8 out, in which each byte that is not valid is one that UTF-8 never has.
import { isAscii } from "node:buffer";
import type { EncodingName } from "./encoding.ts";

/** In the place of what is not valid: the lines that hold it are bad rows, as those of bad UTF-8 are. */
const INVALID = Buffer.from([0xff]);

/** Of 0x80 to 0x9F; empty where Windows-1252 has no character. */
const C1 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

/** The character of each byte; undefined where there is none. */
export const WINDOWS_1252: readonly (string | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x80 || byte > 0x9f) return String.fromCharCode(byte);
  const sign = C1[byte - 0x80];
  return sign === " " ? undefined : sign;
});

/** The bytes from 0x80 to 0x9F are control characters, which no text has: they are there where it is Windows-1252. */
const ISO_8859_1 = WINDOWS_1252.map((character, byte) => (byte < 0x80 || byte > 0x9f ? character : undefined));

/** Chunks may be cut anywhere. UTF-8 passes as it is. */
export function transcode(chunks: AsyncIterable<Buffer>, encoding: EncodingName): AsyncIterable<Buffer> {
  switch (encoding) {
    case "utf-8":
      return chunks;
    case "utf-16le":
    case "utf-16be":
      return fromWide(chunks, encoding === "utf-16be");
    case "windows-1252":
      return fromBytes(chunks, WINDOWS_1252);
    case "iso-8859-1":
      return fromBytes(chunks, ISO_8859_1);
    default:
      return encoding satisfies never;
  }
}

async function* fromBytes(
  chunks: AsyncIterable<Buffer>,
  characters: readonly (string | undefined)[],
): AsyncGenerator<Buffer, void, undefined> {
  const utf8 = characters.map((character) => (character === undefined ? INVALID : Buffer.from(character)));
  for await (const chunk of chunks) yield isAscii(chunk) ? chunk : withEach(chunk, utf8);
}

function withEach(chunk: Buffer, utf8: readonly Buffer[]): Buffer {
  const out = Buffer.allocUnsafeSlow(chunk.length * 3);
  let length = 0;
  for (const byte of chunk) {
    if (byte < 0x80) out[length++] = byte;
    else for (const one of utf8[byte] ?? INVALID) out[length++] = one;
  }
  return out.subarray(0, length);
}

async function* fromWide(chunks: AsyncIterable<Buffer>, big: boolean): AsyncGenerator<Buffer, void, undefined> {
  let odd: Buffer = Buffer.alloc(0);
  /** The first half of a pair whose second half is in the next chunk. */
  let high = "";
  for await (const chunk of chunks) {
    const bytes = odd.length === 0 ? chunk : Buffer.concat([odd, chunk]);
    const even = bytes.length - (bytes.length % 2);
    odd = Buffer.from(bytes.subarray(even));
    const text = high + textOf(bytes.subarray(0, even), big);
    high = /[\uD800-\uDBFF]$/.exec(text)?.[0] ?? "";
    const whole = high === "" ? text : text.slice(0, -1);
    if (whole !== "") yield wellFormed(whole);
  }
  if (high !== "" || odd.length > 0) yield INVALID;
}

function textOf(bytes: Buffer, big: boolean): string {
  return (big ? Buffer.from(bytes).swap16() : bytes).toString("utf16le");
}

function wellFormed(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const parts = text.split(/[\uD800-\uDFFF]/u).map((part) => Buffer.from(part));
  return Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [INVALID, part])));
}
