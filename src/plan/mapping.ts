// A file's columns and the job's settings in; which column gives which property, checked before anything is sent, out.
import type * as z from "zod";
import type { Contract } from "../endpoint/contract.ts";
import { UpdraftError } from "../errors.ts";
import type { Reading } from "../parse/dialect.ts";
import { type JobParts, jobParts, refuseMissing } from "./job-mapping.ts";
import { makeNames, type Names, type Slot } from "./names.ts";
import { nearest, normalise } from "./nearest.ts";
import type { MappingSettings } from "./plan.ts";
import { gotOf } from "./problems.ts";

export interface PlanInput {
  /** The header's names, or every top-level key of an NDJSON file, as written. */
  readonly columns: readonly string[];
  readonly format: "csv" | "ndjson";
  /** How the file is read. */
  readonly dialect?: Reading | null;
  readonly settings: MappingSettings;
  readonly contract: Contract;
  /** YYYY-MM-DD: the last day a date of birth may name. */
  readonly today: string;
  /** For messages. */
  readonly fileName: string;
}

/** What becomes of a column: a property (with a job, several), NDJSON's nested objects, or nothing. */
export type Use =
  | { readonly kind: "slot"; readonly slots: readonly Slot[]; readonly nested: boolean }
  | { readonly kind: "nested" }
  | { readonly kind: "ignored" }
  /** `updraft_…`: written by an earlier report. */
  | { readonly kind: "report" };

export interface Mapping extends JobParts {
  readonly contract: Contract;
  readonly names: Names;
  readonly columns: readonly string[];
  /** Per column, in the file's order. */
  readonly uses: readonly Use[];
  /** Per slot: the index of the column that gives it; null where none does. */
  readonly columnOf: readonly (number | null)[];
  /** Per slot: the constant of `--set` or of the job; empty where there is none. */
  readonly constants: readonly string[];
  /** Slots whose constant is the job's. */
  readonly jobConstants: ReadonlySet<number>;
  /** Normalised names of columns that are left out, sorted. */
  readonly ignored: readonly string[];
}

/** Throws what a person has to settle before anything is sent: every such error is exit 2. */
export function makeMapping(input: PlanInput): Mapping {
  const { columns, contract, settings, fileName: file } = input;
  const names = makeNames(contract);
  const ignored = ignoredNames(input);
  const constants = readConstants(input, names);
  const parts = jobParts(settings.job, names);
  const jobConstants = addJobConstants(settings.job?.constants ?? {}, constants, names);
  const uses: Use[] = [];
  const unknown: number[] = [];
  columns.forEach((column, index) => {
    const use = useOf(column, input.format, names, ignored, parts.slotsOf);
    if (use === null) unknown.push(index);
    uses.push(use ?? { kind: "ignored" });
  });
  const isIdentity = (slot: Slot) => slot.property.name === contract.identity;
  const identity =
    uses.some((use) => use.kind === "slot" && use.slots.some(isIdentity)) ||
    names.slots.some((slot) => isIdentity(slot) && parts.makers[slot.index] !== null);
  if (settings.job !== undefined && input.format === "csv") refuseMissing(settings.job, columns, ignored, file);
  if (unknown.length > 0) throw unknownColumns(input, names, unknown, identity);

  const columnOf: (number | null)[] = names.slots.map(() => null);
  uses.forEach((use, index) => {
    for (const slot of use.kind === "slot" ? use.slots : []) {
      const other = columnOf[slot.index] ?? null;
      const second = named(columns, index);
      const first = other === null ? "a function of the job" : named(columns, other);
      if (other !== null || parts.makers[slot.index] !== null)
        throw new UpdraftError("columns-same-property", { file, first, second, property: slot.label });
      columnOf[slot.index] = index;
    }
  });
  if (!identity) throw new UpdraftError("customer-id-missing", { file, property: contract.identity });
  for (const { index, label: property } of names.slots) {
    const column = columnOf[index] ?? null;
    if (column === null || constants[index] === "") continue;
    const job = jobConstants.has(index) ? settings.job?.name : undefined;
    const fields = { property, column: named(columns, column), file };
    if (job === undefined) throw new UpdraftError("set-and-column", fields);
    throw new UpdraftError("job-constant-and-column", { ...fields, job });
  }
  return { ...parts, contract, names, columns, uses, columnOf, constants, jobConstants, ignored: [...ignored].sort() };
}

/** What a column means; null for a name that is not known. */
export function useOf(
  column: string,
  format: "csv" | "ndjson",
  names: Names,
  ignored: ReadonlySet<string>,
  slotsOf: JobParts["slotsOf"],
): Use | null {
  const name = normalise(column);
  if (ignored.has(name)) return { kind: "ignored" };
  const mapped = slotsOf.get(name);
  if (mapped !== undefined) return { kind: "slot", slots: mapped, nested: false };
  if (/^\s*updraft_/i.test(column)) return { kind: "report" };
  const nested = format === "ndjson" && names.containers.has(name);
  const slot = names.accepted.get(name);
  if (slot !== undefined) return { kind: "slot", slots: [slot], nested };
  return nested ? { kind: "nested" } : null;
}

function ignoredNames({ columns, settings, fileName }: PlanInput): Set<string> {
  const known = new Map(columns.map((column) => [normalise(column), column]));
  const names = new Set<string>();
  for (const name of settings.ignoreColumns) {
    if (!known.has(normalise(name)))
      throw new UpdraftError("ignore-column-unknown", {
        column: quoted(name),
        file: fileName,
        hint: hint(nearest(name, known)),
      });
    names.add(normalise(name));
  }
  for (const name of settings.job?.ignoreColumns ?? []) if (known.has(normalise(name))) names.add(normalise(name));
  return names;
}

/** Where `--set` gives none. They were checked with the job. */
function addJobConstants(given: Readonly<Record<string, string>>, constants: string[], names: Names): Set<number> {
  const added = new Set<number>();
  for (const [name, value] of Object.entries(given)) {
    const slot = names.accepted.get(normalise(name));
    if (slot === undefined || constants[slot.index] !== "") continue;
    constants[slot.index] = value.trim();
    added.add(slot.index);
  }
  return added;
}

function readConstants({ settings, contract, today }: PlanInput, names: Names): string[] {
  const constants = names.slots.map(() => "");
  const schema = contract.updateSchema(today);
  for (const [name, text] of Object.entries(settings.set)) {
    const slot = names.accepted.get(normalise(name));
    if (slot === undefined && contract.isIdentification(name))
      throw new UpdraftError("set-identification", { property: quoted(name) });
    if (slot === undefined)
      throw new UpdraftError("set-unknown", {
        property: quoted(name),
        hint: hint(names.nearest(name)),
        names: knownNames(contract),
      });
    const property = slot.label;
    if (slot.property.name === contract.identity) throw new UpdraftError("set-customer-id", { property });
    if (constants[slot.index] !== "") throw new UpdraftError("set-twice", { property });
    const value = text.trim();
    if (value === "") throw new UpdraftError("set-empty", { property });
    if (!fits(schema, contract, slot, value))
      throw new UpdraftError("set-invalid", { property, expected: slot.property.expected, got: gotOf(value) });
    constants[slot.index] = value;
  }
  return constants;
}

/** Whether the endpoint takes the value for this property, whatever the other properties are. */
export function constantFits(contract: Contract, today: string, slot: Slot, value: string): boolean {
  return fits(contract.updateSchema(today), contract, slot, value);
}

function fits(schema: z.ZodType, { identity }: Contract, { of, property }: Slot, value: string): boolean {
  const given = { [property.name]: value };
  const body = { [identity]: "any", ...(of === null ? given : { [of.group.name]: [{ type: of.type, ...given }] }) };
  const issues = schema.safeParse(body).error?.issues ?? [];
  return !issues.some((issue) => issue.path.at(-1) === property.name);
}

/**
 * Names all of them. A file without a header has its first customer where the names should be: unless some of the names
 * are known, or nearly, none is shown.
 */
function unknownColumns(input: PlanInput, names: Names, unknown: readonly number[], identity: boolean): UpdraftError {
  const { columns, contract, fileName: file } = input;
  const found = unknown.map((index) => {
    const column = columns[index] ?? "";
    return { index, identification: contract.isIdentification(column), meant: names.nearest(column) };
  });
  const guessed = found.filter((one) => one.identification || one.meant !== null).length;
  if (input.format === "csv" && unknown.length === columns.length && guessed * 2 < columns.length)
    return new UpdraftError("header-unknown", {
      file,
      columns: columns.length === 1 ? "1 column" : `${columns.length} columns`,
      property: contract.identity,
      names: knownNames(contract),
    });

  // Whoever copies the flags must not lose the column that names the customers.
  const spare = found.filter(({ meant }) => identity || meant !== contract.identity);
  const flags = spare.map(({ index }) => ` --ignore-column ${shellWord(printable(columns[index] ?? ""))}`);
  const ignore = firstOf(flags, "", (count) => `, and ${count} more; ignoreColumns of a job takes a list`);
  const more = (count: number) => `, and ${count.toLocaleString("en-US")} more`;
  if (found.every((one) => one.identification)) {
    const list = found.map(({ index }) => named(columns, index));
    return new UpdraftError("columns-identification", { file, columns: firstOf(list, ", ", more), ignore });
  }
  // Those of which something is known help most.
  const sorted = [...found].sort((a, b) => Number(b.meant !== null) - Number(a.meant !== null));
  const list = sorted.map(({ index, identification, meant }) =>
    identification
      ? `${named(columns, index)} (identification: this endpoint cannot change it)`
      : named(columns, index) + hint(meant),
  );
  return new UpdraftError("columns-unknown", {
    file,
    columns: firstOf(list, ", ", more),
    also: identity ? "" : `, and no column gives ${contract.identity}`,
    pass: ignore === "" ? "" : `, or let the others pass without being sent:${ignore}`,
    names: knownNames(contract),
  });
}

/** More would bury what a person has to read. */
const MOST_SHOWN = 10;

function firstOf(texts: readonly string[], between: string, more: (count: number) => string): string {
  const shown = texts.slice(0, MOST_SHOWN).join(between);
  return texts.length > MOST_SHOWN ? shown + more(texts.length - MOST_SHOWN) : shown;
}

export function knownNames(contract: Contract): string {
  return [...contract.properties, ...contract.groups.flatMap((group) => group.parts)]
    .map(({ name }) => name)
    .join(", ");
}

function hint(meant: string | null): string {
  return meant === null ? "" : ` (did you mean \`${printable(meant)}\`?)`;
}

/** A column for people; one without a name by its place. */
function named(columns: readonly string[], index: number): string {
  const column = columns[index] ?? "";
  return column.trim() === "" ? `column ${index + 1} (it has no name)` : quoted(column);
}

function quoted(name: string): string {
  return `\`${printable(name)}\``;
}

/** What a shell takes as one word, whatever is in it. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** On one line of a terminal, and not longer than a name can sensibly be. */
export function printable(name: string, most = 80): string {
  return name.slice(0, most).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
