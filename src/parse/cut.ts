// The text of a record that breaks the rules of quoting in; its cells by the reading that is most likely meant out: a guess, to look at.
import { find } from "./scan.ts";
import type { Shape } from "./shape.ts";

/** Steps that are tried for one record, at most, and places in it that may break the rules. */
const TRIES = 2_000;
const MAX_BREAKS = 3;
/** A record with more delimiters is cut at all of them. */
const MAX_CELLS = 1_000;

interface Cut {
  readonly cell: string;
  /** Behind the cell: at a delimiter, or at the end of the text. */
  readonly end: number;
  /** 1 where the rules would not read it so. */
  readonly breaks: number;
}

/**
 * Each quote at the start of a cell may open it by the rules, or up to the next quote that a delimiter or the end follows, or be
 * a character like any other: the first reading with as many cells as the header has, and the fewest places that break the rules.
 */
export function cutAnyway(raw: string, shape: Shape): readonly string[] {
  const { delimiter, width } = shape;
  const plain = raw.split(delimiter);
  if (plain.length > MAX_CELLS) return plain;
  let tries = 0;
  function read(at: number, before: readonly string[], left: number): readonly string[] | null {
    for (const { cell, end, breaks } of cutsAt(raw, at, shape)) {
      if (breaks > left || tries++ > TRIES) continue;
      const cells = [...before, cell];
      if (end === raw.length) {
        if (width === null || cells.length === width) return cells;
      } else if (width === null || cells.length < width) {
        const rest = read(end + delimiter.length, cells, left - breaks);
        if (rest !== null) return rest;
      }
    }
    return null;
  }
  for (let breaks = 0; breaks <= MAX_BREAKS; breaks++) {
    const cells = read(0, [], breaks);
    if (cells !== null) return cells;
  }
  return plain;
}

/** The ways in which the cell that starts at `at` may be read. */
function* cutsAt(raw: string, at: number, shape: Shape): Generator<Cut> {
  const { delimiter, quote, escape: escaping } = shape;
  const ends = (end: number) => end === raw.length || raw.startsWith(delimiter, end);
  const opens = quote !== null && raw.startsWith(quote, at);
  if (opens) {
    let strict = find(raw, quote, at + 1);
    if (escaping === quote) while (raw.startsWith(quote, strict + 1)) strict = find(raw, quote, strict + 2);
    else if (escaping !== null) while (raw[strict - 1] === escaping) strict = find(raw, quote, strict + 1);
    if (strict < raw.length && ends(strict + 1)) {
      yield { cell: shape.unescape(raw.slice(at + 1, strict)), end: strict + 1, breaks: 0 };
    }
    let loose = find(raw, quote, at + 1);
    while (loose < raw.length && !ends(loose + 1)) loose = find(raw, quote, loose + 1);
    if (loose < raw.length && loose !== strict) {
      yield { cell: shape.unescape(raw.slice(at + 1, loose)), end: loose + 1, breaks: 1 };
    }
  }
  const end = Math.min(find(raw, delimiter, at), raw.length);
  yield { cell: raw.slice(at, end), end, breaks: opens ? 1 : 0 };
}
