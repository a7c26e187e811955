// A dialect and the header in; what the framer needs to know of both at every record, worked out once, out.
import type { Dialect, Eol } from "./dialect.ts";

export interface Shape extends Pick<Dialect, "delimiter" | "quote" | "escape" | "comment"> {
  /** Physical lines to leave out before anything is read. */
  readonly skip: number;
  /** Carriage returns and line feeds change places in the text that is read: see lines.ts. */
  readonly swapped: boolean;
  /** The cells of the header's lines, as the file has them; none where it has no header, or while nobody knows it. */
  readonly header: readonly (readonly string[])[];
  /** Cells of a record; null while nobody knows. */
  readonly width: number | null;
  /** A record may have one cell more, an empty one: its line ends with a delimiter. */
  readonly trailing: boolean;
  /** The text of a quoted cell that holds escapes. */
  unescape(cell: string): string;
}

export interface Columns {
  readonly header: readonly (readonly string[])[];
  readonly width: number;
  readonly trailing: boolean;
}

export function makeShape(dialect: Dialect, eol: Eol, skip: number, columns: Columns | null): Shape {
  const known = columns ?? { header: [], width: null, trailing: false };
  return { ...dialect, skip, swapped: eol === "\r", ...known, unescape: unescaper(dialect) };
}

/** An escape stands for nothing only before a quote or another escape: a path such as C:\data keeps its own. */
function unescaper({ quote, escape: mark }: Dialect): (cell: string) => string {
  if (quote === null || mark === null) return (cell) => cell;
  if (mark === quote) return (cell) => cell.replaceAll(quote + quote, () => quote);
  const unescaped = (part: string) => part.replaceAll(mark + quote, () => quote);
  return (cell) =>
    cell
      .split(mark + mark)
      .map(unescaped)
      .join(mark);
}

/** The same text, with carriage returns in the place of line feeds and the other way round. */
export function swapEnds(text: string): string {
  return text.replace(/[\r\n]/g, (end) => (end === "\n" ? "\r" : "\n"));
}
