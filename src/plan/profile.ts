// The rows of a file in; how many there are, how full and how long their columns are, and what is damaged in them, out.
import type { CellsRow, ObjectRow, Row } from "../parse/row.ts";
import { DAMAGES, type Damage, damageOf, type Order, orderOf, type Role } from "./damage.ts";
import { makeDistinct } from "./distinct.ts";
import type { Mapping } from "./mapping.ts";

export interface Finding {
  readonly column: string;
  readonly damage: Damage;
  readonly count: number;
  /** The first of them. */
  readonly rows: readonly number[];
}

export interface ColumnProfile {
  readonly name: string;
  /** Rows in which it is empty, as a share. */
  readonly empty: number;
  /** Mean of the characters of a value that is not empty. */
  readonly length: number;
}

/** What a file is like: figures and names of columns, never a value. */
export interface Profile {
  readonly rows: number;
  /** About: off by 1.6 % as a rule. */
  readonly customers: number;
  readonly columns: readonly ColumnProfile[];
  /** Most rows first. */
  readonly findings: readonly Finding[];
}

export interface Profiler {
  add(row: Row): void;
  profile(): Profile;
}

const FIRST_ROWS = 5;

interface Found {
  count: number;
  readonly rows: number[];
}

/** Columns that are left out, and those of an earlier report, are not looked at. */
export function makeProfiler(mapping: Parameters<typeof roleOf>[0], customerId: (row: Row) => string): Profiler {
  const columns = mapping.columns.flatMap((name, index) => {
    const role = roleOf(mapping, index);
    return role === null ? [] : [makeColumn(name, index, role)];
  });
  const customers = makeDistinct();
  let rows = 0;

  return {
    add(row) {
      rows++;
      if (row.kind === "bad") return;
      const id = customerId(row);
      if (id !== "") customers.add(id);
      for (const column of columns) column.add(textIn(row, column), row.row);
    },
    profile: () => ({
      rows,
      customers: customers.count(),
      columns: columns.map(({ name, filled, characters }) => ({
        name,
        empty: rows === 0 ? 0 : rounded(1 - filled() / rows),
        length: rounded(filled() === 0 ? 0 : characters() / filled()),
      })),
      findings: columns.flatMap((column) => column.findings()).sort((a, b) => b.count - a.count),
    }),
  };
}

/** Null for a column of which nothing is sent. ZIP codes that a transform mends are no damage. */
export function roleOf(
  {
    columns,
    uses,
    makers,
    transforms,
    contract,
  }: Pick<Mapping, "columns" | "uses" | "makers" | "transforms" | "contract">,
  index: number,
): Role | null {
  const use = uses[index];
  if (use === undefined || use.kind === "report") return null;
  if (use.kind === "ignored") return isNamed(columns[index] ?? "", makers) ? "any" : null;
  if (use.kind === "nested") return "any";
  const bare = use.slots.filter((slot) => (transforms[slot.index] ?? []).length === 0);
  if (bare.some(({ property }) => contract.zips.includes(property.name))) return "zip";
  return use.slots.some(({ property }) => contract.dates.includes(property.name)) ? "date" : "any";
}

/** By a function of the job: its source is all that tells which columns it reads. */
function isNamed(column: string, makers: Mapping["makers"]): boolean {
  const name = column.replace(/[$()*+./?[\\\]^{|}]/g, "\\$&");
  const whole = new RegExp(`(?<![\\p{L}\\p{N}_])${name}(?![\\p{L}\\p{N}_])`, "u");
  return makers.some((maker) => maker !== null && whole.test(String(maker)));
}

/** One sentence for each kind of damage in a column. */
export function sentenceOf({ column, damage, count, rows }: Finding): string {
  const { found, remedy } = DAMAGES[damage];
  const figure = count.toLocaleString("en-US");
  const label = rows.length === 1 ? "row" : "rows";
  const more = count > rows.length ? ", …" : "";
  return `column "${column}": ${figure} ${count === 1 ? "value looks" : "values look"} like ${found} (${label} ${rows.join(", ")}${more}); ${remedy}`;
}

/** Of a nested value, nothing: what is looked for are cells of a table. */
export function textIn(
  row: CellsRow | ObjectRow,
  { name, index }: { readonly name: string; readonly index: number },
): string {
  if (row.kind === "cells") return row.cells[index] ?? "";
  const value = Object.hasOwn(row.object, name) ? row.object[name] : undefined;
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

function makeColumn(name: string, index: number, role: Role) {
  let filled = 0;
  let characters = 0;
  const found = new Map<Damage, Found>();
  const orders: Record<Order, Found> = {
    "day-first": { count: 0, rows: [] },
    "month-first": { count: 0, rows: [] },
  };

  function note(into: Found, row: number): void {
    into.count++;
    if (into.rows.length < FIRST_ROWS) into.rows.push(row);
  }

  /** Where a column has dates of both orders, the rarer one is what went wrong. */
  function turned(): Found {
    const { "day-first": day, "month-first": month } = orders;
    return day.count < month.count ? day : month;
  }

  return {
    name,
    index,
    filled: () => filled,
    characters: () => characters,
    add(text: string, row: number) {
      if (text === "") return;
      filled++;
      characters += text.length;
      if (role === "date") {
        const order = orderOf(text.trim());
        if (order !== null) note(orders[order], row);
      }
      const damage = damageOf(text, role);
      if (damage === null) return;
      const into = found.get(damage) ?? { count: 0, rows: [] };
      note(into, row);
      found.set(damage, into);
    },
    findings(): Finding[] {
      const all = [...found];
      if (turned().count > 0) all.push(["date-turned", turned()]);
      return all.map(([damage, { count, rows }]) => ({ column: name, damage, count, rows }));
    },
  };
}

function rounded(figure: number): number {
  return Math.round(figure * 10_000) / 10_000;
}
