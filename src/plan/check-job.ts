// What a job file exports in; the job, checked against its fields and the endpoint's properties, or one sentence saying what is wrong, out.
import { dirname } from "node:path";
import type * as z from "zod";
import type { Contract } from "../endpoint/contract.ts";
import { UpdraftError } from "../errors.ts";
import { type Job, parseJob } from "./job.ts";
import { FIELDS } from "./job-schema.ts";
import { constantFits, knownNames, printable } from "./mapping.ts";
import { makeNames, type Names } from "./names.ts";
import { nearest, normalise } from "./nearest.ts";
import { gotOf, valueAt } from "./problems.ts";

/** Their values may be a customer's, or a secret. */
const UNTOLD: readonly PropertyKey[] = ["constants", "examples", "notify"];

/** Throws `job-invalid` and `job-key-unknown`: the first thing that is wrong. `today`: YYYY-MM-DD. */
export function checkJob(definition: unknown, file: string, contract: Contract, today: string): Job {
  const { job, issues } = parseJob(definition, dirname(file));
  // A key that is written wrong is why another is missing.
  const issue = issues?.find(({ code }) => code === "unrecognized_keys") ?? issues?.[0];
  if (issue !== undefined) throw refusal(issue, definition, file);
  if (job === null) throw new Error("neither a job nor an issue");
  for (const field of ["columns", "constants", "transforms"]) {
    // The schema leaves it out of what it gives, in silence.
    const given = valueAt(definition, [field]);
    if (typeof given === "object" && given !== null && Object.hasOwn(given, "__proto__"))
      throw unknownKey(file, [field, "__proto__"], knownNames(contract), null);
  }
  checkProperties(job, file, contract, today);
  return job;
}

function refusal(issue: z.core.$ZodIssue, definition: unknown, file: string): UpdraftError {
  const [unknown] = issue.code === "unrecognized_keys" ? issue.keys : [];
  if (unknown !== undefined) {
    const parent = issue.path.map(String).join(".");
    const known = keysUnder(parent, issue.path);
    return unknownKey(file, [...issue.path, unknown], known.join(", "), nearest(unknown, namesOf(known)));
  }
  const value = valueAt(definition, issue.path);
  const got = told(value, issue.path);
  return new UpdraftError("job-invalid", { file, key: keyOf(issue.path), expected: issue.message, got });
}

function keysUnder(parent: string, path: readonly PropertyKey[]): string[] {
  if (path[0] === "examples") return ["record", "update"];
  const prefix = parent === "" ? "" : `${parent}.`;
  const inside = FIELDS.filter(({ key }) => key.startsWith(prefix)).map(({ key }) => key.slice(prefix.length));
  return inside.filter((key) => !key.includes("."));
}

function namesOf(keys: readonly string[]): Map<string, string> {
  return new Map(keys.map((key) => [normalise(key), key]));
}

function unknownKey(file: string, path: readonly PropertyKey[], known: string, meant: string | null): UpdraftError {
  const hint = meant === null ? "" : `did you mean "${printable(meant)}"? `;
  return new UpdraftError("job-key-unknown", { file, key: keyOf(path), hint, known });
}

/** `transforms.postalCode[0]`. */
function keyOf(path: readonly PropertyKey[]): string {
  const key = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${printable(String(part))}`)).join("");
  return key.replace(/^\./, "") || "its default export";
}

function told(value: unknown, path: readonly PropertyKey[]): string {
  if (typeof value === "function") return "a function";
  if (UNTOLD.includes(path[0] ?? "")) return gotOf(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return gotOf(value);
  const safe = value.replace(/\/\/[^/]*@/, "//…@");
  const shown = printable(safe);
  return `"${shown}${safe.length > shown.length ? "…" : ""}"`;
}

/** Each name is a property, each property has one source, each constant is what the endpoint takes. */
function checkProperties(job: Job, file: string, contract: Contract, today: string): void {
  const names = makeNames(contract);
  const given = new Map<string, string>();
  const transformed = new Map<string, string>();
  for (const [field, once] of [
    ["columns", given],
    ["constants", given],
    ["transforms", transformed],
  ] as const) {
    for (const name of Object.keys(job[field])) {
      const { label } = slotOf(names, contract, file, [field, name]);
      const key = keyOf([field, name]);
      const other = once.get(label);
      if (other !== undefined)
        throw new UpdraftError("job-invalid", { file, key, expected: `${label} once`, got: `it after ${other}` });
      once.set(label, key);
    }
  }
  for (const [name, value] of Object.entries(job.constants)) {
    const slot = slotOf(names, contract, file, ["constants", name]);
    const key = keyOf(["constants", name]);
    const { expected } = slot.property;
    if (slot.property.name === contract.identity)
      throw new UpdraftError("job-invalid", {
        file,
        key,
        expected: "a column: each row names its own customer",
        got: "a constant",
      });
    if (!constantFits(contract, today, slot, value.trim()))
      throw new UpdraftError("job-invalid", { file, key, expected, got: gotOf(value.trim()) });
  }
}

function slotOf(names: Names, contract: Contract, file: string, [field, name]: readonly [string, string]) {
  const slot = names.accepted.get(normalise(name));
  if (slot !== undefined) return slot;
  if (contract.isIdentification(name)) {
    const expected = "a property that this endpoint can change";
    throw new UpdraftError("job-invalid", {
      file,
      key: keyOf([field, name]),
      expected,
      got: "an identification document",
    });
  }
  throw unknownKey(file, [field, name], knownNames(contract), names.nearest(name));
}
