// Entries in; the bytes of a zip archive out, with whatever is wrong with it that a test wants.
import { crc32, deflateRawSync, zstdCompressSync } from "node:zlib";

export interface ZippedEntry {
  readonly name: string;
  readonly data?: string | Buffer;
  /** 0: as it is; 8: Deflate; 93: zstd; others are only said. */
  readonly method?: number;
  /** Bit 0: encrypted. */
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly packed?: Buffer;
}

/** `zip64`: all sizes and places stand where the old fields are too small for them. `disk`: it is that one of several parts. */
export function zipOf(entries: readonly ZippedEntry[], { zip64 = false, disk = 0 } = {}): Buffer {
  const parts: Buffer[] = [];
  const list: Buffer[] = [];
  let at = 0;
  for (const { name, data = "", method = 8, flags = 0, ...told } of entries) {
    const bytes = Buffer.from(data);
    const packed =
      told.packed ?? (method === 8 ? deflateRawSync(bytes) : method === 93 ? zstdCompressSync(bytes) : bytes);
    const named = Buffer.from(name);
    const size = told.size ?? bytes.length;
    const sizes = zip64 ? extra(size, packed.length, at) : Buffer.alloc(0);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(zip64 ? 45 : 20, 0);
    common.writeUInt16LE(flags | 0x800, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(told.crc ?? crc32(bytes), 10);
    common.writeUInt32LE(zip64 ? 0xffffffff : packed.length, 14);
    common.writeUInt32LE(zip64 ? 0xffffffff : size, 18);
    common.writeUInt16LE(named.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, named, packed]);
    common.writeUInt16LE(sizes.length, 24);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(zip64 ? 0xffffffff : at, 10);
    list.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), common, rest, named, sizes]));
    parts.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(list);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(disk, 4);
  end.writeUInt16LE(disk, 6);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : at, 16);
  const ends = zip64 ? [end64(entries.length, directory.length, at), end] : [end];
  return Buffer.concat([...parts, directory, ...ends]);
}

function extra(size: number, packed: number, at: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(1, 0);
  bytes.writeUInt16LE(24, 2);
  for (const [index, value] of [size, packed, at].entries()) bytes.writeBigUInt64LE(BigInt(value), 4 + index * 8);
  return bytes;
}

function end64(count: number, length: number, at: number): Buffer {
  const bytes = Buffer.alloc(56 + 20);
  bytes.write("PK\x06\x06");
  bytes.writeBigUInt64LE(44n, 4);
  bytes.writeUInt16LE(45, 12);
  bytes.writeUInt16LE(45, 14);
  for (const [index, value] of [count, count, length, at].entries()) {
    bytes.writeBigUInt64LE(BigInt(value), 24 + index * 8);
  }
  bytes.write("PK\x06\x07", 56);
  bytes.writeBigUInt64LE(BigInt(at + length), 64);
  bytes.writeUInt32LE(1, 72);
  return bytes;
}
