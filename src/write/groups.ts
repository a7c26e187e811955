// Explanations in; causes with their counts and first rows out, in memory that does not grow with the file.
import type { Row } from "../parse/row.ts";
import type { Status } from "../settle/outcome.ts";
import type { Explanation } from "./explain.ts";

/** A status that lands in the errors file. */
export type ErrorStatus = Extract<Status, "rejected" | "failed" | "unknown">;

export interface ErrorGroup {
  readonly status: ErrorStatus;
  readonly code: string;
  readonly column: string | null;
  /** Rows with this cause. A row with two causes counts in two groups, so the counts may exceed the rows. */
  readonly count: number;
  /** As the first of these rows got it. */
  readonly message: string;
  readonly firstRows: readonly { readonly row: number; readonly line: number }[];
}

export interface Groups {
  add(row: Row, status: ErrorStatus, explanations: readonly Explanation[]): void;
  /** Most rows first; causes beyond the bound are summed in one group `other` per status. */
  list(): ErrorGroup[];
}

/** Codes come from an endpoint: without a bound, one that invents a code per row would fill the memory. */
const MOST_GROUPS = 100;
const FIRST_ROWS = 5;

interface Group {
  readonly status: ErrorStatus;
  readonly code: string;
  readonly column: string | null;
  readonly message: string;
  readonly firstRows: { row: number; line: number }[];
  count: number;
  lastRow: number;
}

export function makeGroups(): Groups {
  const groups = new Map<string, Group>();

  function groupOf(status: ErrorStatus, { code, column, property, message }: Explanation): Group {
    const key = JSON.stringify([status, code, column, property]);
    const known = groups.get(key);
    if (known) return known;
    if (groups.size >= MOST_GROUPS) return otherOf(status);
    return added(key, { status, code, column, message, firstRows: [], count: 0, lastRow: 0 });
  }

  function otherOf(status: ErrorStatus): Group {
    const key = `other ${status}`;
    const rest = { status, code: "other", column: null, message: "further causes, summed up" };
    return groups.get(key) ?? added(key, { ...rest, firstRows: [], count: 0, lastRow: 0 });
  }

  function added(key: string, group: Group): Group {
    groups.set(key, group);
    return group;
  }

  return {
    add({ row, line }, status, explanations) {
      for (const explanation of explanations) {
        const group = groupOf(status, explanation);
        if (group.lastRow === row) continue;
        group.lastRow = row;
        group.count += 1;
        if (group.firstRows.length < FIRST_ROWS) group.firstRows.push({ row, line });
      }
    },
    list: () =>
      [...groups.values()]
        .sort((a, b) => b.count - a.count)
        .map(({ status, code, column, count, message, firstRows }) => ({
          status,
          code,
          column,
          count,
          message,
          firstRows,
        })),
  };
}
