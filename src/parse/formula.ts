// The text of a cell in; the same text such that no spreadsheet computes it, out; and back, exactly.

/** What a spreadsheet takes for the start of a formula, or passes over on its way to one; behind marks of ours, so that they can be told from a cell's own. */
const RUNS = /^'*[=+\-@\t\r]/;
const GUARDED = /^'+[=+\-@\t\r]/;

/** An apostrophe is put before a text that starts with `=`, `+`, `-`, `@`, a tab or a CR, or already with apostrophes and one of these. */
export function guarded(text: string): string {
  return RUNS.test(text) ? `'${text}` : text;
}

/** The inverse of `guarded`. A text without such a mark is given back as it is. */
export function unguarded(text: string): string {
  return GUARDED.test(text) ? text.slice(1) : text;
}

/** Whether a header is that of one of our reports, in which cells are guarded. */
export function isReport(header: readonly string[]): boolean {
  return header.includes("updraft_row");
}
