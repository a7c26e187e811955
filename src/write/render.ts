// A summary in; the text a person reads at the end of a run out: counts, pace, causes, what to do, where the reports are.
import { basename } from "node:path";
import { shellWord } from "../plan/mapping.ts";
import { STATUSES, type Status } from "../settle/outcome.ts";
import type { StopRule } from "../settle/stop.ts";
import { printable } from "./explain.ts";
import type { ErrorGroup } from "./groups.ts";
import { remedyOf } from "./remedies.ts";
import type { Summary } from "./summary.ts";

const MEANINGS: Readonly<Record<Status, string>> = {
  updated: "",
  unchanged: "the same as last time, not sent",
  rejected: "invalid, never sent",
  failed: "refused by the endpoint, or given up: not applied",
  unknown: "may have been applied: no definite answer came",
  unsent: "the run ended before their turn",
};

/** What lets a run go on in spite of the rule that stopped it. */
const RAISING: Readonly<Record<StopRule, string>> = {
  "stop-after": "To go on in spite of such rows, give --stop-after a larger figure, or none.",
  "same-error": "To go on in spite of such rows, give --stop-after-same a larger figure, or none.",
  canary: "To send all rows at once, leave --canary out.",
  "give-up-after": "To wait longer for the endpoint, give --give-up-after a longer time.",
};

/** More are in summary.json; a screen holds these. */
const MOST_CAUSES = 10;

/** Lines of at most about 110 characters, no colours, ends with a line end. Holds no value of any row. */
export function renderSummary(summary: Summary): string {
  // Nothing is kept of a check that did not come to its end.
  if (summary.run === null && summary.state === "interrupted")
    return `${heading(summary).join("")}; there is no report of it: run the same command again\n`;
  const parts = [
    heading(summary),
    counts(summary),
    causes(summary),
    whyStopped(summary),
    pace(summary),
    foretold(summary),
    advice(summary),
    summary.about.map((note) => `Note: ${printable(note)}`),
    warned(summary),
    places(summary),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** 1234567 → "1,234,567". */
export function thousands(figure: number): string {
  return figure.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** "850 ms", "8.4 s", "2 min 05 s", "1 h 02 min". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (figure: number) => String(Math.floor(figure)).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`;
}

function heading({ file, run, retryOf, state, endpoint }: Summary): string[] {
  const name = printable(file.name);
  if (run === null) return [`${name}: ${state}, nothing was sent`];
  return [
    `${name}: ${state}${endpoint === null ? "" : `, sent to ${endpoint}`}`,
    `run ${run}${retryOf === null ? "" : `, a retry of ${retryOf}: the figures are those of both`}`,
  ];
}

function counts(summary: Summary): string[] {
  const { counts: by, read, state } = summary;
  const checked = state === "checked";
  const always: readonly Status[] = checked ? ["rejected"] : ["updated", "rejected", "failed", "unknown"];
  const shown = STATUSES.filter((status) => by[status] > 0 || always.includes(status));
  const rows = shown.map((status): [string, number, string] =>
    checked && status === "unsent"
      ? ["valid", by.unsent, "would be sent"]
      : [status, by[status], meaningOf(status, by)],
  );
  rows.push(["read", read, summary.balanced ? "" : "DOES NOT EQUAL THE SUM"]);
  const width = Math.max(...rows.map(([, figure]) => thousands(figure).length));
  return rows.map(([label, figure, note]) =>
    `  ${label.padEnd(9)}  ${thousands(figure).padStart(width)}  ${note}`.trimEnd(),
  );
}

function meaningOf(status: Status, by: Summary["counts"]): string {
  return by[status] === 0 ? "" : MEANINGS[status];
}

function whyStopped({ stopped }: Summary): string[] {
  if (stopped === null) return [];
  const byCode = Map.groupBy(stopped.rows, ({ code }) => code ?? "no outcome");
  const rows = [...byCode].map(([code, found]) => {
    const label = found.length === 1 ? "row" : "rows";
    return `  ${label} ${found.map(({ row }) => row).join(", ")} [${printable(code)}]`;
  });
  return ["Why it stopped", `  ${printable(stopped.message)}`, ...rows];
}

function pace({ durationMs, rowsPerSecond, requests, latencyMs }: Summary): string[] {
  const lines = [`  ${duration(durationMs)}, ${thousands(rowsPerSecond)} rows/s`];
  if (requests.sent > 0) {
    const retried = requests.retried === 0 ? "" : `, ${thousands(requests.retried)} of them retries`;
    lines.push(`  ${thousands(requests.sent)} requests${retried}`);
  }
  if (latencyMs) {
    const { p50, p95, p99, max } = latencyMs;
    lines.push(`  latency: half within ${ms(p50)}, 95 % ${ms(p95)}, 99 % ${ms(p99)}, longest ${ms(max)}`);
  }
  return lines;
}

function foretold({ forecast }: Summary): string[] {
  if (forecast === null) return [];
  const { calls, rejectedShare, rate, durationMs, finish } = forecast;
  const at = finish === null ? "" : `; begun now, it would be over at ${finish.slice(0, 19).replace("T", " ")} UTC`;
  return [
    "What a run would take",
    `  ${thousands(calls)} ${calls === 1 ? "call" : "calls"}; ${share(rejectedShare)} of the rows would be rejected`,
    rate === null || durationMs === null
      ? "  how long it takes is told with --rate"
      : `  at ${paceOf(rate)}: ${duration(durationMs)}${at}`,
  ];
}

function share(part: number): string {
  if (part === 0) return "none";
  if (part < 0.001) return "less than 0.1 %";
  return part < 1 && part > 0.999 ? "more than 99.9 %" : `${(part * 100).toFixed(1)} %`;
}

/** 50 → "50/s", 0.5 → "30/min". */
function paceOf(perSecond: number): string {
  const [figure, unit] =
    perSecond >= 1 ? [perSecond, "s"] : perSecond * 60 >= 1 ? [perSecond * 60, "min"] : [perSecond * 3_600, "h"];
  return `${figure.toLocaleString("en-US", { maximumSignificantDigits: 6 })}/${unit}`;
}

function ms(figure: number): string {
  return figure < 10 ? `${figure.toFixed(1)} ms` : `${thousands(figure)} ms`;
}

function causes({ errors }: Summary): string[] {
  if (errors.length === 0) return [];
  const shown = errors.slice(0, MOST_CAUSES);
  const width = Math.max(...shown.map(({ count }) => thousands(count).length));
  const lines = ["Why rows are in the errors file", ...shown.flatMap((group) => cause(group, width))];
  if (errors.length > shown.length) lines.push(`  and ${errors.length - shown.length} more causes, in summary.json`);
  return lines;
}

function cause(group: ErrorGroup, width: number): string[] {
  const { count, status, code, message, firstRows } = group;
  const examples = firstRows.map(({ row, line }) => `${row} (line ${line})`);
  const label = examples.length === 1 ? "row" : "rows";
  const more = count > examples.length ? ", …" : "";
  const indent = " ".repeat(width + 4);
  const remedy = remedyOf(group);
  return [
    `  ${thousands(count).padStart(width)}  ${status}: ${printable(message)} [${printable(code)}]`,
    `${indent}${label} ${examples.join(", ")}${more}`,
    ...(remedy === null ? [] : [`${indent}to do: ${remedy}`]),
  ];
}

function advice(summary: Summary): string[] {
  const { counts: by, state, run, reports, superseded, ambiguousUpdated, balanced } = summary;
  // A report tells by itself how it is written, so those flags are not needed.
  const words = [...(summary.job === null ? [] : ["--job", summary.job]), ...summary.flags];
  const again = (path: string) =>
    ["updraft run", ...[path, ...words].map((word) => shellWord(printable(word)))].join(" ");
  const steps: string[] = [];
  if (!balanced) steps.push("The counts do not add up to the rows read: do not trust this report, and report a bug.");
  if (state === "blocked") steps.push("Check CONNECTFI_LOGIN and CONNECTFI_PASSWORD for this endpoint.");
  if (state === "stopped" && by.failed + by.unknown > 0 && reports.errors !== null) {
    steps.push(`See what went wrong, and whether its cause is gone: ${printable(reports.errors)}`);
  }
  if (["blocked", "stopped", "interrupted", "running", "paused", "waiting"].includes(state)) {
    steps.push("Run the same command again: it goes on where it stopped.");
  }
  if (summary.stopped !== null) steps.push(RAISING[summary.stopped.rule]);
  if (state === "cancelled" && reports.unsent !== null) {
    steps.push(`To send the rest after all: ${again(reports.unsent)}`);
  }
  if (state === "checked" && by.unsent > 0) {
    const rows = by.unsent === 1 ? "the valid row" : `the ${thousands(by.unsent)} valid rows`;
    const others = by.rejected === 0 ? "" : "; the errors file holds only the others";
    steps.push(`Send ${rows}: updraft run, with the same file and flags${others}.`);
  }
  if (by.rejected + by.failed + by.unknown > 0 && reports.errors !== null) {
    steps.push(`Correct the rows in the errors file, then give it back: ${again(reports.errors)}`);
  }
  if (superseded > 0) {
    const rows = superseded === 1 ? "the 1 row" : `the ${thousands(superseded)} rows`;
    steps.push(`Leave out ${rows} of which the message says that a later row of the customer was updated.`);
  }
  if (by.failed + by.unknown > 0 && run !== null && (state === "complete" || state === "cancelled")) {
    const which =
      "Rows that failed or ended unknown can be sent again as they are, if the customer was not changed elsewhere";
    steps.push(`${which}: updraft retry ${run}`);
  }
  if (ambiguousUpdated > 0) {
    const rows = ambiguousUpdated === 1 ? "1 row was" : `${thousands(ambiguousUpdated)} rows were`;
    steps.push(`${rows} updated after an earlier request of the same row had got no answer.`);
  }
  return steps.length === 0 ? [] : ["What to do", ...steps.map((step) => `  - ${step}`)];
}

function warned({ warnings }: Summary): string[] {
  return warnings.map((warning) => `Warning: ${printable(warning)}`);
}

function places({ reports, run }: Summary): string[] {
  const paths = [reports.success, reports.errors, reports.unsent, reports.changes ?? null].filter(
    (path) => path !== null,
  );
  const names = [...paths.map((path) => basename(path)), ...(run === null ? [] : ["summary.json"])];
  return [`Reports in ${printable(reports.dir)}`, `  ${names.join(", ")}`];
}
