// A row and how it ended in; its line of success.ndjson, errors.ndjson or unsent.ndjson out.
import { onOneLine } from "../parse/json-row.ts";
import type { ObjectRow, Row } from "../parse/row.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Explanation } from "./explain.ts";
import { isOurs, type Lines, type MarkableLine, summed, timestamps } from "./lines.ts";

/** Holds a line that could not be read. Survives being given back: dropping it would lose the only copy in the report. */
const RAW = "updraft_raw";

export function ndjsonLines(): Lines {
  const timestamp = timestamps();
  return {
    successHeader: "",
    errorsHeader: "",
    unsentHeader: "",
    success: (row, outcome, customerId) =>
      `{"updraft_row":${row.row},"updraft_line":${row.line},"customerId":${JSON.stringify(customerId)},` +
      `"updraft_status":"${outcome.status}","updraft_attempts":${outcome.attempts},"updraft_http":${outcome.http},` +
      `"updraft_at":"${timestamp(outcome.at)}"}\n`,
    error(row, outcome, explanations: readonly Explanation[]) {
      const { column, code, message } = summed(explanations);
      const text = row.kind === "bad" ? `${message}; ${whereRaw(row.raw, row.line)}` : message;
      const why = `"updraft_column":${JSON.stringify(column)},"updraft_code":${JSON.stringify(code)},`;
      return markable(row, outcome, why, text);
    },
    unsent: (row, outcome) => markable(row, outcome, "", ""),
  };
}

function markable(row: Row, { status, attempts }: Outcome, why: string, message: string): MarkableLine {
  const start = `"updraft_row":${row.row},"updraft_line":${row.line},"updraft_status":"${status}",${why}`;
  const end = `","updraft_attempts":${attempts}`;
  const text = withMembers(row, `${start}"updraft_message":${JSON.stringify(message).slice(0, -1)}${end}`);
  return { text, tail: end.length + "}\n".length };
}

/** The row's own text with members appended: parsing and writing it anew would change numbers (1.0, 1e400, 20 digits). */
function withMembers(row: Row, members: string): string {
  if (row.kind === "cells") throw new Error(`row ${row.row} has cells, but the file is NDJSON`);
  const own = row.kind === "bad" ? `"${RAW}":${JSON.stringify(row.raw)}` : ownMembers(row);
  return own === "" ? `{${members}}\n` : `{${own},${members}}\n`;
}

function ownMembers({ object, text }: ObjectRow): string {
  const ours = (name: string) => isOurs(name) && name !== RAW;
  const inside = onOneLine(text.slice(1, -1).trim());
  if (!Object.keys(object).some(ours)) return inside;
  return splitMembers(inside)
    .filter((member) => !ours(nameOf(member)))
    .join(",");
}

/** The text between an object's braces, split at its own commas (not those in strings or nested values). */
export function splitMembers(inside: string): string[] {
  const members: string[] = [];
  let start = 0;
  let depth = 0;
  // A string is skipped as one token; everything else that matters is a single character.
  for (const token of inside.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    const [text] = token;
    if (text === "{" || text === "[") depth += 1;
    else if (text === "}" || text === "]") depth -= 1;
    else if (text === "," && depth === 0) {
      members.push(inside.slice(start, token.index).trim());
      start = token.index + 1;
    }
  }
  members.push(inside.slice(start).trim());
  return members;
}

function nameOf(member: string): string {
  const [text = '""'] = /^"(?:[^"\\]|\\.)*"/.exec(member) ?? [];
  return String(JSON.parse(text));
}

function whereRaw(raw: string, line: number): string {
  return raw === ""
    ? `the line is too long to be repeated here: see line ${line} of the file`
    : `the line as it stands in the file is in ${RAW}`;
}
