// A row in; the lines of the changes file for it, one for each value that a job's transforms changed, out.
import type { Format } from "../open/source.ts";
import type { Row } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import { type CsvStyle, cellWriter } from "./csv.ts";

const NAMES = [
  "updraft_row",
  "updraft_line",
  "customerId",
  "updraft_column",
  "updraft_property",
  "updraft_before",
  "updraft_after",
  "updraft_transforms",
] as const;

export interface ChangeLines {
  /** Empty where the format has none. */
  readonly header: string;
  /** Empty where nothing was changed. */
  of(row: Row): string;
}

export function changeLines(plan: Plan, format: Format, style: CsvStyle): ChangeLines {
  const cell = cellWriter(style);
  const csvLine = (cells: Cells) => `${cells.map((one) => cell(String(one ?? ""))).join(style.delimiter)}\n`;
  const line = format === "csv" ? csvLine : ndjsonLine;
  return {
    header: format === "csv" ? (style.mark ? "\uFEFF" : "") + csvLine(NAMES) : "",
    of(row) {
      const changes = plan.changes(row);
      if (changes.length === 0) return "";
      const customerId = plan.customerId(row);
      return changes
        .map(({ column, slot, before, after, by }) =>
          line([row.row, row.line, customerId, column, slot.label, before, after, by.join(", ")]),
        )
        .join("");
    },
  };
}

type Cells = readonly (string | number | null)[];

function ndjsonLine(cells: Cells): string {
  return `${JSON.stringify(Object.fromEntries(NAMES.map((name, index) => [name, cells[index] ?? null])))}\n`;
}
