// Decompressed bytes in; their length, hash, line ends, encoding and format out, or the reason why they hold no rows.
import { createHash, type Hash } from "node:crypto";
import { UpdraftError } from "../errors.ts";
import { type Encoding, type EncodingName, isUtf8, recogniseEncoding, toldEncoding } from "./encoding.ts";
import { type Evidence, markOfEncoding, takeEvidence, wideByNuls } from "./evidence.ts";
import { firstRecord, recogniseFormat, refuseBinary, refuseMarkup, refuseOthers } from "./format.ts";
import type { Format } from "./source.ts";

export interface Fingerprint {
  readonly bytes: number;
  readonly sha256: string;
  readonly lines: number;
  readonly format: Format;
  readonly encoding: Encoding;
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

/** A report of our own, to be corrected and given back, is UTF-8 whatever the file was that it is on, or what its mark says. */
function isReport(head: Buffer): boolean {
  const decode = decoderOf(markOfEncoding(head) ?? "utf-8");
  return /\bupdraft_row\b/.test(firstRecord(decode(head)));
}

/** Reads everything once; the first chunk has to be as long as CHUNK, or the whole file. `name` tells the format where the content leaves it open. `told`: the encoding, if a person named it. */
export async function fingerprint(
  chunks: AsyncIterable<Buffer>,
  name: string,
  file: string,
  told: EncodingName | null,
): Promise<Fingerprint> {
  const evidence = takeEvidence();
  let decode = (chunk: Buffer) => chunk.toString("latin1");
  const hash = createHash("sha256");
  const marks: number[] = [];
  let bytes = 0;
  let lines = 0;
  let text = "";
  let report = false;
  for await (const chunk of chunks) {
    evidence.push(chunk);
    if (marks.length === 0) {
      refuseOthers(chunk, file);
      report = isReport(chunk);
      const named = report ? null : told;
      const encoding = named ?? markOfEncoding(chunk) ?? wideByNuls(chunk)?.name ?? "utf-8";
      if (!isWide(encoding)) refuseBinary(chunk, file);
      decode = decoderOf(encoding);
    }
    if (text.length < HEAD) text = (text + decode(chunk)).replace(/^\xef\xbb\xbf/, "").trimStart();
    hash.update(chunk);
    marks.push(markOf(hash));
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) lines++;
  }
  if (text === "") throw new UpdraftError("file-empty", { file });
  refuseMarkup(text, file);
  const encoding = encodingOf(evidence.end(), told, report, file);
  return { bytes, sha256: hash.digest("hex"), lines, format: recogniseFormat(text, name), encoding, marks };
}

function encodingOf(evidence: Evidence, told: EncodingName | null, report: boolean, file: string): Encoding {
  const { mark } = evidence;
  if (told === null || (report && (mark !== null || isUtf8(evidence)))) return recogniseEncoding(evidence);
  if (mark !== null && mark !== told) throw new UpdraftError("encoding-contradicted", { file, mark, told });
  return toldEncoding(told, evidence);
}

function isWide(encoding: EncodingName): boolean {
  return encoding === "utf-16le" || encoding === "utf-16be";
}

/** For the head, in which brackets, line ends and blanks are looked for: each byte may be a character, and a byte order mark a blank. */
function decoderOf(encoding: EncodingName): (chunk: Buffer) => string {
  if (encoding === "utf-16le") return (chunk) => chunk.toString("utf16le");
  if (encoding === "utf-16be")
    return (chunk) =>
      Buffer.from(chunk.subarray(0, chunk.length & ~1))
        .swap16()
        .toString("utf16le");
  return (chunk) => chunk.toString("latin1");
}
