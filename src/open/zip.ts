// A zip archive that can be read at any place in; its entries, and the bytes of each with their checksum verified, out.
import { isUtf8 } from "node:buffer";
import { crc32 } from "node:zlib";
import {
  type Entry,
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  RandomAccessReader,
  type ZipFile,
} from "yauzl";
import { UpdraftError } from "../errors.ts";
import { type Compression, decompress } from "./decompress.ts";
import { CHUNK, gathered, type Input } from "./file.ts";

export interface ZipEntry {
  /** With `/` between its parts, and anything in them: it is shown and compared, never a path of this machine. */
  readonly name: string;
  readonly packed: number;
  readonly size: number;
  read(): AsyncGenerator<Buffer, void, undefined>;
}

/** A workbook of thousands of pictures has as many; a bomb of empty entries has millions. */
const MOST_ENTRIES = 20_000;

const METHODS: Readonly<Record<number, Compression | "stored">> = { 0: "stored", 8: "deflate", 93: "zstd" };
const OTHER_METHODS: Readonly<Record<number, string>> = {
  1: "Shrink",
  6: "Implode",
  9: "Deflate64",
  12: "bzip2",
  14: "LZMA",
  95: "xz",
  98: "PPMd",
  99: "AES",
};

/** What yauzl asks for to find the entries: it does so in pieces of a few bytes, which are cut from one block of the file. */
class InputReader extends RandomAccessReader {
  readonly #input: Input;
  #from = 0;
  #block: Buffer = Buffer.alloc(0);

  constructor(input: Input) {
    super();
    this.#input = input;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#hold(position, length).then(
      () => {
        const at = position - this.#from;
        const given = this.#block.copy(buffer, offset, at, at + length);
        callback(given === length ? null : new Error("ends too soon"));
      },
      (cause: unknown) => callback(cause instanceof Error ? cause : new Error("cannot be read")),
    );
  }

  async #hold(position: number, length: number): Promise<void> {
    if (position >= this.#from && position + length <= this.#from + this.#block.length) return;
    this.#block = await gathered(this.#input.read(position, position + Math.max(length, CHUNK)));
    this.#from = position;
  }
}

/** In the order of the archive's own list. */
export async function openZip(input: Input, file: string): Promise<readonly ZipEntry[]> {
  try {
    // Names stay bytes: yauzl refuses those that lead out of a folder, which concerns only who writes them to one.
    const zip = await fromRandomAccessReaderPromise(new InputReader(input), input.size, {
      decodeStrings: false,
      autoClose: false,
    });
    if (zip.entryCount > MOST_ENTRIES) {
      throw new UpdraftError("zip-entries", { file, count: zip.entryCount, limit: MOST_ENTRIES });
    }
    const entries: ZipEntry[] = [];
    for await (const entry of zip.eachEntry()) {
      entries.push({
        name: getFileNameLowLevel(nameFlags(entry), entry.fileNameRaw, entry.extraFields, false),
        packed: entry.compressedSize,
        size: entry.uncompressedSize,
        read: () => readEntry(zip, entry, input, file),
      });
    }
    return entries;
  } catch (cause) {
    throw asDamaged(cause, file);
  }
}

/** Many programs write UTF-8, and do not say so. */
function nameFlags({ generalPurposeBitFlag, fileNameRaw }: Entry): number {
  return isUtf8(fileNameRaw) ? generalPurposeBitFlag | 0x800 : generalPurposeBitFlag;
}

async function* readEntry(
  zip: ZipFile,
  entry: Entry,
  input: Input,
  file: string,
): AsyncGenerator<Buffer, void, undefined> {
  if (entry.isEncrypted()) throw new UpdraftError("file-encrypted", { file });
  const method = METHODS[entry.compressionMethod];
  if (method === undefined) {
    const named = OTHER_METHODS[entry.compressionMethod] ?? `method ${entry.compressionMethod}`;
    throw new UpdraftError("zip-method", { file, method: named });
  }
  const { fileDataStart } = await zip
    .readLocalFileHeaderPromise(entry, { minimal: true })
    .catch((cause: unknown) => Promise.reject(asDamaged(cause, file)));
  const packed = input.read(fileDataStart, fileDataStart + entry.compressedSize);
  let size = 0;
  let sum = 0;
  for await (const chunk of method === "stored" ? packed : decompress(packed, method, file, "zip archive")) {
    size += chunk.length;
    if (size > entry.uncompressedSize) break;
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (size !== entry.uncompressedSize || sum !== entry.crc32) {
    throw new UpdraftError("file-damaged", { file, what: "zip archive" });
  }
}

function asDamaged(cause: unknown, file: string): UpdraftError {
  if (cause instanceof UpdraftError) return cause;
  const said = cause instanceof Error ? cause.message : "";
  if (/multi-disk/i.test(said)) return new UpdraftError("zip-disks", { file }, { cause });
  if (/encryption/i.test(said)) return new UpdraftError("file-encrypted", { file }, { cause });
  return new UpdraftError("file-damaged", { file, what: "zip archive" }, { cause });
}

/** Short enough to be read, and without characters that do something to a terminal. */
export function printable(name: string): string {
  const shown = name.length > 80 ? `${name.slice(0, 79)}…` : name;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "?");
}
