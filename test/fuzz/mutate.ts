// Files that were broken on purpose, made from others by chance in; the same seed and number, the same file, out.
import { gzipSync, zstdCompressSync } from "node:zlib";

/** 0 to 1, exclusive. */
export type Random = () => number;

/** Mulberry32 of a seed and a case's number: each case can be made again without those before it. */
export function randomOf(seed: number, number: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What means something to a reader far more often than chance would have it. */
const TOKENS = [
  ...[
    ",",
    ";",
    "\t",
    "|",
    " ",
    ", ",
    '"',
    '""',
    "'",
    "\\",
    '\\"',
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "\0",
    "#",
    "sep=;\n",
    "\ufeff",
  ],
  ...[
    "{",
    "}",
    "[",
    "]",
    ":",
    "{}",
    "[]",
    '{"a":1}\n',
    '{"a":',
    "null",
    "1e999",
    "9007199254740993",
    "-0",
    '"__proto__"',
    "\\u0000",
  ],
  ...[
    "\ud800",
    "é",
    "😀",
    "MÃ¼ller",
    "\u2028",
    "=1+1",
    "#N/A",
    "1.2E+11",
    "updraft_row,updraft_line",
    "customerId",
    "a,b,c\n",
  ],
].map((text) => Buffer.from(text));
const BYTES = [
  [0xff],
  [0xfe, 0xff],
  [0xff, 0xfe],
  [0xc3],
  [0x81],
  [0x1f, 0x8b],
  [0x50, 0x4b, 3, 4],
  [0x28, 0xb5, 0x2f, 0xfd],
].map((bytes) => Buffer.from(bytes));
const PIECES = [...TOKENS, ...BYTES];

type Mutation = (bytes: Buffer, random: Random, seeds: readonly Buffer[]) => Buffer;

const below = (random: Random, limit: number) => Math.floor(random() * limit);
const pick = <T>(random: Random, all: readonly T[]): T => all[below(random, all.length)] as T;

function splice(bytes: Buffer, start: number, end: number, ...middle: Buffer[]): Buffer {
  return Buffer.concat([bytes.subarray(0, start), ...middle, bytes.subarray(end)]);
}

const MUTATIONS: readonly Mutation[] = [
  function putToken(bytes, random) {
    const at = below(random, bytes.length + 1);
    return splice(bytes, at, at, pick(random, PIECES));
  },
  function replaceWithToken(bytes, random) {
    const at = below(random, bytes.length + 1);
    return splice(bytes, at, Math.min(at + 1 + below(random, 3), bytes.length), pick(random, PIECES));
  },
  function flipByte(bytes, random) {
    if (bytes.length === 0) return bytes;
    const copy = Buffer.from(bytes);
    copy[below(random, copy.length)] = below(random, 256);
    return copy;
  },
  function dropRange(bytes, random) {
    const at = below(random, bytes.length + 1);
    return splice(bytes, at, Math.min(at + below(random, 200), bytes.length));
  },
  function repeatRange(bytes, random) {
    const at = below(random, bytes.length + 1);
    const range = bytes.subarray(at, at + 1 + below(random, 100));
    const times = pick(random, [1, 2, 10, 500]);
    return splice(bytes, at, at, ...Array.from({ length: times }, () => range));
  },
  function cut(bytes, random) {
    return bytes.subarray(0, below(random, bytes.length + 1));
  },
  function joinWithOther(bytes, random, seeds) {
    const other = pick(random, seeds);
    return Buffer.concat([
      bytes.subarray(0, below(random, bytes.length + 1)),
      other.subarray(below(random, other.length + 1)),
    ]);
  },
  function swapDelimiter(bytes, random) {
    const to = pick(random, [";", "\t", "|", " ", ", "]);
    return Buffer.from(bytes.toString("latin1").replaceAll(",", to), "latin1");
  },
  function endLinesOtherwise(bytes, random) {
    return Buffer.from(
      bytes.toString("latin1").replaceAll(/\r?\n/g, pick(random, ["\r", "\r\n", "\n\n", "\n"])),
      "latin1",
    );
  },
];

/** What a file is wrapped or written in, at the very end. */
const COVERS: readonly ((bytes: Buffer) => Buffer)[] = [
  (bytes) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(bytes.toString("utf8"), "utf16le")]),
  (bytes) => Buffer.from(bytes.toString("utf8"), "utf16le").swap16(),
  (bytes) => Buffer.from(bytes.toString("utf8"), "latin1"),
  (bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
  (bytes) => gzipSync(bytes),
  (bytes) => zstdCompressSync(bytes),
  (bytes) => gzipSync(bytes).subarray(0, -5),
];

/** Up to 8 changes to one of the seeds, and one time in four a cover. */
export function brokenFile(seeds: readonly Buffer[], seed: number, number: number): Buffer {
  const random = randomOf(seed, number);
  let bytes = pick(random, seeds);
  for (let left = 1 + below(random, 8); left > 0; left--) bytes = pick(random, MUTATIONS)(bytes, random, seeds);
  return random() < 0.25 ? pick(random, COVERS)(bytes) : bytes;
}
