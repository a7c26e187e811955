// An NDJSON object in; the values of its slots and its lists of entries, and what is wrong with its shape, out.
import type { Group } from "../endpoint/contract.ts";
import { type Mapping, printable, type Use, useOf } from "./mapping.ts";
import type { EntryNames, Slot } from "./names.ts";
import { nearest, normalise } from "./nearest.ts";
import type { Problem } from "./plan.ts";
import { gotOf, type ProblemCode, pointer } from "./problems.ts";
import { textOf } from "./text.ts";

/** Entries in the API's own shape, in the row's order. */
export interface NestedList {
  readonly column: string;
  readonly entries: readonly Readonly<Record<string, unknown>>[];
}

/** What reading an object fills in; the caller empties it before each row. */
interface Target {
  readonly values: unknown[];
  readonly sources: (string | null)[];
  readonly lists: Map<Group, NestedList>;
  readonly problems: Problem[];
}

const SET_TOO = "--set gives it too, with another value";
const CONSTANT_TOO = "a constant gives it too, with another value";

type Json = Readonly<Record<string, unknown>>;
type Path = readonly PropertyKey[];

/** Names met so far are remembered up to this many; a file has a dozen, a hostile one any number. */
const MOST_REMEMBERED = 1_000;

/** A value that is no text and no whole number is put in place as it is: the contract's schema refuses it there. */
export function makeObjectReader(mapping: Mapping, target: Target): (object: Json) => void {
  const { names, contract, constants } = mapping;
  const ignored = new Set(mapping.ignored);
  const uses = new Map<string, Use | null>();
  const hints = new Map<string, string>();

  function readObject(object: Json): void {
    for (const key of Object.keys(object)) {
      let use = uses.get(key);
      if (use === undefined) {
        use = useOf(key, "ndjson", names, ignored, mapping.slotsOf);
        if (uses.size < MOST_REMEMBERED) uses.set(key, use);
      }
      const value = object[key];
      if (use === null) unknownName([key], key, names.nearest);
      else if (use.kind === "nested" || (use.kind === "slot" && use.nested && isObject(value)))
        readContainer(normalise(key), value, [key], key);
      else if (use.kind === "slot") for (const slot of use.slots) put(slot, value, [key], key);
    }
  }

  function readContainer(name: string, value: unknown, path: Path, column: string): void {
    if (textOf(value) === "") return;
    const entries = names.entries.get(name);
    if (entries !== undefined && Array.isArray(value)) readList(entries, value, path, column);
    else if (isObject(value)) readMembers(name, value, path, column);
    else
      problem(
        "type",
        path,
        column,
        `expected ${entries === undefined ? "an object" : `a list of ${entries.group.name}`}, got ${gotOf(value)}`,
      );
  }

  function readMembers(prefix: string, object: Json, path: Path, column: string): void {
    for (const key of Object.keys(object)) {
      const own = normalise(key);
      const name = prefix + own;
      const value = object[key];
      const slot = names.accepted.get(name);
      // A key of separators only adds nothing to the prefix, and could be nested without end.
      const container = own !== "" && names.containers.has(name);
      if (container && (slot === undefined || isObject(value))) readContainer(name, value, [...path, key], column);
      else if (slot !== undefined && own !== "") put(slot, value, [...path, key], column);
      else unknownName([...path, key], column, () => names.nearest(name));
    }
  }

  function readList({ group, parts, known }: EntryNames, list: readonly unknown[], path: Path, column: string): void {
    if (target.lists.has(group)) {
      problem("given-twice", path, column, `expected one list of ${group.name}`);
      return;
    }
    const entries: Json[] = [];
    for (const [index, item] of list.entries()) {
      const at = [...path, index];
      if (textOf(item) === "") continue;
      if (!isObject(item)) {
        problem("type", at, column, `expected an object, got ${gotOf(item)}`);
        continue;
      }
      const found = new Map<string, unknown>();
      for (const key of Object.keys(item)) {
        const name = normalise(key);
        const property = name === "type" ? name : parts.get(name)?.name;
        const value = textOf(item[key]);
        if (property === undefined) unknownName([...at, key], column, () => nearest(key, known));
        else if (value === "") continue;
        else if (found.has(property)) problem("given-twice", [...at, key], column, `${property} is given twice`);
        else found.set(property, value);
      }
      const entry = makeEntry(group, found, at, column);
      if (entry !== null) entries.push(entry);
    }
    target.lists.set(group, { column, entries });
  }

  /** Null for an entry that gives nothing: it leaves everything as it is. */
  function makeEntry(group: Group, found: ReadonlyMap<string, unknown>, path: Path, column: string): Json | null {
    const type = found.get("type");
    const known = group.types.find((one) => one === type);
    if (found.size === 0 || (found.size === 1 && known !== undefined)) return null;
    const entry: Record<string, unknown> = type === undefined ? {} : { type };
    for (const part of group.parts) {
      const value = found.get(part.name);
      const constant = known === undefined ? "" : constantOf(group, known, part.name);
      if (value !== undefined && constant !== "" && value !== constant) setToo([...path, part.name], column);
      if (value !== undefined || constant !== "") entry[part.name] = value ?? constant;
    }
    return entry;
  }

  function constantOf(group: Group, type: string, part: string): string {
    const slot = names.slots.find(
      ({ of, property }) => of?.group === group && of.type === type && property.name === part,
    );
    return slot === undefined ? "" : (constants[slot.index] ?? "");
  }

  function put({ index, label }: Slot, given: unknown, path: Path, column: string): void {
    const value = textOf(given);
    if (value === "") return;
    const constant = constants[index];
    if (target.sources[index] !== null) {
      problem("given-twice", path, column, `${label} is given twice`);
      return;
    }
    if (constant !== "" && value !== constant) setToo(path, column);
    target.values[index] = value;
    target.sources[index] = column;
  }

  function setToo(path: Path, column: string): void {
    problem("given-twice", path, column, mapping.jobConstants.size === 0 ? SET_TOO : CONSTANT_TOO);
  }

  function unknownName(path: Path, column: string, meant: (name: string) => string | null): void {
    const name = String(path.at(-1));
    if (contract.isIdentification(name)) {
      problem("identification", path, column, "an identification document: this endpoint cannot change it");
      return;
    }
    const whole = pointer(path.filter((part) => typeof part === "string"));
    let hint = hints.get(whole);
    if (hint === undefined) {
      const found = meant(name);
      hint = found === null ? "" : `, did you mean ${printable(found)}?`;
      if (hints.size < MOST_REMEMBERED) hints.set(whole, hint);
    }
    problem("unknown-property", path, column, `the endpoint has no such property${hint}`);
  }

  function problem(code: ProblemCode, path: Path, column: string, message: string): void {
    target.problems.push({ column, path: pointer(path.map((part) => printable(String(part)))), code, message });
  }

  return readObject;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
