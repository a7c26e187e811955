// A row and what its columns gave in; a job's functions and transforms applied to it, what they changed and where they failed, out.
import type { Group } from "../endpoint/contract.ts";
import type { CellsRow, ObjectRow } from "../parse/row.ts";
import { type Mapping, printable } from "./mapping.ts";
import type { Slot } from "./names.ts";
import { normalise } from "./nearest.ts";
import type { NestedList } from "./nested.ts";
import type { Change } from "./plan.ts";
import { gotOf, type ProblemCode } from "./problems.ts";
import { textOf, trimmed } from "./text.ts";
import type { ColumnFunction, Transform } from "./transform.ts";

/** A property that could not be made. */
export interface Failure {
  readonly slot: Slot;
  /** Its place in a nested list; null where the row's own columns gave it. */
  readonly entry: number | null;
  readonly code: ProblemCode;
  readonly message: string;
}

/** What the draft holds of the row, changed in place. */
interface Target {
  readonly values: unknown[];
  readonly sources: readonly (string | null)[];
  readonly lists: Map<Group, NestedList>;
  readonly failures: Failure[];
}

type Texts = Readonly<Record<string, string>>;
export type Refine = (row: CellsRow | ObjectRow, changes: Change[] | null) => void;

/** What its message says may be told: it is ours, and has no value in it. */
class Told extends Error {}

/** Null where there is nothing to do: then a row pays nothing for it. */
export function makeRefine(mapping: Mapping, format: "csv" | "ndjson", target: Target): Refine | null {
  const { names, makers, transforms, constants, columns } = mapping;
  const made = names.slots.flatMap((slot) => {
    const maker = makers[slot.index] ?? null;
    return maker === null ? [] : [{ slot, maker }];
  });
  const changed = names.slots.flatMap((slot) => {
    const list = transforms[slot.index] ?? [];
    return list.length === 0 ? [] : [{ slot, list }];
  });
  if (made.length === 0 && changed.length === 0) return null;
  const record = makeRecord(columns, format);

  function make(slot: Slot, maker: ColumnFunction, of: Texts): void {
    if (format === "ndjson" && target.sources[slot.index] !== null) {
      fail(slot, null, "given-twice", "a function of the job gives it too");
      return;
    }
    try {
      target.values[slot.index] = textOf(given(maker(of)));
    } catch (error) {
      target.values[slot.index] = "";
      const why = error instanceof Told ? error.message : `it failed (${nameOf(error)})`;
      fail(slot, null, "transform", `the function of the job that gives it: ${why}`);
    }
  }

  /** The value as it is where a transform fails: an entry of which it is a part stays one. */
  function transformed(
    value: unknown,
    slot: Slot,
    list: readonly Transform[],
    entry: number | null,
    changes: Change[] | null,
  ): unknown {
    let after: unknown = value;
    const by: string[] = [];
    for (const transform of list) {
      if (typeof after !== "string" || after === "") break;
      try {
        const next: unknown = textOf(given(transform.apply(after)));
        if (next !== after) by.push(transform.name);
        after = next;
      } catch (error) {
        fail(slot, entry, "transform", `transform "${printable(transform.name)}" ${whyOf(error, transform, after)}`);
        return value;
      }
    }
    if (by.length > 0) changes?.push({ slot, before: String(value), after: String(after), by });
    return after;
  }

  function fail(slot: Slot, entry: number | null, code: ProblemCode, message: string): void {
    target.failures.push({ slot, entry, code, message });
  }

  function inLists(slot: Slot, list: readonly Transform[], changes: Change[] | null): void {
    const { of, property } = slot;
    const nested = of === null ? undefined : target.lists.get(of.group);
    if (of === null || nested === undefined) return;
    const entries = nested.entries.map((entry, index) => {
      if (entry.type !== of.type || entry[property.name] === undefined) return entry;
      return { ...entry, [property.name]: transformed(entry[property.name], slot, list, index, changes) };
    });
    target.lists.set(of.group, { ...nested, entries });
  }

  return (row, changes) => {
    if (made.length > 0) {
      const of = record(row);
      for (const { slot, maker } of made) make(slot, maker, of);
    }
    for (const { slot, list } of changed) {
      const value = target.values[slot.index];
      // A constant is what the endpoint takes already.
      if (value !== "" && (slot.of !== null || constants[slot.index] === ""))
        target.values[slot.index] = transformed(value, slot, list, null, changes);
      if (format === "ndjson") inLists(slot, list, changes);
    }
  };
}

/**
 * One that forgets its `return` would have a property left out of every row, in silence. A text that is cut after so many characters may
 * end in half of one, which is none. A promise is no text, and what it is rejected with, which may be a value, must not end the process either.
 */
function given(result: unknown): unknown {
  if (result === undefined) throw new Told("it gives nothing, expected a text or null");
  if (typeof result === "string" && !result.isWellFormed())
    throw new Told("it gives half of a surrogate pair, as of an emoji that was cut, expected whole characters");
  if (!(result instanceof Promise)) return result;
  result.catch(() => {});
  throw new Told("it gives a promise, expected a text at once");
}

function whyOf(error: unknown, { expected }: Transform, value: unknown): string {
  if (error instanceof Told) return `cannot be used: ${error.message}`;
  return `${expected === undefined ? `failed on it (${nameOf(error)})` : `expected ${expected}`}, got ${gotOf(value)}`;
}

/** The error's kind alone: its message may repeat a value. */
function nameOf(error: unknown): string {
  return error instanceof Error ? printable(error.name) : typeof error;
}

/** One object for all rows: what a function keeps of it is of the row that comes next. */
function makeRecord(columns: readonly string[], format: "csv" | "ndjson"): (row: CellsRow | ObjectRow) => Texts {
  const places = new Map(columns.map((column, index) => [column, index]));
  const alike = Map.groupBy(columns, normalise);
  let current: CellsRow | ObjectRow | null = null;
  const has = (column: string) =>
    current?.kind === "object" ? Object.hasOwn(current.object, column) : places.has(column);
  /** As in the rest of a job, case and the like say nothing, where it is clear which column is meant. */
  const columnOf = (name: string): string | undefined => {
    if (has(name)) return name;
    const [column, other] = (alike.get(normalise(name)) ?? []).filter(has);
    if (column === undefined || other === undefined) return column;
    throw new Told(`\`${printable(name)}\` may be \`${printable(column)}\` or \`${printable(other)}\``);
  };
  const textIn = (name: string): string => {
    if (current === null) return "";
    if (current.kind === "object") return Object.hasOwn(current.object, name) ? asText(current.object[name]) : "";
    return trimmed(current.cells[places.get(name) ?? -1] ?? "");
  };
  const proxy = new Proxy<Record<string, string>>(Object.create(null), {
    get(_, name) {
      if (typeof name === "symbol") return undefined;
      const column = columnOf(name);
      // `undefined` must not get into an address.
      if (format === "csv" && column === undefined) throw new Told(`the file has no column \`${printable(name)}\``);
      return textIn(column ?? name);
    },
    has: (_, name) => typeof name === "string" && columnOf(name) !== undefined,
    ownKeys: () => [...places.keys()],
    getOwnPropertyDescriptor: (_, name) =>
      typeof name === "string" && places.has(name)
        ? { value: textIn(name), enumerable: true, configurable: true }
        : undefined,
    set: () => false,
  });
  return (row) => {
    current = row;
    return proxy;
  };
}

/** A number that has lost digits is none that a function may go on with. */
function asText(value: unknown): string {
  const inexact =
    typeof value === "number" && (Number.isInteger(value) ? !Number.isSafeInteger(value) : !Number.isFinite(value));
  if (inexact) throw new Told(`it reads ${gotOf(value)}`);
  const text = textOf(value);
  return typeof text === "string" ? text : JSON.stringify(text);
}
