// The head of a delimited file and what a person has said of it in; the dialect in which it is written, and how sure that is, out.
import { type Dialect, type Eol, RFC_4180, type Told } from "./dialect.ts";

export interface Recognised {
  readonly dialect: Dialect;
  /** 0 to 1; 1 where all of it was told. */
  readonly confidence: number;
  readonly eol: Eol;
}

/** The first of these that the header's line holds separates its cells. */
const DELIMITERS = [",", ";", "\t"];

/** `head` is the file's first text, without a byte order mark and cut anywhere; all of it if `final`. */
export function recognise(head: string, _final: boolean, told: Told): Recognised {
  const line = head.split(/\r\n?|\n/).find((one) => one.trim() !== "") ?? "";
  const delimiter = told.delimiter ?? DELIMITERS.find((one) => line.includes(one)) ?? ",";
  const quote = told.quote === undefined ? RFC_4180.quote : told.quote;
  const dialect = { ...RFC_4180, escape: quote, ...dialectOf(told), delimiter };
  return { dialect, confidence: 1, eol: eolOf(head, dialect) };
}

/** The first line end outside quotes. */
function eolOf(head: string, { quote, escape: escaping }: Dialect): Eol {
  for (let at = 0, inside = false; at < head.length; at++) {
    if (inside && head[at] === escaping && escaping !== quote) at++;
    else if (head[at] === quote) inside = !inside;
    else if (!inside && head[at] === "\n") return "\n";
    else if (!inside && head[at] === "\r") return head[at + 1] === "\n" ? "\r\n" : "\r";
  }
  return "\n";
}

function dialectOf({ columns: _, footnoteLines: __, ...dialect }: Told): Partial<Dialect> {
  return dialect;
}
