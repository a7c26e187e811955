// Hashes of an update's parts in, packed into one text; what two such texts have in common out.

/** A part's number and the first bytes of its hash, one character each (latin1). */
const HASH = 8;
const WIDTH = 1 + HASH;

/** Of several parts: their texts one after the other, ascending by part. */
export function packPart(part: number, hash: string): string {
  return String.fromCharCode(part) + hash.slice(0, HASH);
}

/** Each part of `wanted` is in `known`, with the same hash. */
export function hasAll(known: string, wanted: string): boolean {
  for (let at = 0; at < wanted.length; at += WIDTH) {
    const place = placeOf(known, wanted.charCodeAt(at));
    if (place < 0 || known.slice(place, place + WIDTH) !== wanted.slice(at, at + WIDTH)) return false;
  }
  return true;
}

/** Each part of `other` is in `parts`, whatever its hash. */
export function covers(parts: string, other: string): boolean {
  for (let at = 0; at < other.length; at += WIDTH) if (placeOf(parts, other.charCodeAt(at)) < 0) return false;
  return true;
}

/** `before`, with each part of `after` in the place of the one there. */
export function merge(before: string, after: string): string {
  let merged = "";
  let [b, a] = [0, 0];
  while (b < before.length || a < after.length) {
    const next = Math.min(partAt(before, b), partAt(after, a));
    const isNew = partAt(after, a) === next;
    merged += isNew ? after.slice(a, a + WIDTH) : before.slice(b, b + WIDTH);
    if (partAt(before, b) === next) b += WIDTH;
    if (isNew) a += WIDTH;
  }
  return merged;
}

function placeOf(parts: string, part: number): number {
  for (let at = 0; at < parts.length; at += WIDTH) if (parts.charCodeAt(at) === part) return at;
  return -1;
}

/** Beyond all parts where the text is over. */
function partAt(parts: string, at: number): number {
  return at < parts.length ? parts.charCodeAt(at) : Number.POSITIVE_INFINITY;
}
