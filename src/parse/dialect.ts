// The words of how a delimited file is written: what separates its cells and where its records begin and end.

/** How a delimited file is written. Read by frame.ts; recognised from the head of the file by recognise.ts, or told by a person. */
export interface Dialect {
  /** One character or more: `,` `;` tab `|` and, where told or plain to see, others (`, ` or a space). */
  readonly delimiter: string;
  /** One character; null where no cell is quoted. */
  readonly quote: string | null;
  /** What stands before a quote within a quoted cell: the quote itself (doubled), another character (`\`), or null for none. */
  readonly escape: string | null;
  /** A line that begins with it is no record; null where there are no comments. */
  readonly comment: string | null;
  /** Lines of the header: 0 for none; of several, the names of a column are joined by a space. */
  readonly headerLines: number;
  /** Physical lines above the header (or the first record) that are no part of the table. */
  readonly preambleLines: number;
}

/** All that the rows of a file depend on. */
export interface Reading extends Dialect {
  /** Names of the columns of a file without a header, or in place of those of its header. */
  readonly columns?: readonly string[];
  /** Physical lines behind the last record that are no part of the table. */
  readonly footnoteLines?: number;
}

/** What a person, or the run that read the file before, says of it; the rest is recognised. */
export type Told = Partial<Reading>;

/** `\r` only where no line ends with a line feed; the two others may stand side by side in one file. */
export type Eol = "\n" | "\r\n" | "\r";

/** RFC 4180, with a header of one line. */
export const RFC_4180: Dialect = {
  delimiter: ",",
  quote: '"',
  escape: '"',
  comment: null,
  headerLines: 1,
  preambleLines: 0,
};
