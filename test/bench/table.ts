// Figures and bars in, Markdown out; and a file with markers in it that takes the Markdown.
import { readFileSync, writeFileSync } from "node:fs";
import { type Bar, count, type Figures, MB, type Results } from "./figures.ts";
import type { Variant } from "./variants.ts";

const LABELS: Readonly<Record<Variant, string>> = {
  a: "(a) bare undici loop",
  b1: "(b1) csv-parse, p-limit, fetch",
  b2: "(b2) csv-parse, p-limit, undici Pool",
  c: "(c) BullMQ, one job per row",
  d: "**(d) `updraft run`**",
  d0: "(d0) the same, nothing synced to disk",
  check: "`updraft check`",
};

export function speedTable(results: Results): string {
  const base = results.get("a")?.rowsPerSecond;
  const lines = [...results].map(([variant, of]) => {
    const ratio = base === undefined || variant === "check" ? "" : (of.rowsPerSecond / base).toFixed(2);
    const speed = `${count(of.rowsPerSecond)} (${count(of.slowest)}–${count(of.fastest)})`;
    return [LABELS[variant], speed, ratio, of.workSeconds.toFixed(2), of.wallSeconds.toFixed(2), ...costs(of)];
  });
  return tableOf(["", "rows/s (slowest–fastest)", "of (a)", "work s", "wall s", ...COSTS], lines);
}

export function memoryTable(sizes: readonly (readonly [rows: number, figures: Figures])[]): string {
  const lines = sizes.map(([rows, of]) => [count(rows), count(of.rowsPerSecond), ...costs(of)]);
  return tableOf(["rows", "rows/s", ...COSTS], lines);
}

export function changedTable(runs: readonly (readonly [name: string, figures: Figures])[]): string {
  const lines = runs.map(([name, of]) => {
    const speed = `${count(of.rowsPerSecond)} (${count(of.slowest)}–${count(of.fastest)})`;
    return [name, speed, of.workSeconds.toFixed(2), of.wallSeconds.toFixed(2), ...costs(of)];
  });
  return tableOf(["", "rows/s (slowest–fastest)", "work s", "wall s", ...COSTS], lines);
}

const COSTS = ["CPU s per 100k rows", "peak RSS, MB", "Redis peak, MB"];

function costs({ cpuPer100k, peaks, redisPeak }: Figures): string[] {
  const each = [...peaks].toSorted().map(([name, bytes]) => `${name} ${count(bytes / MB)}`);
  return [cpuPer100k.toFixed(1), each.join(", "), redisPeak === null ? "" : (redisPeak / MB).toFixed(1)];
}

export function barTable(bars: readonly Bar[]): string {
  const lines = bars.map(({ name, needed, reached, met }) => [name, needed, reached, met ? "pass" : "**missed**"]);
  return tableOf(["", "needed", "reached", ""], lines);
}

/** Padded as the formatter of this repository does, so that what is written into a README passes it. */
export function tableOf(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, at) => Math.max(3, ...[head, ...lines].map((cells) => cells[at]?.length ?? 0)));
  const rule = widths.map((width) => "-".repeat(width));
  const pad = (cells: readonly string[]) => widths.map((width, at) => (cells[at] ?? "").padEnd(width));
  return [pad(head), rule, ...lines.map(pad)].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Puts it between `<!-- name -->` and `<!-- /name -->`. Throws where the file has no such markers. */
export function writeBetween(file: string, name: string, markdown: string): void {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(file, "utf8");
  const from = text.indexOf(open);
  const to = text.indexOf(close);
  if (from < 0 || to < from) throw new Error(`${file} has no ${open} followed by ${close}`);
  writeFileSync(file, `${text.slice(0, from)}${open}\n\n${markdown}\n\n${text.slice(to)}`);
}
