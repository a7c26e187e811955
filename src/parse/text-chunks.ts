// A file's bytes in, cut anywhere; its text out in chunks of no shape, with what is no text marked: for what has no lines.
import { isAscii, isUtf8 } from "node:buffer";
import { characterAt, cutOff } from "../open/utf8.ts";
import { NOT_UTF8 } from "./lines.ts";

/** Drops the byte order mark. Where the first chunk has carriage returns and no line feed, they are the line ends. */
export async function* textChunks(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let tail: Buffer = Buffer.alloc(0);
  let first = true;
  let loneCr = false;
  for await (const chunk of chunks) {
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const whole = bytes.length - cutOff(bytes);
    tail = Buffer.from(bytes.subarray(whole));
    let text = decode(bytes.subarray(0, whole));
    if (first) {
      if (text === "") continue;
      loneCr = text.includes("\r") && !text.includes("\n");
      text = text.replace(/^\uFEFF/, "");
      first = false;
    }
    yield loneCr ? text.replaceAll("\r", "\n") : text;
  }
  if (tail.length > 0) yield decode(tail);
}

function decode(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString("latin1");
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    if ((bytes[at] ?? 0) < 0x80) continue;
    const length = characterAt(bytes, at);
    if (length === 0) {
      text += bytes.toString("utf8", start, at) + NOT_UTF8;
      start = at + 1;
    } else at += length - 1;
  }
  return text + bytes.toString("utf8", start);
}
