// Compressed bytes in; what they were made from, as long as it is no bomb and its checksum is right, out.
import type { Transform } from "node:stream";
import { constants, createGunzip, createInflateRaw, createZstdDecompress } from "node:zlib";
import { UpdraftError } from "../errors.ts";
import { CHUNK } from "./file.ts";

/** 128 MiB, as much as `zstd --ultra -22` and `--long` need: a decoder holds that much of what it has decoded. */
const ZSTD_WINDOW_LOG = 27;

const DECODERS = {
  gzip: () => createGunzip({ chunkSize: CHUNK }),
  zstd: () => createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
  deflate: () => createInflateRaw({ chunkSize: CHUNK }),
};

export type Compression = keyof typeof DECODERS;

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** Behind one byte of which any low half will do: a frame of zstd that holds no content. pzstd begins with one. */
const SKIPPED = [0x2a, 0x4d, 0x18];

/** By what the first bytes say, whatever the file's name; null for what is not compressed. */
export function compressionOf(head: Buffer): Compression | null {
  const begins = (magic: readonly number[], from = 0) => magic.every((byte, at) => head[from + at] === byte);
  if (begins(GZIP)) return "gzip";
  return begins(ZSTD) || (((head[0] ?? 0) & 0xf0) === 0x50 && begins(SKIPPED, 1)) ? "zstd" : null;
}

/**
 * What unpacks to more than this many times its size is a bomb, once it is larger than FREE. Rows of nothing but an id and a
 * hundred empty columns reach 40 in gzip and 130 in zstd; bombs 1,000 in gzip and 30,000 in zstd.
 */
const MOST_TIMES = 500;
const FREE = 64 * 1024 ** 2;
/** And nothing may unpack to more than this. */
const MOST_BYTES = 100e9;

/** Throws where `made` bytes out of `taken` are more than any file of rows comes to. */
export function refuseBomb(file: string, taken: number, made: number): void {
  if (made <= FREE || (made <= taken * MOST_TIMES && made <= MOST_BYTES)) return;
  const sizes = { made: inUnits(made), taken: inUnits(taken), most: inUnits(MOST_BYTES) };
  throw new UpdraftError("file-bomb", { file, ...sizes, times: MOST_TIMES });
}

function inUnits(bytes: number): string {
  if (bytes >= 1e9) return `${Math.round(bytes / 1e9)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} KB`;
}

/**
 * Behind the last byte of zstd: a frame that holds nothing. Node ends in silence where three bytes of one more frame are there, or
 * what is no frame; with this behind them they are not taken, and what is not taken can be counted.
 */
const EMPTY_FRAME = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);

/** `what` it is, of which `file` is told when it is damaged: `gzip file`. */
export async function* decompress(
  input: AsyncIterable<Buffer>,
  compression: Compression,
  file: string,
  what = `${compression} file`,
): AsyncGenerator<Buffer, void, undefined> {
  const decoder = DECODERS[compression]();
  const damaged = (cause?: unknown) => new UpdraftError("file-damaged", { file, what }, { cause });

  async function feed(): Promise<void> {
    let fed = 0;
    /** Bytes that the decoder has not taken: for it, the content is over. */
    let left = 0;
    for await (const chunk of input) {
      fed += chunk.length;
      if (left === 0) await write(decoder, chunk);
      left = fed - decoder.bytesWritten;
      if (left > 0 && !isPadding(chunk.subarray(-left), compression)) throw damaged();
    }
    if (compression === "zstd") {
      await write(decoder, EMPTY_FRAME);
      if (decoder.bytesWritten !== fed + EMPTY_FRAME.length) throw damaged();
    }
    if (left === 0) decoder.end();
  }

  const feeding = feed();
  feeding.catch((error: Error) => void decoder.destroy(error));
  let made = 0;
  try {
    for await (const chunk of decoder) {
      made += chunk.length;
      refuseBomb(file, decoder.bytesWritten, made);
      yield chunk;
    }
    await feeding;
  } catch (cause) {
    if (cause instanceof UpdraftError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    if (code === "ZSTD_error_frameParameter_windowTooLarge") throw new UpdraftError("file-window", { file }, { cause });
    throw damaged(cause);
  } finally {
    decoder.destroy();
    await feeding.catch(() => undefined);
  }
}

/** Until all of it was taken that will be; nothing is taken any more by a decoder that was closed. */
function write(decoder: Transform, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    decoder.once("close", resolve);
    decoder.write(chunk, (error) => {
      decoder.off("close", resolve);
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Tapes and tar fill up their blocks with NUL bytes, which gzip takes for nothing. */
function isPadding(rest: Buffer, compression: Compression): boolean {
  return compression === "gzip" && rest.every((byte) => byte === 0);
}
