// The path of a regular file in; its bytes as they are on the disk, as often as asked, out.
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { UpdraftError } from "../errors.ts";

/** Where bytes come from, before any decompression. */
export interface Input {
  /** In bytes. */
  readonly size: number;
  /** Everything, or the bytes from `start` up to, not including, `end`. */
  read(start?: number, end?: number): AsyncGenerator<Buffer, void, undefined>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** 128 and 256 KiB are no faster, and hold 30 MB more until they are collected. */
export const CHUNK = 64 * 1024;

/** The same bytes in chunks of CHUNK, but for the last: a stream may come byte by byte, and so may what is decompressed. */
export async function* evened(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (length + rest.length >= CHUNK) {
      const taken = rest.subarray(0, CHUNK - length);
      yield length === 0 ? taken : Buffer.concat([...parts, taken]);
      rest = rest.subarray(taken.length);
      parts = [];
      length = 0;
    }
    if (rest.length > 0) parts.push(rest);
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(parts);
}

/** Of a few chunks all bytes. */
export async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** `read` refuses a file that is not the same, by inode, size and time of change, as when it was opened here. */
export async function openFile(path: string): Promise<Input> {
  const seen = await stat(path, { bigint: true }).catch((cause: unknown) => refuse(cause, path));
  if (seen.isDirectory()) throw new UpdraftError("file-directory", { file: path });
  if (!seen.isFile()) throw new UpdraftError("file-not-regular", { file: path, kind: kindOf(seen) });

  async function* read(start = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer, void, undefined> {
    const handle = await open(path).catch((cause: unknown) => refuse(cause, path));
    try {
      const now = await handle.stat({ bigint: true });
      if (identity(now) !== identity(seen)) throw new UpdraftError("file-changed", { file: path });
      yield* readAhead(handle, path, start, end);
    } finally {
      await handle.close();
    }
  }

  return { size: Number(seen.size), read, close: async () => {} };
}

/** The disk reads the next chunk while this one is worked on. */
async function* readAhead(
  handle: FileHandle,
  path: string,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  let position = start;
  const readNext = () => {
    const wanted = Math.max(0, Math.min(CHUNK, end - position));
    return handle.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
  };
  let next = readNext();
  try {
    for (;;) {
      const { bytesRead, buffer } = await next.catch((cause: unknown) => refuse(cause, path));
      if (bytesRead === 0) return;
      position += bytesRead;
      next = readNext();
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await next.catch(() => undefined);
  }
}

function refuse(cause: unknown, path: string): never {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown cause";
  if (code === "ENOENT" || code === "ENOTDIR") {
    throw new UpdraftError("file-missing", { file: path || '""', cwd: process.cwd() }, { cause });
  }
  throw new UpdraftError("file-unreadable", { file: path, cause: code }, { cause });
}

function identity({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs}`;
}

function kindOf(stats: BigIntStats): string {
  if (stats.isFIFO()) return "a named pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}
