// A row in; the update that will be sent, or a rejection with all of its problems, out.
import type { Told } from "../parse/dialect.ts";
import type { Row } from "../parse/row.ts";
import type { Damage } from "./damage.ts";
import type { JobMapping } from "./job-mapping.ts";
import type { Slot } from "./names.ts";

/** One thing wrong with a row. Holds names, codes and figures; never the value itself. */
export interface Problem {
  /** The source column's name as the file writes it; null where no column is to blame (constants, the row as a whole). */
  readonly column: string | null;
  /**
   * The property as a JSON pointer into the body: `/addresses/0/stateCode`; into the row, for a name that the endpoint does not
   * have; empty for the row as a whole; null for a record that could not be read.
   */
  readonly path: string | null;
  readonly code: string;
  /** For people, without the value: "expected 5 digits, got 4 characters". */
  readonly message: string;
}

export interface Update {
  readonly kind: "update";
  readonly row: number;
  readonly line: number;
  readonly customerId: string;
  /** The request body, serialised once. */
  readonly body: string;
}

export interface Rejection {
  readonly kind: "rejection";
  readonly row: number;
  readonly line: number;
  readonly problems: readonly Problem[];
}

export type Planned = Update | Rejection;

/** What a job's transforms made of one value. */
export interface Change {
  readonly slot: Slot;
  readonly before: string;
  readonly after: string;
  /** Names of those that changed it, in order. */
  readonly by: readonly string[];
}

/** A mapping compiled for one file. */
export interface Plan {
  /** Hash of everything that decides what a row becomes: part of the run's id. */
  readonly fingerprint: string;
  /** Said once per run (for instance that the endpoint is deprecated); for summary and terminal. */
  readonly warnings: readonly string[];
  /** CSV: the index of the column that is mapped to `customerId`; null for NDJSON, or where no column is. */
  readonly customerIdColumn: number | null;
  plan(row: Row): Planned;
  /** The customerId cell of a row as the file writes it, for success.csv. */
  customerId(row: Row): string;
  /** What the job's transforms changed in the row. These are the row's values. */
  changes(row: Row): readonly (Change & { readonly column: string | null })[];
  /** Which column a JSON pointer of an endpoint's error means in this very row (`/addresses/0` depends on the types the row has). */
  locate(row: Row, path: string, property?: string): { readonly column: string | null; readonly property: string };
}

export interface MappingSettings {
  /** `--set property=value`, names matched like columns. */
  readonly set: Readonly<Record<string, string>>;
  /** `--ignore-column name`. */
  readonly ignoreColumns: readonly string[];
  /** Damage that rejects a row: all of it is only warned of where nothing is said. */
  readonly refuse?: readonly Damage[] | undefined;
  /** How the run read its file, where it is read again; without it as the settings say. */
  readonly dialect?: Told;
  /** Of the job, which counts where no flag says otherwise. */
  readonly job?: JobMapping;
}
