// A job in; each of its examples as the job maps it, and where that differs from what the example says, out.
import type { Contract } from "../endpoint/contract.ts";
import { UpdraftError } from "../errors.ts";
import type { Job } from "./job.ts";
import { makePlan } from "./make-plan.ts";
import { normalise } from "./nearest.ts";
import { pointer } from "./problems.ts";

export interface TriedExample {
  /** From 1. */
  readonly number: number;
  /** `/addresses/0/city: expected "Erie", got nothing`; empty where all is as it should be. These are the example's values. */
  readonly differences: readonly string[];
}

export function tryExamples(job: Job, contract: Contract, today: string): readonly TriedExample[] {
  return job.examples.map(({ record, update }, index) => ({
    number: index + 1,
    differences: differencesOf(job, record, update, contract, today),
  }));
}

function differencesOf(
  job: Job,
  record: Readonly<Record<string, string>>,
  wanted: unknown,
  contract: Contract,
  today: string,
): readonly string[] {
  const given = new Map(Object.entries(record));
  const names = new Set([...given.keys()].map(normalise));
  // What functions read is among the columns that are ignored.
  const sources = [...Object.values(job.columns), ...job.ignoreColumns].filter((source) => typeof source === "string");
  // A column that the example leaves out is empty.
  const columns = [...given.keys(), ...new Set(sources.filter((source) => !names.has(normalise(source))))];
  const fileName = "its record";
  const settings = { set: {}, ignoreColumns: [], job };
  try {
    const plan = makePlan({ columns, format: "csv", settings, contract, today, fileName });
    const planned = plan.plan({
      kind: "cells",
      row: 1,
      line: 2,
      cells: columns.map((column) => given.get(column) ?? ""),
    });
    if (planned.kind === "update") {
      const got: unknown = JSON.parse(planned.body);
      return wanted === null ? [`expected a rejection, got ${planned.body}`] : compare(wanted, got, []);
    }
    if (wanted === null) return [];
    return planned.problems.map(({ column, path, message }) => `${column ?? path ?? ""}: rejected: ${message}`);
  } catch (error) {
    if (error instanceof UpdraftError) return [`${error.message}; ${error.next}`];
    throw error;
  }
}

function compare(wanted: unknown, got: unknown, path: readonly PropertyKey[]): string[] {
  if (isContainer(wanted) && isContainer(got) && Array.isArray(wanted) === Array.isArray(got)) {
    const keys = new Set([...Object.keys(wanted), ...Object.keys(got)]);
    return [...keys].flatMap((key) => compare(ownOf(wanted, key), ownOf(got, key), [...path, key]));
  }
  return wanted === got ? [] : [`${pointer(path) || "the update"}: expected ${told(wanted)}, got ${told(got)}`];
}

function ownOf(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function told(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
