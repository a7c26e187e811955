// The shapes of what a job may do to values: a transform of one text, and a function of the record.

/** What is done to a property's text before it is checked. */
export interface Transform {
  /** For people, and part of a run's name: `date MM/DD/YYYY`. */
  readonly name: string;
  /** What it can read, for the report on a row whose text it cannot: `a date as MM/DD/YYYY`. */
  readonly expected?: string;
  /**
   * Counted up when it gives other values than before, which makes another run of the same file. Without it, the source text
   * of `apply` stands for it.
   */
  readonly version?: number;
  /** Never called with an empty text. An empty text, or null, leaves the property as it is; a throw rejects the row. */
  apply(value: string): string | null;
}

/** Of the row's texts by their columns' names, however they are written; empty cells are empty texts. A throw rejects the row. */
export type ColumnFunction = (record: Readonly<Record<string, string>>) => string | null;
