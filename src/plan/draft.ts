// A row and the mapping in; the body it asks for, not yet checked, and where each of its parts came from, out.
import type { Group } from "../endpoint/contract.ts";
import type { CellsRow, ObjectRow } from "../parse/row.ts";
import type { Mapping } from "./mapping.ts";
import type { Slot } from "./names.ts";
import { makeObjectReader, type NestedList } from "./nested.ts";
import type { Change, Problem } from "./plan.ts";
import { pointer } from "./problems.ts";
import { type Failure, makeRefine, type Refine } from "./refine.ts";
import { trimmed } from "./text.ts";

/** Where a part of the body came from. */
export interface Place {
  /** The source column; null where none gives it. */
  readonly column: string | null;
  /** The column alone does not tell which entry is meant: a list of them, or no column. */
  readonly shared: boolean;
  /** `the PRIMARY address`, `entry 2`. */
  readonly entry: string;
  /** The file has no column that could give it. */
  readonly noColumn: boolean;
}

/** One row at a time: everything here speaks of the row that was filled in last. Reused, so that a row allocates its body only. */
export interface Draft {
  /** The body, its properties always in the contract's order. */
  readonly body: Readonly<Record<string, unknown>>;
  /** How many properties it has beside the identity. */
  readonly given: number;
  /** What the contract's schema cannot see: unknown names, a property given twice. */
  readonly problems: readonly Problem[];
  /** `changes`: gets what the job's transforms changed. */
  fill(row: CellsRow | ObjectRow, changes?: Change[]): void;
  /** The column of the row that gives a property; null where none does. */
  columnOf(slot: Slot): string | null;
  place(path: readonly PropertyKey[]): Place;
}

interface EntryPlan {
  readonly type: string;
  readonly parts: readonly Slot[];
}

export function makeDraft(mapping: Mapping, format: "csv" | "ndjson"): Draft {
  const { contract, names, columns, columnOf, constants, makers } = mapping;
  const { identity } = contract;
  // Only slots that a row or a constant can fill are looked at for each row.
  const used = names.slots.filter(
    ({ index }) => format === "ndjson" || columnOf[index] !== null || constants[index] !== "" || makers[index] !== null,
  );
  const properties = used.filter((slot) => slot.of === null);
  const groups = contract.groups.map((group) => ({ group, entries: entryPlans(group, used) }));
  const cells = used.flatMap(({ index }) => {
    const cell = columnOf[index] ?? null;
    return cell === null ? [] : [{ index, cell }];
  });

  const start: readonly string[] = names.slots.map(({ index, of }) => (of === null ? (constants[index] ?? "") : ""));
  const values: unknown[] = [...start];
  const sources: (string | null)[] = names.slots.map(() => null);
  const lists = new Map<Group, NestedList>();
  const problems: Problem[] = [];
  const failures: Failure[] = [];
  const refine = makeRefine(mapping, format, { values, sources, lists, failures });
  const readObject = makeObjectReader(mapping, { values, sources, lists, problems });
  let body: Record<string, unknown> = {};
  let given = 0;

  function fill(row: CellsRow | ObjectRow, changes: Change[] | null = null): void {
    if (row.kind === "cells") {
      for (const { index, cell } of cells) values[index] = trimmed(row.cells[cell] ?? "");
    } else {
      for (let index = 0; index < start.length; index++) {
        values[index] = start[index];
        sources[index] = null;
      }
      lists.clear();
      problems.length = 0;
      readObject(row.object);
    }
    if (refine === null) assemble();
    else fillRefined(refine, row, changes);
  }

  function fillRefined(refineRow: Refine, row: CellsRow | ObjectRow, changes: Change[] | null): void {
    failures.length = 0;
    refineRow(row, changes);
    assemble();
    if (row.kind === "cells") problems.length = 0;
    for (const { slot, entry, code, message } of failures)
      problems.push({ column: columnOfSlot(slot), path: pointer(pathOf(slot, entry)), code, message });
  }

  /** Where the property stands in the body, or would. */
  function pathOf({ of, property }: Slot, entry: number | null): PropertyKey[] {
    if (of === null) return [property.name];
    const sent = body[of.group.name];
    const list: readonly unknown[] = Array.isArray(sent) ? sent : [];
    const found = entry ?? list.findLastIndex((one) => typeOf(one, of.group) === of.type);
    return [of.group.name, found < 0 ? list.length : found, property.name];
  }

  function assemble(): void {
    body = {};
    given = 0;
    for (const { index, property } of properties) {
      const value = values[index];
      if (value === "") continue;
      body[property.name] = value;
      if (property.name !== identity) given++;
    }
    for (const { group, entries } of groups) {
      let list: unknown[] | undefined = lists.get(group)?.entries.slice();
      for (const { type, parts } of entries) {
        if (!anyGiven(parts)) continue;
        const entry: Record<string, unknown> = { type };
        for (const { index, property } of parts) {
          const value = values[index] === "" ? constants[index] : values[index];
          if (value !== "") entry[property.name] = value;
        }
        if (list === undefined) list = [entry];
        else list.push(entry);
      }
      if (list === undefined || list.length === 0) continue;
      body[group.name] = list;
      given++;
    }
  }

  /** Constants alone do not make an address. */
  function anyGiven(parts: readonly Slot[]): boolean {
    for (const { index } of parts) if (values[index] !== "") return true;
    return false;
  }

  function columnOfSlot(slot: Slot | undefined): string | null {
    if (slot === undefined) return null;
    const column = columnOf[slot.index] ?? null;
    return sources[slot.index] ?? (column === null ? null : (columns[column] ?? null));
  }

  function place([name, index, part]: readonly PropertyKey[]): Place {
    const group = contract.groups.find((one) => one.name === name);
    if (group === undefined) {
      const column = columnOfSlot(properties.find((slot) => slot.property.name === name));
      return { column, shared: false, entry: "", noColumn: column === null && !isMade(name) };
    }
    const list = lists.get(group);
    const sent = body[group.name];
    const type = typeof index === "number" && Array.isArray(sent) ? typeOf(sent[index], group) : null;
    const entry = type === null ? `entry ${Number(index) + 1}` : `the ${type} ${group.entry}`;
    if (typeof index !== "number" || (list !== undefined && index < list.entries.length))
      return { column: list?.column ?? null, shared: typeof index === "number", entry, noColumn: false };
    const slot = used.find(({ of, property }) => of?.group === group && of.type === type && property.name === part);
    const column = columnOfSlot(slot);
    return { column, shared: column === null, entry, noColumn: column === null && !isMade(part, type) };
  }

  /** NDJSON may give any property in any row. */
  function isMade(name: PropertyKey | undefined, type?: string | null): boolean {
    if (format === "ndjson") return true;
    return names.slots.some(
      ({ index, of, property }) => property.name === name && of?.type === (type ?? undefined) && makers[index] !== null,
    );
  }

  return {
    get body() {
      return body;
    },
    get given() {
      return given;
    },
    problems,
    fill,
    columnOf: columnOfSlot,
    place,
  };
}

function entryPlans(group: Group, used: readonly Slot[]): EntryPlan[] {
  return group.types
    .map((type) => ({ type, parts: used.filter(({ of }) => of?.group === group && of.type === type) }))
    .filter(({ parts }) => parts.length > 0);
}

function typeOf(entry: unknown, group: Group): string | null {
  const type: unknown = typeof entry === "object" && entry !== null && "type" in entry ? entry.type : null;
  return typeof type === "string" && group.types.includes(type) ? type : null;
}
