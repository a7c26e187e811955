// A text in; its hash under a secret key out: who has the hash alone can neither read the text nor try out what it may be.
import { createHash, hash, hkdfSync } from "node:crypto";

const ALGORITHM = "sha256";
/** Bytes that SHA-256 takes at once: what HMAC fills the key up to. */
const BLOCK = 64;
const DIGEST = 32;
/** Most texts fit, and a longer one makes it grow. A character takes three bytes at most. */
const FIRST = 4_096;

/** 32 characters, one for each byte (latin1): a slice of it is a shorter hash. */
export type KeyedHash = (text: string) => string;

/** HMAC-SHA-256 with a key that is derived from the master key and a name (HKDF, RFC 5869): under another name all hashes are others. */
export function deriveHash(master: Buffer, name: string): KeyedHash {
  return makeHmac(Buffer.from(hkdfSync(ALGORITHM, master, Buffer.alloc(0), `updraft:${name}`, DIGEST)));
}

/**
 * RFC 2104 out of two plain hashes: node:crypto makes those in one call each, and a whole HMAC as an object, which takes three times as
 * long. The texts are well-formed: two lone surrogates would have the same hash.
 */
export function makeHmac(key: Buffer): KeyedHash {
  const filled = Buffer.alloc(BLOCK);
  (key.length > BLOCK ? createHash(ALGORITHM).update(key).digest() : key).copy(filled);
  const outer = Buffer.alloc(BLOCK + DIGEST);
  let inner = Buffer.alloc(BLOCK + FIRST);
  for (let i = 0; i < BLOCK; i++) {
    inner[i] = (filled[i] ?? 0) ^ 0x36;
    outer[i] = (filled[i] ?? 0) ^ 0x5c;
  }
  return (text) => {
    if (BLOCK + text.length * 3 > inner.length) {
      const larger = Buffer.alloc(BLOCK + text.length * 3);
      inner.copy(larger, 0, 0, BLOCK);
      inner = larger;
    }
    const end = BLOCK + inner.write(text, BLOCK);
    outer.write(hash(ALGORITHM, inner.subarray(0, end), "latin1"), BLOCK, "latin1");
    return hash(ALGORITHM, outer, "latin1");
  };
}
