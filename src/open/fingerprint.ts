// Decoded bytes in; their length, hash, line ends and format out, or the reason why they hold no rows.
import { createHash, type Hash } from "node:crypto";
import { UpdraftError } from "../errors.ts";
import { recogniseFormat, refuseOthers } from "./format.ts";
import type { Format } from "./source.ts";

export interface Fingerprint {
  readonly bytes: number;
  readonly sha256: string;
  readonly lines: number;
  readonly format: Format;
  /** Of each chunk, what the hash comes to with it: so a chunk that is not the same is known before anything is made of it. */
  readonly marks: readonly number[];
}

const LF = 10;
/** So much of the content, from its first character that is not blank, tells the format. */
const HEAD = 64 * 1024;

/** Six bytes of what the hash comes to so far. */
export function markOf(hash: Hash): number {
  return hash.copy().digest().readUIntBE(0, 6);
}

/** Reads everything once. `name` tells the format where the content leaves it open. */
export async function fingerprint(chunks: AsyncIterable<Buffer>, name: string, file: string): Promise<Fingerprint> {
  const hash = createHash("sha256");
  const marks: number[] = [];
  let bytes = 0;
  let lines = 0;
  let start = Buffer.alloc(0);
  let text = "";
  for await (const chunk of chunks) {
    if (start.length < 8) {
      start = Buffer.concat([start, chunk.subarray(0, 8)]);
      refuseOthers(start, file);
    }
    // In Latin-1 each byte is a character: enough to find a bracket, and a byte order mark can be taken for a blank.
    if (text.length < HEAD) text = (text + chunk.toString("latin1")).replace(/^\xef\xbb\xbf/, "").trimStart();
    hash.update(chunk);
    marks.push(markOf(hash));
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) lines++;
  }
  if (text === "") throw new UpdraftError("file-empty", { file });
  return { bytes, sha256: hash.digest("hex"), lines, format: recogniseFormat(text, name, file), marks };
}
