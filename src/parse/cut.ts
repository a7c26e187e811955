// The text of a record that breaks the rules of quoting in; its cells by the reading that is most likely meant out: a guess, to look at.
import { find } from "./scan.ts";
import type { Shape } from "./shape.ts";

/** Readings that are tried for one record, at most. */
const TRIES = 200;

interface Cut {
  readonly cell: string;
  /** Behind the cell: at a delimiter, or at the end of the text. */
  readonly end: number;
}

/**
 * Each quote at the start of a cell may open it by the rules, or up to the next quote that a delimiter or the end follows, or be
 * a character like any other: the first reading with as many cells as the header has; without one, the first reading of all.
 */
export function cutAnyway(raw: string, shape: Shape): readonly string[] {
  const { delimiter, width } = shape;
  let tries = 0;
  function read(at: number, before: readonly string[], wanted: number | null): readonly string[] | null {
    for (const { cell, end } of cutsAt(raw, at, shape)) {
      if (tries++ > TRIES) return null;
      const cells = [...before, cell];
      if (end < raw.length) {
        if (wanted !== null && cells.length >= wanted) continue;
        const rest = read(end + delimiter.length, cells, wanted);
        if (rest !== null) return rest;
      } else if (wanted === null || cells.length === wanted) return cells;
    }
    return null;
  }
  const fitting = width === null ? null : read(0, [], width);
  tries = 0;
  return fitting ?? read(0, [], null) ?? raw.split(delimiter);
}

/** The ways in which the cell that starts at `at` may be read. */
function* cutsAt(raw: string, at: number, shape: Shape): Generator<Cut> {
  const { delimiter, quote, escape: escaping } = shape;
  const ends = (end: number) => end === raw.length || raw.startsWith(delimiter, end);
  if (quote !== null && raw.startsWith(quote, at)) {
    let strict = find(raw, quote, at + 1);
    if (escaping === quote) while (raw.startsWith(quote, strict + 1)) strict = find(raw, quote, strict + 2);
    else if (escaping !== null) while (raw[strict - 1] === escaping) strict = find(raw, quote, strict + 1);
    if (strict < raw.length && ends(strict + 1)) {
      yield { cell: shape.unescape(raw.slice(at + 1, strict)), end: strict + 1 };
    }
    let loose = find(raw, quote, at + 1);
    while (loose < raw.length && !ends(loose + 1)) loose = find(raw, quote, loose + 1);
    if (loose < raw.length && loose !== strict) {
      yield { cell: shape.unescape(raw.slice(at + 1, loose)), end: loose + 1 };
    }
  }
  const end = Math.min(find(raw, delimiter, at), raw.length);
  yield { cell: raw.slice(at, end), end };
}
