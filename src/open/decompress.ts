// Bytes as they are on the disk in; the content, with gzip or zstd taken off, out.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { UpdraftError } from "../errors.ts";
import { CHUNK } from "./file.ts";

const COMPRESSIONS = [
  { name: "gzip", magic: Buffer.from([0x1f, 0x8b]), make: () => createGunzip({ chunkSize: CHUNK }) },
  {
    name: "zstd",
    magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    make: () => createZstdDecompress({ chunkSize: CHUNK }),
  },
] as const;

/** As many bytes are needed to tell them apart. */
const LONGEST = 4;

/** By what the first bytes say, whatever the file's name. */
export async function* decompress(
  input: AsyncGenerator<Buffer>,
  file: string,
): AsyncGenerator<Buffer, void, undefined> {
  let head = Buffer.alloc(0);
  try {
    while (head.length < LONGEST) {
      const next = await input.next();
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
    }
    const compression = COMPRESSIONS.find(({ magic }) => head.subarray(0, magic.length).equals(magic));
    if (compression === undefined) {
      if (head.length > 0) yield head;
      yield* input;
      return;
    }
    const decoder = compression.make();
    const feeding = pipeline(Readable.from(behind(head, input), { highWaterMark: 1 }), decoder);
    feeding.catch(() => undefined);
    try {
      for await (const chunk of decoder) yield chunk;
      await feeding;
    } catch (cause) {
      if (cause instanceof UpdraftError) throw cause;
      throw new UpdraftError("file-damaged", { file, compression: compression.name }, { cause });
    } finally {
      decoder.destroy();
      await feeding.catch(() => undefined);
    }
  } finally {
    await input.return(undefined);
  }
}

async function* behind(head: Buffer, input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield head;
  yield* input;
}
