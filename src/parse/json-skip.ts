// The text of an array's element that is broken, or too long to be held, in; where the next one may begin, out.

export interface Skipper {
  /** Where the element ends in this text, from `from` on; -1 where it goes on in the next. */
  push(text: string, from: number): number;
}

/** Counts brackets outside of quotes. A text in quotes ends with its line at the latest: JSON has no line ends in it. */
export function makeSkipper(): Skipper {
  let depth = 0;
  let quoted = false;
  let escaped = false;
  return {
    push(text, from) {
      for (let at = from; at < text.length; at++) {
        const character = text[at];
        if (quoted) {
          if (escaped) escaped = false;
          else if (character === "\\") escaped = true;
          else if (character === '"' || character === "\n") quoted = false;
        } else if (character === '"') quoted = true;
        else if (character === "{" || character === "[") depth++;
        else if (character === "}" || character === "]") {
          if (depth === 0) return at;
          if (--depth === 0) return at + 1;
        } else if (character === "," && depth === 0) return at;
      }
      return -1;
    },
  };
}

/** Where what is before `next`, and neither white space nor a comma, ends: not by a pattern, which would try each run of spaces at each of them. */
function behindValue(text: string, start: number, next: number): number {
  let at = next;
  while (at > start && " \t\r\n,".includes(text[at - 1] ?? "x")) at--;
  return at;
}

const NEXT = /\}(?=\s*,\s*\{\s*")/g;

/**
 * Where an element that begins at `start` and is no JSON from `fault` on ends. Where elements begin a line of their own, another
 * `{` as far from the left is the next one. Else brackets tell, or, where they do not, the next `},{`. -1: nowhere in this text.
 * `held`: there is no more text, or no more of it will be held.
 */
export function endOfBroken(text: string, start: number, fault: number, indent: string | null, held: boolean): number {
  const next = indent === null ? -1 : text.indexOf(`\n${indent}{`, start + 1);
  const end = makeSkipper().push(next === -1 ? text : text.slice(0, next), start);
  if (next !== -1 && end === -1) return behindValue(text, start, next);
  // What is no value at all: nothing before a comma, or a bracket that closes nothing.
  if (end === start) return text[start] === "," ? start : start + 1;
  if (end !== -1 || !held) return end;
  NEXT.lastIndex = Math.max(start, fault);
  const found = NEXT.exec(text);
  return found === null ? -1 : found.index + 1;
}
