// The code of a cause in; what a person does about its rows, in half a sentence, out.
import type { BadCode } from "../parse/row.ts";
import type { ProblemCode } from "../plan/problems.ts";
import type { ErrorGroup } from "./groups.ts";

/** Of the rows that were never sent. */
const REJECTED: Readonly<Record<BadCode | ProblemCode, string>> = {
  "header-again": "delete that line: the rows below it are read all the same",
  "column-count": "give the record as many cells as the header has; a cell that holds the delimiter needs quotes",
  "quote-in-field": "put the whole cell in quotes, and double each quote within it",
  "text-after-quote": "double the quotes within the cell, or take away what follows the closing one",
  "quote-not-closed": "close the quote where the cell ends",
  "not-a-record": "delete that line, or put its values into their columns",
  "second-table": "put it into a file of its own, with its header",
  "row-too-long": "look for a quote that was never closed, or split the record",
  "not-json": "write one whole JSON object on each line, or as each element of an array",
  "not-an-object": "write one JSON object on each line, or as each element of an array",
  "duplicate-key": "leave the key that counts, once",
  "too-deep": "check what wrote it: no property lies so deep",
  encoding: "write the text anew; if there are many, the whole file was saved in another encoding",
  calendar: "correct the date",
  choice: "use one of the values the endpoint takes",
  "duplicate-type": "leave one of each type",
  future: "correct the date: day and month may be turned round",
  "formula-error": "correct the formula that made it, and export the file anew",
  scientific: "format the column as text, and export the file anew",
  "zeros-lost": "format the column as text, or let a job's transform zip5() put them back",
  "date-turned": "export the column as YYYY-MM-DD",
  "double-encoded": "export the file once more as UTF-8, from where it still reads right",
  "given-twice": "leave one of the two places empty, or ignore one column (--ignore-column)",
  identification: "take the column out, or let it pass without being sent (--ignore-column)",
  missing: "fill it in: each row names its customer; of an address or a phone all parts are needed, or none",
  "nothing-to-update": "give at least one value, or delete the row",
  number: "write it as text, in quotes",
  pattern: "correct the value, or let a transform of a job bring it into its form",
  transform: "correct the value, or the transform of the job",
  repeated: "leave one row of the customer, or choose another way with --duplicates",
  superseded: "nothing, if the later row is the one that counts",
  type: "write it as the type that is expected",
  "unknown-property": "correct the name, or leave the property out",
};

/** Of the rows that were sent, or tried. */
const ANSWERED: Readonly<Record<string, string>> = {
  "retries-exhausted": "send them again when the endpoint is well: updraft retry",
  "no-definite-answer": "see what the endpoint has for these customers, then send again what is missing: updraft retry",
  stopped: "see what the endpoint has for these customers, then send again what is missing: updraft retry",
  redirect: "check the base URL: it has to be the endpoint itself",
  unauthorized: "check the login and its password",
  "http-404": "check the customer ids: the endpoint may not know them",
  "extCondor/C0900": "leave one of each type",
};

const BY_KEYWORD: Readonly<Record<string, string>> = {
  required: "fill it in",
  additionalProperties: "take the column out, or let it pass without being sent (--ignore-column)",
};

/** Null where nothing is known that would help. */
export function remedyOf({ status, code }: Pick<ErrorGroup, "status" | "code">): string | null {
  if (status === "rejected") return isRejection(code) ? REJECTED[code] : null;
  const known = ANSWERED[code];
  if (known !== undefined) return known;
  const keyword = /\/([a-z]\w*)$/.exec(code)?.[1];
  if (keyword !== undefined)
    return BY_KEYWORD[keyword] ?? "correct the value: the endpoint is stricter here than its contract";
  return /^http-5/.test(code) ? "send them again when the endpoint is well: updraft retry" : null;
}

function isRejection(code: string): code is keyof typeof REJECTED {
  return Object.hasOwn(REJECTED, code);
}
