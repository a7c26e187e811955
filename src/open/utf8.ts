// Bytes in; where a character of UTF-8 begins, and whether it is whole and valid, out.
import { isUtf8 } from "node:buffer";

/** Bytes of the character that this one begins; 1 where it begins none. */
function lengthFrom(byte: number): number {
  return byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1;
}

/** Bytes of the character beyond ASCII at `at`; 0 where the bytes there are none. */
export function characterAt(bytes: Buffer, at: number): number {
  const length = lengthFrom(bytes[at] ?? 0);
  return length > 1 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

/** How many bytes at the end are the beginning of a character that is not whole. */
export function cutOff(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return lengthFrom(byte) > back ? back : 0;
  }
  return 0;
}
