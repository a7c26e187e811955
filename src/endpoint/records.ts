// Texts in, kept as bytes outside the collected heap; their positions, and an index from hash to position, out.

export interface Records {
  /** Its position; a whole number from 1. */
  append(text: string): number;
  read(at: number): string;
  /** Replaces a text, in place where it fits; its position from now on. */
  rewrite(at: number, text: string): number;
  /** In order of position, those appended meanwhile included. */
  all(): Generator<string, void, undefined>;
  clear(): void;
}

const CHUNK = 4 * 2 ** 20;
/** Before each text: the bytes it may take, and those it takes; 0 of these where it has moved away. */
const HEAD = 8;

export function makeRecords(): Records {
  let chunks: { readonly bytes: Buffer; used: number }[] = [];

  const position = (chunk: number, offset: number) => chunk * 2 ** 32 + offset + 1;
  const locate = (at: number) => {
    const chunk = chunks[Math.floor((at - 1) / 2 ** 32)];
    if (!chunk) throw new RangeError(`no record at ${at}`);
    return { bytes: chunk.bytes, offset: (at - 1) % 2 ** 32 };
  };
  const textAt = (bytes: Buffer, offset: number) =>
    bytes.toString("utf8", offset + HEAD, offset + HEAD + bytes.readUInt32LE(offset + 4));

  const append = (text: string): number => {
    const length = Buffer.byteLength(text);
    let chunk = chunks.at(-1);
    if (!chunk || chunk.used + HEAD + length > chunk.bytes.length) {
      chunk = { bytes: Buffer.allocUnsafeSlow(Math.max(CHUNK, HEAD + length)), used: 0 };
      chunks.push(chunk);
    }
    const offset = chunk.used;
    chunk.bytes.writeUInt32LE(length, offset);
    chunk.bytes.writeUInt32LE(length, offset + 4);
    chunk.bytes.write(text, offset + HEAD, "utf8");
    chunk.used += HEAD + length;
    return position(chunks.length - 1, offset);
  };

  return {
    append,
    read(at) {
      const { bytes, offset } = locate(at);
      return textAt(bytes, offset);
    },
    rewrite(at, text) {
      const { bytes, offset } = locate(at);
      const length = Buffer.byteLength(text);
      if (length > bytes.readUInt32LE(offset)) {
        bytes.writeUInt32LE(0, offset + 4);
        return append(text);
      }
      bytes.writeUInt32LE(length, offset + 4);
      bytes.write(text, offset + HEAD, "utf8");
      return at;
    },
    *all() {
      const list = chunks;
      for (let n = 0; n < list.length; n++) {
        const chunk = list[n];
        for (let at = 0; chunk && at < chunk.used; at += HEAD + chunk.bytes.readUInt32LE(at)) {
          if (chunk.bytes.readUInt32LE(at + 4) > 0) yield textAt(chunk.bytes, at);
        }
      }
    },
    clear() {
      chunks = [];
    },
  };
}

export interface Index {
  /** Positions added under this hash. Several where two hashes share their 32 lower bits: the caller compares. */
  candidates(hash: number): Generator<number, void, undefined>;
  add(hash: number, at: number): void;
  move(hash: number, from: number, to: number): void;
}

/** Open addressing in typed arrays, 12 bytes a place, at most 60 % full. */
export function makeIndex(): Index {
  let marks = new Uint32Array(1 << 14);
  let places = new Float64Array(marks.length);
  let used = 0;

  // The mark is the hash itself, so that growing needs nothing but these two arrays. A place is free where it is 0.
  const put = (mark: number, at: number) => {
    let slot = mark % marks.length;
    while (places[slot] !== 0) slot = (slot + 1) % marks.length;
    marks[slot] = mark;
    places[slot] = at;
  };
  const grow = () => {
    const old = { marks, places };
    marks = new Uint32Array(old.marks.length * 2);
    places = new Float64Array(marks.length);
    for (let slot = 0; slot < old.places.length; slot++) {
      const at = old.places[slot] ?? 0;
      if (at !== 0) put(old.marks[slot] ?? 0, at);
    }
  };
  function* slots(hash: number): Generator<number, void, undefined> {
    const mark = hash >>> 0;
    for (let slot = mark % marks.length; places[slot] !== 0; slot = (slot + 1) % marks.length) {
      if (marks[slot] === mark) yield slot;
    }
  }

  return {
    *candidates(hash) {
      for (const slot of slots(hash)) yield places[slot] ?? 0;
    },
    add(hash, at) {
      if (++used > marks.length * 0.6) grow();
      put(hash >>> 0, at);
    },
    move(hash, from, to) {
      for (const slot of slots(hash)) if (places[slot] === from) places[slot] = to;
    },
  };
}
