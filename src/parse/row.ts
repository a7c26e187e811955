// The words of a file that has been read: rows, bad rows, and the reader that yields them.
import type { Dialect, Eol, Told } from "./dialect.ts";

/** One CSV record that has as many cells as the header. Values are the text of the file, never converted. */
export interface CellsRow {
  readonly kind: "cells";
  /** Counts records from 1; a bad record counts too. */
  readonly row: number;
  /** Physical line on which it starts, from 1 (the header is usually line 1). */
  readonly line: number;
  readonly cells: readonly string[];
}

/** One NDJSON line, or one element of a JSON array, that holds an object. */
export interface ObjectRow {
  readonly kind: "object";
  readonly row: number;
  readonly line: number;
  readonly object: Readonly<Record<string, unknown>>;
  /** As it stands in the file; of a JSON array it may have several lines. */
  readonly text: string;
  /** Where `text` begins in its line, in characters from 1. */
  readonly column: number;
}

export type BadCode =
  | "header-again" // the header once more, as where two files were joined
  | "second-table" // of a table with other columns that follows the first in the same file
  | "not-a-record" // words behind a blank line that only fill up the width of the table
  | "column-count" // more or fewer cells than the header
  | "quote-in-field" // a quote inside a field that is not quoted
  | "text-after-quote" // something other than a delimiter or line end after a closing quote
  | "quote-not-closed" // a quote that opens here and does not close within the limits
  | "row-too-long" // longer than 1 MiB
  | "not-json" // a line, or an element of a JSON array, that is not JSON
  | "not-an-object" // JSON, but no object
  | "duplicate-key" // an object, at any depth, that has a key twice
  | "too-deep" // objects and arrays within each other, deeper than any row
  | "encoding"; // a NUL, bytes that are not valid in the file's encoding, or half of a surrogate pair

/** A record that could not be read. It is one rejected row; the rows after it are read. */
export interface BadRow {
  readonly kind: "bad";
  readonly row: number;
  readonly line: number;
  readonly code: BadCode;
  /** Position in the line that `line` names, characters from 1; null where the whole record is meant. */
  readonly column: number | null;
  /** "expected 12 cells, got 11": figures and names only, never the text of a cell. */
  readonly detail: string;
  /** The record as it stands in the file, without its line end; empty where it is longer than 1 MiB. */
  readonly raw: string;
  /** Its cells as far as it could be cut, by the reading that is most likely meant: for a person to see, never to be sent. Null: not at all. */
  readonly cells: readonly string[] | null;
}

export type Row = CellsRow | ObjectRow | BadRow;

export interface ReadOptions {
  /** The rest is recognised. */
  readonly told?: Told;
  /** To look at a file, not to send it: columns without a name, or with one that another has, are given one. */
  readonly lenient?: boolean;
}

/** A file that can be read from its start as often as asked. */
export interface Reader {
  /** CSV: the header's names, as written. NDJSON and JSON: every top-level key of the file, in order of first appearance. */
  readonly columns: readonly string[];
  /** How the file is written; null for NDJSON. */
  readonly dialect: Dialect | null;
  /** How its lines end; null for NDJSON. */
  readonly eol: Eol | null;
  /** How sure that is: 0 to 1; 1 where it was told, or nothing had to be recognised. */
  readonly confidence: number;
  /** What of the file is no row, and why, a sentence each. Whole once `blocks` was read to its end. */
  readonly about: readonly string[];
  /** How many rows it has: of CSV about as many, from its lines, for progress and never for accounts; of JSON exactly. */
  readonly rows: number;
  /** Rows in file order, in blocks, so that nothing is awaited per row. */
  blocks(): AsyncGenerator<Row[], void, undefined>;
}
