// The rows of a file in; how many there are, how full and how long their columns are, and what is damaged in them, out.
import type { CellsRow, ObjectRow, Row } from "../parse/row.ts";
import { DAMAGES, type Damage, damageOf, type Order, orderOf, type Role } from "./damage.ts";
import { makeDistinct } from "./distinct.ts";
import type { Mapping } from "./mapping.ts";
import type { Slot } from "./names.ts";
import { normalise } from "./nearest.ts";

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
export function makeProfiler(mapping: LookedMapping, customerId: (row: Row) => string): Profiler {
  const columns = lookedAt(mapping).map(makeColumn);
  const customers = makeDistinct();
  let rows = 0;

  return {
    add(row) {
      rows++;
      if (row.kind === "bad") return;
      const id = customerId(row);
      if (id !== "") customers.add(id);
      for (const column of columns) column.add(row);
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

type LookedMapping = Pick<Mapping, "columns" | "uses" | "makers" | "transforms" | "contract" | "names">;

/** A column of which something is sent. */
export interface Looked {
  readonly name: string;
  readonly index: number;
  readonly role: Role;
  /** Of a value that is nested in it, by its own key. */
  roleIn(key: string): Role;
}

/** Nested keys met so far are remembered up to this many; a file has a dozen, a hostile one any number. */
const MOST_REMEMBERED = 1_000;

export function lookedAt(mapping: LookedMapping): readonly Looked[] {
  const { columns, uses, makers, names } = mapping;
  const roles = new Map<string, Role>();

  /** Of which type an entry is, its key does not tell: no transform of either may mend it. */
  function roleIn(key: string): Role {
    const known = roles.get(key);
    if (known !== undefined) return known;
    const property = names.accepted.get(normalise(key))?.property;
    const role = roleOf(
      names.slots.filter((slot) => slot.property === property),
      mapping,
    );
    if (roles.size < MOST_REMEMBERED) roles.set(key, role);
    return role;
  }

  return columns.flatMap((name, index) => {
    const use = uses[index];
    if (use === undefined || use.kind === "report") return [];
    if (use.kind === "ignored" && !isNamed(name, makers)) return [];
    // Several properties of one column are the job's: what is done to one of them does not mend the others.
    const slots = use.kind === "slot" ? use.slots : [];
    const roleOfColumn = slots.map((slot) => roleOf([slot], mapping)).find((role) => role !== "any");
    return [{ name, index, role: roleOfColumn ?? "any", roleIn }];
  });
}

/** Of a value that gives these. ZIP codes that a transform mends are no damage. */
function roleOf(slots: readonly Slot[], { contract, transforms }: Pick<Mapping, "contract" | "transforms">): Role {
  const [first] = slots;
  if (first === undefined) return "any";
  if (contract.dates.includes(first.property.name)) return "date";
  const bare = slots.every((slot) => (transforms[slot.index] ?? []).length === 0);
  return bare && contract.zips.includes(first.property.name) ? "zip" : "any";
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

/** A row of a table has one text in a column; of nested JSON, all that are in its value. */
export function eachText(
  row: CellsRow | ObjectRow,
  { name, index, role, roleIn }: Looked,
  see: (text: string, role: Role) => void,
): void {
  if (row.kind === "cells") see(row.cells[index] ?? "", role);
  else if (Object.hasOwn(row.object, name)) eachTextIn(row.object[name], role, roleIn, see);
}

/** A number that is not whole, or too large, is no text: it is refused for that. */
function eachTextIn(
  value: unknown,
  role: Role,
  roleIn: Looked["roleIn"],
  see: (text: string, role: Role) => void,
): void {
  if (typeof value === "string") see(value, role);
  else if (Number.isSafeInteger(value)) see(String(value), role);
  else if (Array.isArray(value)) for (const part of value) eachTextIn(part, role, roleIn, see);
  else if (typeof value === "object" && value !== null)
    for (const [key, part] of Object.entries(value)) eachTextIn(part, roleIn(key), roleIn, see);
}

function makeColumn(column: Looked) {
  let filled = 0;
  let characters = 0;
  let row = 0;
  const found = new Map<Damage, Found>();
  const orders: Record<Order, Found> = {
    "day-first": { count: 0, rows: [] },
    "month-first": { count: 0, rows: [] },
  };

  function note(into: Found): void {
    into.count++;
    if (into.rows.length < FIRST_ROWS && into.rows.at(-1) !== row) into.rows.push(row);
  }

  function see(text: string, role: Role): void {
    if (text === "") return;
    characters += text.length;
    if (role === "date") {
      const order = orderOf(text.trim());
      if (order !== null) note(orders[order]);
    }
    const damage = damageOf(text, role);
    if (damage === null) return;
    const into = found.get(damage) ?? { count: 0, rows: [] };
    note(into);
    found.set(damage, into);
  }

  /** Where a column has dates of both orders, the rarer one is what went wrong. */
  function turned(): Found {
    const { "day-first": day, "month-first": month } = orders;
    const rarer = day.count < month.count ? day : month;
    const { count, rows } = found.get("date-turned") ?? { count: 0, rows: [] };
    const all = new Set([...rows, ...rarer.rows].sort((a, b) => a - b));
    return { count: count + rarer.count, rows: [...all].slice(0, FIRST_ROWS) };
  }

  return {
    name: column.name,
    filled: () => filled,
    characters: () => characters,
    add(of: CellsRow | ObjectRow) {
      row = of.row;
      const before = characters;
      eachText(of, column, see);
      if (characters > before) filled++;
    },
    findings(): Finding[] {
      const all = new Map(found).set("date-turned", turned());
      return [...all].flatMap(([damage, { count, rows }]) =>
        count === 0 ? [] : { column: column.name, damage, count, rows },
      );
    },
  };
}

function rounded(figure: number): number {
  return Math.round(figure * 10_000) / 10_000;
}
