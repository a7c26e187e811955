// What the contract's schema says of a body in; problems with code and sentence, free of values, out.
import type { z } from "zod";
import type { Contract } from "../endpoint/contract.ts";
import type { Draft } from "./draft.ts";
import type { Problem } from "./plan.ts";

/** Every code a row can be rejected with, beside the reader's (parse/row.ts). Reports keep them: they do not change. */
export const PROBLEM_CODES = {
  calendar: "a date that the calendar does not have",
  choice: "not one of the values the endpoint takes",
  "duplicate-type": "two addresses, or two phones, of the same type",
  future: "a date of birth after today",
  "formula-error": "an error value of a spreadsheet, such as #N/A (--strict)",
  "given-twice": "two places of the row, or the row and --set, give the same property",
  identification: "an identification document, which this endpoint cannot change",
  missing: "a required property, or a required part of an address or phone, is empty",
  "nothing-to-update": "nothing but the customer's id: the call would change nothing",
  number: "a JSON number that is not whole, not written in digits alone, or too large to be exact",
  pattern: "not written in the form the endpoint takes",
  transform: "a transform or function of the job could not make the value",
  scientific: "a long number that a spreadsheet shortened, such as 1.23457E+11 (--strict)",
  "zeros-lost": "a ZIP code that has lost its leading zeros (--strict)",
  "date-turned": "a date whose day and month are turned round (--strict)",
  "double-encoded": "text that was encoded twice (--strict-text)",
  repeated: "another row of the file has the same customer, and no such row is to be sent (--duplicates reject)",
  superseded:
    "a later row of the file has the same customer, and only the last one is to be sent (--duplicates last-wins)",
  type: "JSON of another type than the property has",
  "unknown-property": "a JSON property that the endpoint does not have",
} as const;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** The problem of one issue of the contract's schema. `today` as the schema was made with. */
export function problemOf(issue: z.core.$ZodIssue, draft: Draft, contract: Contract, today: string): Problem {
  const path = pointer(issue.path);
  const place = draft.place(issue.path);
  const name = String(issue.path.at(-1) ?? "");
  const value = valueAt(draft.body, issue.path);
  const code = codeOf(issue, value);
  const say = (message: string): Problem => ({ column: place.column, path, code, message });

  switch (code) {
    case "missing":
      return say(`missing${place.shared ? ` in ${place.entry}` : ""}${place.noColumn ? "; no column gives it" : ""}`);
    case "duplicate-type":
      return say(`expected one of each type, got a second ${String(value)}`);
    case "calendar":
      return say("expected a day that exists, got one that the calendar does not have");
    case "future":
      return say(`expected a day up to ${today}, got a later one`);
    default: {
      const where = place.shared ? ` in ${place.entry}` : "";
      const expected = expectedOf(contract, issue.path, name);
      // Five characters that are not five digits would otherwise read as if nothing were wrong.
      const digits = expected.includes("digits") && typeof value === "string" && /\D/.test(value);
      return say(`expected ${expected}${where}, got ${gotOf(value)}${digits ? ", not all of them digits" : ""}`);
    }
  }
}

/** What a value is like, without the value. */
export function gotOf(value: unknown): string {
  if (typeof value === "string") return value.length === 1 ? "1 character" : `${[...value].length} characters`;
  if (Number.isSafeInteger(value)) return "a number";
  if (value === Number.POSITIVE_INFINITY) return "a number that is not written in digits alone";
  if (typeof value === "number")
    return Number.isInteger(value) ? "a number too large to be exact" : "a number that is not whole";
  if (typeof value === "boolean") return "true or false";
  if (Array.isArray(value)) return "a list";
  return value === null || value === undefined ? "nothing" : "an object";
}

/** A JSON pointer (RFC 6901). */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function codeOf(issue: z.core.$ZodIssue, value: unknown): ProblemCode {
  if (issue.code === "custom") {
    const code: unknown = issue.params?.code;
    if (isCode(code)) return code;
  }
  if (value === undefined || value === "") return "missing";
  if (typeof value === "number") return "number";
  if (typeof value !== "string") return "type";
  return issue.code === "invalid_value" ? "choice" : issue.code === "invalid_type" ? "type" : "pattern";
}

function isCode(code: unknown): code is ProblemCode {
  return typeof code === "string" && Object.hasOwn(PROBLEM_CODES, code);
}

function expectedOf(contract: Contract, path: readonly PropertyKey[], name: string): string {
  const group = contract.groups.find((one) => one.name === path[0]);
  if (group === undefined) return contract.properties.find((one) => one.name === name)?.expected ?? "text";
  if (path.length === 1) return `a list of ${group.name}`;
  if (name === "type") return group.types.join(" or ");
  return group.parts.find((one) => one.name === name)?.expected ?? "text";
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}
