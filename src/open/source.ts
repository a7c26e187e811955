// A path (or `-`) in; its decoded bytes, as often as asked, with name, size, fingerprint and format out.

import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { addAbortSignal, Readable } from "node:stream";
import { UpdraftError } from "../errors.ts";
import { openContent } from "./container.ts";
import type { Encoding, EncodingName } from "./encoding.ts";
import { evened, openFile } from "./file.ts";
import { fingerprint, markOf } from "./fingerprint.ts";
import { spool } from "./spool.ts";
import { transcode } from "./transcode.ts";

export type Format = "csv" | "ndjson";

export interface Source {
  /** As people know it: the base name, or `stdin`. */
  readonly name: string;
  readonly format: Format;
  readonly encoding: Encoding;
  /** Of a workbook the sheet that is read: the content is CSV made from its cells, of RFC 4180 and in UTF-8. Else null. */
  readonly sheet: string | null;
  /** What was chosen of what is in a container, and what is left: a sentence each. */
  readonly about: readonly string[];
  /** Length and SHA-256 (hex) of the content: after decompression, before any character decoding. */
  readonly bytes: number;
  readonly sha256: string;
  /** Line ends counted while fingerprinting: an estimate of rows for progress, never for accounts. */
  readonly lines: number;
  /** The text as UTF-8 in chunks of about 64 KiB, whatever the encoding. Throws `file-changed` when what it reads is not what was fingerprinted. */
  read(): AsyncIterable<Buffer>;
  /** Removes what openSource made (the sealed spool of standard input). May be called twice. */
  close(): Promise<void>;
}

/** As messages name it: of a workbook with its sheet. */
export function titleOf({ name, sheet }: Source): string {
  return sheet === null ? name : `${name}, sheet ${sheet}`;
}

export interface OpenContext {
  /** What `-` means; the process's own standard input where it is left out. */
  readonly stdin?: AsyncIterable<Buffer | string>;
  /** Standard input is kept here, sealed, until `close`. */
  readonly dataDir: string;
  /** Null, or left out: it is recognised. */
  readonly encoding?: EncodingName | null;
  /** Nobody knows when standard input ends, and a file may be long: once this is aborted, `not-begun` is thrown. */
  readonly stop?: AbortSignal;
}

/** Reads the whole content once. Throws an UpdraftError for what is no file of rows. */
export async function openSource(path: string, context: OpenContext): Promise<Source> {
  const piped = path === "-";
  const file = piped ? "stdin" : path;
  const { stop } = context;
  const input = piped
    ? await spool(untilStopped(standardInput(context, file), file, stop), join(context.dataDir, "spool"))
    : await openFile(path);
  try {
    const name = basename(file);
    const { sheet, about, ...content } = await openContent(input, file, name);
    const decoded = () => evened(content.read());
    const told = sheet === null ? (context.encoding ?? null) : "utf-8";
    const { marks, ...print } = await fingerprint(untilStopped(decoded(), file, stop), content.name, file, told);
    const format = sheet === null ? print.format : "csv";
    const read = () => transcode(unchanged(decoded(), marks, file), print.encoding.name);
    return { name, ...print, format, sheet, about, read, close: input.close };
  } catch (error) {
    await input.close();
    throw error;
  }
}

/** It may be silent for ever: then only its end makes whoever waits for it go on. */
function standardInput({ stdin = process.stdin, stop }: OpenContext, file: string): AsyncIterable<Buffer | string> {
  // Ended now, before anybody reads it, it would have nobody to tell, and end the process.
  if (stop?.aborted) throw new UpdraftError("not-begun", { file });
  return stop !== undefined && stdin instanceof Readable ? addAbortSignal(stop, stdin) : stdin;
}

/** Where a Ctrl-C ended what writes them as well, they are not all of the content. */
async function* untilStopped<Chunk>(
  chunks: AsyncIterable<Chunk>,
  file: string,
  stop: AbortSignal | undefined,
): AsyncGenerator<Chunk, void, undefined> {
  try {
    for await (const chunk of chunks) {
      if (stop?.aborted) break;
      yield chunk;
    }
  } catch (error) {
    if (!stop?.aborted) throw error;
  }
  if (stop?.aborted) throw new UpdraftError("not-begun", { file });
}

/** The same chunks, up to the first one that is not what was fingerprinted: there it throws. */
async function* unchanged(
  chunks: AsyncIterable<Buffer>,
  marks: readonly number[],
  file: string,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash("sha256");
  let read = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    if (marks[read++] !== markOf(hash)) throw new UpdraftError("file-changed", { file });
    yield chunk;
  }
  if (read !== marks.length) throw new UpdraftError("file-changed", { file });
}
