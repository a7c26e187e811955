// Compressed bytes in; what they were made from, as long as it is no bomb and its checksum is right, out.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
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

const MAGIC = [
  { magic: [0x1f, 0x8b], compression: "gzip" },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], compression: "zstd" },
  // A frame that holds no content: pzstd begins with one.
  { magic: [0x50, 0x2a, 0x4d, 0x18], compression: "zstd" },
] as const;

/** By what the first bytes say, whatever the file's name; null for what is not compressed. */
export function compressionOf(head: Buffer): Compression | null {
  return MAGIC.find(({ magic }) => magic.every((byte, at) => head[at] === byte))?.compression ?? null;
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
  let fed = 0;
  async function* feed(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of input) {
      fed += chunk.length;
      yield chunk;
    }
    if (compression !== "zstd") return;
    fed += EMPTY_FRAME.length;
    yield EMPTY_FRAME;
  }
  const feeding = pipeline(Readable.from(feed(), { highWaterMark: 1 }), decoder);
  feeding.catch(() => undefined);
  let made = 0;
  try {
    for await (const chunk of decoder) {
      made += chunk.length;
      refuseBomb(file, decoder.bytesWritten, made);
      yield chunk;
    }
    await feeding;
    if (compression === "zstd" && decoder.bytesWritten !== fed) throw new UpdraftError("file-damaged", { file, what });
  } catch (cause) {
    if (cause instanceof UpdraftError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    if (code === "ZSTD_error_frameParameter_windowTooLarge") throw new UpdraftError("file-window", { file }, { cause });
    throw new UpdraftError("file-damaged", { file, what }, { cause });
  } finally {
    decoder.destroy();
    await feeding.catch(() => undefined);
  }
}
