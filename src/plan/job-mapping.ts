// What a job says of columns in; per property the column, function and transforms that give it, and what identifies all of it, out.
import { createHash } from "node:crypto";
import { UpdraftError } from "../errors.ts";
import type { Job } from "./job.ts";
import type { Names, Slot } from "./names.ts";
import { nearest, normalise } from "./nearest.ts";
import type { ColumnFunction, Transform } from "./transform.ts";

/** The part of a job that decides what a row becomes. */
export type JobMapping = Pick<Job, "name" | "columns" | "constants" | "transforms" | "ignoreColumns">;

export interface JobParts {
  /** Normalised name of a column → the properties that it gives. */
  readonly slotsOf: ReadonlyMap<string, readonly Slot[]>;
  /** Per slot: the function that gives it; null where none does. */
  readonly makers: readonly (ColumnFunction | null)[];
  /** Per slot. */
  readonly transforms: readonly (readonly Transform[])[];
}

/** The job was checked: its names are properties. */
export function jobParts(job: JobMapping | undefined, names: Names): JobParts {
  const slotsOf = new Map<string, Slot[]>();
  const makers: (ColumnFunction | null)[] = names.slots.map(() => null);
  const transforms: (readonly Transform[])[] = names.slots.map(() => []);
  for (const [name, source] of Object.entries(job?.columns ?? {})) {
    const slot = slotNamed(names, name);
    if (typeof source === "function") makers[slot.index] = source;
    else slotsOf.set(normalise(source), [...(slotsOf.get(normalise(source)) ?? []), slot]);
  }
  for (const [name, list] of Object.entries(job?.transforms ?? {})) transforms[slotNamed(names, name).index] = list;
  return { slotsOf, makers, transforms };
}

function slotNamed(names: Names, name: string): Slot {
  const slot = names.accepted.get(normalise(name));
  if (slot === undefined) throw new Error(`a job that was checked gives ${name}, which is no property`);
  return slot;
}

/** Throws `job-column-missing`. A column that was left out by a flag is not missed. */
export function refuseMissing(
  job: JobMapping,
  columns: readonly string[],
  ignored: ReadonlySet<string>,
  file: string,
): void {
  const known = new Map(columns.map((column) => [normalise(column), column]));
  for (const [property, source] of Object.entries(job.columns)) {
    if (typeof source === "function" || known.has(normalise(source)) || ignored.has(normalise(source))) continue;
    const meant = nearest(source, known);
    const hint = meant === null ? "" : ` (did you mean \`${meant}\`?)`;
    throw new UpdraftError("job-column-missing", { file, job: job.name, property, column: source, hint });
  }
}

/** What is kept of a job's mapping with a run: names and constants as they are, of functions the hash of their source text. */
export interface JobSketch {
  readonly columns: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, string>>;
  readonly transforms: Readonly<Record<string, string>>;
  readonly ignoreColumns: readonly string[];
}

/** Two jobs of one sketch make the same updates, as far as their functions only look at what they are given. */
export function sketchJob({ columns, constants, transforms, ignoreColumns }: JobMapping): JobSketch {
  return {
    columns: mapped(columns, (source) => (typeof source === "function" ? `function ${sourceHash(source)}` : source)),
    constants: { ...constants },
    transforms: mapped(transforms, (list) => list.map(transformSketch).join(", ")),
    ignoreColumns: ignoreColumns.map(normalise).toSorted(),
  };
}

export function transformSketch({ name, version, apply }: Transform): string {
  return `${name} ${version ?? sourceHash(apply)}`;
}

/** Keys of the job in which two sketches differ: `columns.city`. */
export function sketchDifferences(one: JobSketch, other: JobSketch): string[] {
  const found = (["columns", "constants", "transforms"] as const).flatMap((field) => {
    const keys = new Set([...Object.keys(one[field]), ...Object.keys(other[field])]);
    return [...keys].filter((key) => one[field][key] !== other[field][key]).map((key) => `${field}.${key}`);
  });
  return one.ignoreColumns.join("\n") === other.ignoreColumns.join("\n") ? found : [...found, "ignoreColumns"];
}

export function sourceHash(made: unknown): string {
  return createHash("sha256").update(String(made)).digest("hex").slice(0, 16);
}

function mapped<T>(record: Readonly<Record<string, T>>, make: (value: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value)]));
}
