// What stood at the head of a file, and what was left out while it was read, in; the sentences that tell a person so out.
import { type Dialect, type Eol, RFC_4180 } from "./dialect.ts";
import type { LeftOut, Lines } from "./frame.ts";

export interface HeadFacts {
  /** The delimiter that a first line `sep=;` named. */
  readonly sep: string | null;
  readonly dialect: Dialect;
  readonly eol: Eol;
  /** In it: 0 to 1. */
  readonly confidence: number;
  readonly trailing: boolean;
  readonly footnoteLines: number;
}

/** What is usual is only said where it is not that sure. */
const SURE = 0.9;

/** `leftOut` is null until the file was read to its end. No word of a record is in any sentence. */
export function aboutFile(head: HeadFacts, leftOut: LeftOut | null): string[] {
  const { sep, dialect, eol, confidence, trailing, footnoteLines } = head;
  const sure = confidence === 1 ? "" : ` (${Math.round(confidence * 100)} % sure)`;
  const said = isUsual(dialect) && confidence >= SURE ? [] : [`${written(dialect)}${sure}`];
  if (eol === "\r") said.push("lines end with a carriage return alone");
  const above = sep === null ? 0 : 1;
  const { preambleLines } = dialect;
  if (sep !== null) said.push("line 1 names the delimiter (sep=) and is no record");
  if (preambleLines > 0) said.push(`${span(above + 1, above + preambleLines)} above the table left out`);
  if (trailing) said.push("every line ends with a delimiter: the column without a name behind it is left out");
  if (footnoteLines > 0) said.push(`${plural(footnoteLines, "line")} at the end left out`);
  if (leftOut === null) return said;
  const { blank, comments, footnote, other } = leftOut;
  if (blank.count > 0) said.push(`${counted(blank, "blank line")} left out`);
  if (comments.count > 0) said.push(`${counted(comments, "comment line")} left out`);
  if (footnote !== null) said.push(`${span(footnote.first, footnote.last)} behind the table left out: a footnote`);
  if (other !== null) {
    said.push(
      `another table begins on line ${other.line}: it is not read, and its ${plural(other.rows, "record")} rejected`,
    );
  }
  return said;
}

function isUsual({ delimiter, quote, escape: escaping }: Dialect): boolean {
  return delimiter === RFC_4180.delimiter && quote === RFC_4180.quote && escaping === RFC_4180.escape;
}

function written({ delimiter, quote, escape: escaping }: Dialect): string {
  const cells = `cells are separated by ${named(delimiter)}`;
  if (quote === null) return `${cells} and never quoted`;
  const escaped = escaping === null ? "not escaped" : escaping === quote ? "doubled" : `escaped by ${named(escaping)}`;
  return `${cells} and quoted with ${named(quote)}; quotes within are ${escaped}`;
}

function named(text: string): string {
  return text === "\t" ? "a tab" : text === " " ? "a space" : text;
}

function counted(lines: Lines, what: string): string {
  return `${plural(lines.count, what)} (${lines.count === 1 ? "" : "the first is "}line ${lines.first})`;
}

function span(first: number, last: number): string {
  return first === last ? `line ${first}` : `lines ${first} to ${last}`;
}

function plural(count: number, what: string): string {
  return `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;
}
