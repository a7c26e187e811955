// A record of a report, its row of the file and its outcome in; where they differ, as "expected, got" without a value, out.
import { isDeepStrictEqual } from "node:util";
import { MAX_ROW } from "../parse/lines.ts";
import type { BadRow, CellsRow, ObjectRow, Row } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Outcome } from "../settle/outcome.ts";
import { cellWriter } from "./csv.ts";
import { explain, printable } from "./explain.ts";
import { isOurs, summed } from "./lines.ts";
import { type ReportName, told } from "./reread.ts";

export interface Mismatch {
  readonly expected: string;
  readonly got: string;
}

/** What a row of the file, or without a file its number alone, and the ledger say that a record has to be. */
export interface Wanted {
  readonly row: number;
  /** Null where the file is not at hand. */
  readonly source: Row | null;
  /** Null: unsent. */
  readonly outcome: Outcome | null;
  /** Requests that were made for it. */
  readonly attempts: number;
}

/** Holds a line of NDJSON that could not be read. */
const RAW = "updraft_raw";
const UNREADABLE: Mismatch = { expected: "a record that can be read", got: "one that cannot" };
/** A character may take three bytes, and a quote is doubled. */
const LONGER = 6;

export interface CompareContext {
  /** Of the report; of NDJSON no matter. */
  readonly names: readonly string[];
  readonly delimiter: string;
  /** Null where the file is not at hand. */
  readonly input: { readonly columns: readonly string[]; readonly plan: Plan } | null;
  /** `errors` and `unsent` repeat the file's own columns. */
  readonly report: ReportName;
}

export function makeCompare({
  names,
  delimiter,
  input,
  report,
}: CompareContext): (record: Row, wanted: Wanted) => Mismatch[] {
  const own = (input?.columns ?? []).flatMap((name, index) => (isOurs(name) ? [] : [index]));

  return (record, wanted) => {
    const { source, outcome, attempts } = wanted;
    if (record.kind === "bad") return repeatsUnreadable(record, wanted, delimiter) ? [] : [UNREADABLE];
    const found: Mismatch[] = [];
    const compare = (name: string, expected: string) => {
      const got = told(record, names, name);
      if (got !== expected) found.push({ expected: `${name} ${expected}`, got: got === null ? "none" : shown(got) });
    };
    compare("updraft_status", outcome?.status ?? "unsent");
    compare("updraft_attempts", String(attempts));
    if (report === "success" && outcome !== null) {
      compare("updraft_http", String(outcome.http));
      compare("updraft_at", new Date(outcome.at).toISOString());
    }
    if (source === null || input === null) return found;
    compare("updraft_line", String(source.line));
    if (report === "errors" && outcome !== null)
      compare("updraft_code", summed(explain(source, outcome, input.plan)).code);
    if (report === "success") {
      if (told(record, names, "customerId") !== input.plan.customerId(source))
        found.push({ expected: "the customerId of the file", got: "another" });
    } else {
      const column = differing(record, source, input);
      if (column !== null) found.push({ expected: `${printable(column)} as in the file`, got: "another text" });
    }
    return found;
  };

  /** The first of the row's own columns whose value the record does not repeat; null where it repeats all. */
  function differing(
    record: CellsRow | ObjectRow,
    source: Row,
    { columns, plan }: NonNullable<CompareContext["input"]>,
  ): string | null {
    if (record.kind === "object") return differingMember(record, source);
    const cellOf = (place: number) => record.cells[place] ?? "";
    if (source.kind === "bad") {
      // A record that could not be read stands whole in one cell, never in the customer's.
      const holds = own.some((index) => index !== plan.customerIdColumn);
      return own.map((_, place) => cellOf(place)).join("") === (holds ? source.raw : "") ? null : "the record";
    }
    const cells = source.kind === "cells" ? source.cells : [];
    const place = own.findIndex((index, at) => names[at] !== columns[index] || cellOf(at) !== cells[index]);
    return place === -1 ? null : `column "${columns[own[place] ?? 0] ?? ""}"`;
  }
}

/** A record that the reader cannot take apart repeats a row that it could not either, or one so long that its report is longer still. */
function repeatsUnreadable(record: BadRow, { row, source, outcome, attempts }: Wanted, delimiter: string): boolean {
  if (record.raw === "") return source === null || lengthOf(source) > MAX_ROW / LONGER;
  if (source === null) return true;
  const own = `${["", row, source.line, outcome?.status ?? "unsent"].join(delimiter)}${delimiter}`;
  const { raw } = record;
  const cell = cellWriter({ delimiter });
  const whole = raw.includes(own) && raw.endsWith(`${delimiter}${attempts}`);
  return source.kind === "bad" && raw.includes(cell(source.raw)) && whole;
}

function lengthOf(row: Row): number {
  if (row.kind === "cells") return row.cells.reduce((sum, cell) => sum + cell.length + 1, 0);
  return row.kind === "object" ? row.text.length : row.raw === "" ? MAX_ROW : row.raw.length;
}

function differingMember(record: ObjectRow, source: Row): string | null {
  if (source.kind === "bad") return record.object[RAW] === source.raw ? null : "the record";
  const wanted = source.kind === "object" ? ownMembers(source.object) : {};
  const got = ownMembers(record.object);
  const names = [...Object.keys(wanted), ...Object.keys(got)];
  const name = names.find((key) => !isDeepStrictEqual(got[key], wanted[key]));
  return name === undefined ? null : `"${name}"`;
}

/** Only figures and our own words may be repeated: what else stands there may be a customer's. */
function shown(text: string): string {
  return /^[\d:.TZ-]{1,24}$|^[a-z]{1,10}$/.test(text) ? text : "another text";
}

function ownMembers(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !isOurs(name) || name === RAW));
}
