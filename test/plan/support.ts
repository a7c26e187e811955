// Plans and rows for the tests of plan/.
import { expect } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { UpdraftError } from "../../src/errors.ts";
import type { CellsRow, ObjectRow } from "../../src/parse/row.ts";
import type { Damage } from "../../src/plan/damage.ts";
import type { JobMapping } from "../../src/plan/job-mapping.ts";
import { type MappedPlan, makePlan } from "../../src/plan/make-plan.ts";
import type { PlanInput } from "../../src/plan/mapping.ts";
import type { Problem } from "../../src/plan/plan.ts";

export const TODAY = "2026-03-01";

interface Options {
  readonly columns: readonly string[];
  readonly format?: PlanInput["format"];
  readonly set?: Readonly<Record<string, string>>;
  readonly ignore?: readonly string[];
  readonly job?: Partial<JobMapping>;
  readonly refuse?: readonly Damage[];
}

export function jobOf(given: Partial<JobMapping>): JobMapping {
  return { name: "a", columns: {}, constants: {}, transforms: {}, ignoreColumns: [], ...given };
}

export function planOf({ columns, format = "csv", set = {}, ignore = [], job, refuse }: Options): MappedPlan {
  const settings = { set, ignoreColumns: ignore, refuse, ...(job === undefined ? {} : { job: jobOf(job) }) };
  return makePlan({ columns, format, settings, contract: condor, today: TODAY, fileName: "customers.csv" });
}

export function refusalOf(options: Options): UpdraftError {
  try {
    planOf(options);
  } catch (error) {
    if (error instanceof UpdraftError) return error;
    throw error;
  }
  return expect.unreachable("the plan was made");
}

export function cellsRow(cells: readonly string[]): CellsRow {
  return { kind: "cells", row: 1, line: 2, cells };
}

export function objectRow(object: Readonly<Record<string, unknown>>): ObjectRow {
  return { kind: "object", row: 1, line: 1, column: 1, object, text: JSON.stringify(object) };
}

/** A row of CSV whose columns are the record's keys: the body that would be sent. */
export function bodyOfCells(record: Readonly<Record<string, string>>, options: Omit<Options, "columns"> = {}): unknown {
  const planned = planOf({ columns: Object.keys(record), ...options }).plan(cellsRow(Object.values(record)));
  if (planned.kind === "rejection") return expect.unreachable(JSON.stringify(planned.problems));
  return JSON.parse(planned.body);
}

export function problemsOfCells(
  record: Readonly<Record<string, string>>,
  options: Omit<Options, "columns"> = {},
): readonly Problem[] {
  const planned = planOf({ columns: Object.keys(record), ...options }).plan(cellsRow(Object.values(record)));
  return planned.kind === "rejection" ? planned.problems : [];
}

export function planObject(object: Readonly<Record<string, unknown>>, options: Omit<Options, "columns"> = {}) {
  const planned = planOf({ columns: Object.keys(object), format: "ndjson", ...options }).plan(objectRow(object));
  return planned.kind === "rejection"
    ? { problems: planned.problems, body: null }
    : { problems: [], body: JSON.parse(planned.body) as unknown };
}
