// A text and a place in it in; where its lines begin and end, and how many they are, out.
import { MAX_ROW } from "./lines.ts";

const CR = 13;

/** Where a text is next found, at or behind `from`; Infinity where it is not. */
export function find(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}

/** Where the line that holds `from` ends: at its line feed, or with the text. */
export function lineEnd(text: string, from: number): number {
  return Math.min(find(text, "\n", from), text.length);
}

/** `end` without the CR of a CRLF; there are two where a program that writes CRLF wrote to a file that makes CRLF of each LF. */
export function contentEnd(text: string, start: number, end: number): number {
  let content = end;
  while (content > start && text.charCodeAt(content - 1) === CR) content--;
  return content;
}

/** Whether text[start, end) takes more than MAX_ROW bytes as UTF-8, where a character takes at most three a unit. */
export function isTooLong(text: string, start: number, end: number): boolean {
  const units = end - start;
  return units > MAX_ROW || (units * 3 > MAX_ROW && Buffer.byteLength(text.slice(start, end)) > MAX_ROW);
}

/** Whether text[start, end) has more line feeds than that; looks no further than it must. */
export function hasMoreLines(text: string, start: number, end: number, most: number): boolean {
  let lines = 0;
  for (let at = find(text, "\n", start); at < end; at = find(text, "\n", at + 1)) if (++lines > most) return true;
  return false;
}

/** Line feeds in a text. */
export function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
