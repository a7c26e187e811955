// `npm run bench`: flags in; every variant run in turn against one endpoint, the tables and bars of what was measured, out.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { CHANGED_EVERY, changedBars, measureChanged } from "./changed.ts";
import * as figures from "./figures.ts";
import { machine } from "./machine.ts";
import { startScript } from "./processes.ts";
import { writeRows } from "./rows.ts";
import { barTable, changedTable, memoryTable, speedTable, writeBetween } from "./table.ts";
import { type Measured, measure, VARIANTS, type Variant } from "./variants.ts";

const SLOW = { every: 100, slowMs: 3_000 };
/** Rows in which each of 64 slots gets one slow row: with whole waves of them, none is free while the last ones end. */
const WAVE = SLOW.every * 64;

const HELP = `Usage: npm run bench -- [flags]
  --rows <n>      rows of the file (100000; with --memory and --changed 1000000)
  --rounds <n>    runs of each variant, of which the median counts (3; with --memory 1)
  --only <list>   some of a, b1, b2, c, d, d0, check and e, which is (d) where 1 % of the rows take 3 s
  --waves <n>     slow rows of e per slot (5)
  --memory        only (d), with a tenth of the rows and with all of them: is its memory flat?
  --changed       only (d) with --changed-only: a file sent once, then with 1 % of its rows changed
  --strict        exit code 1 also if a bar is missed, not only if a row was left out
  --write <file>  put the tables into this Markdown file, between its markers
`;

const whole = z.coerce.number().int().min(1);
const { values } = parseArgs({
  options: {
    rows: { type: "string" },
    rounds: { type: "string" },
    only: { type: "string" },
    waves: { type: "string", default: "5" },
    memory: { type: "boolean", default: false },
    changed: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    write: { type: "string", multiple: true, default: [] },
    help: { type: "boolean", default: false },
  },
});
const { memory, changed, strict } = values;
const rows = whole.parse(values.rows ?? (memory || changed ? 1_000_000 : 100_000));
const rounds = whole.parse(values.rounds ?? (memory ? 1 : 3));
const only = z.array(z.enum([...VARIANTS, "e"])).parse(values.only?.split(",") ?? [...VARIANTS, "e"]);
const slowRows = WAVE * whole.parse(values.waves);

const folder = mkdtempSync(join(tmpdir(), "updraft-bench-"));
// What was started ends with this process, and its folder goes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

async function fileOf(count: number): Promise<string> {
  const file = join(folder, `${count}.csv`);
  await writeRows(file, count);
  return file;
}

async function withEndpoint<T>(args: readonly string[], use: (base: string) => Promise<T>): Promise<T> {
  const endpoint = startScript("endpoint.ts", args);
  try {
    return await use(await endpoint.says(/http:\/\/\S+/));
  } finally {
    await endpoint.stop();
  }
}

async function measured(variant: Variant, base: string, file: string, count: number): Promise<Measured> {
  // What the run before left to be written to the disk is not this one's.
  execFileSync("sync");
  const result = await measure(variant, { base, file, folder, rows: count });
  const wrong = figures.miscounted(variant, result);
  if (wrong !== null) throw new Error(wrong);
  const speed = figures.count(figures.rowsPerSecond(result));
  process.stderr.write(`(${variant}) ${figures.count(count)} rows: ${speed} rows/s\n`);
  return result;
}

/** With an endpoint of its own each time: which of its rows are slow depends on how many it had before. */
async function measuredSlow(variant: Variant, file: string): Promise<Measured> {
  const args = ["--slow", String(SLOW.every), String(SLOW.slowMs)];
  return withEndpoint(args, (base) => measured(variant, base, file, slowRows));
}

async function compareSpeeds(): Promise<{ markdown: string; bars: figures.Bar[] }> {
  const chosen = VARIANTS.filter((variant) => only.includes(variant));
  const runs = new Map<Variant, Measured[]>(chosen.map((variant) => [variant, []]));
  const slow = { a: [] as Measured[], d: [] as Measured[] };
  const file = await fileOf(rows);
  const slowFile = only.includes("e") ? await fileOf(slowRows) : null;
  await withEndpoint([], async (base) => {
    // The endpoint's code should be compiled before the first variant, too. The file is in memory: it was just written.
    await measure("a", { base, file, folder, rows: Math.min(rows, 20_000) });
    for (let round = 0; round < rounds; round += 1) {
      for (const [variant, done] of runs) done.push(await measured(variant, base, file, rows));
      if (slowFile === null) continue;
      slow.a.push(await measuredSlow("a", slowFile));
      slow.d.push(await measuredSlow("d", slowFile));
    }
  });
  const results = new Map([...runs].map(([variant, done]) => [variant, figures.summarize(done)]));
  const bars = figures.speedBars(results);
  let markdown = speedTable(results);
  if (slowFile !== null) {
    const allowed = figures.slotsAllow(SLOW);
    const [bare, own] = [figures.summarize(slow.a), figures.summarize(slow.d)];
    bars.push(figures.slowBar(allowed, own));
    markdown += `\n\n(e) 1 % of the rows take 3 s, ${figures.count(slowRows)} rows: 64 slots allow ${figures.count(allowed)} rows/s; (d) does ${figures.count(own.rowsPerSecond)}, (a) ${figures.count(bare.rowsPerSecond)}.`;
  }
  return { markdown, bars };
}

async function compareMemory(): Promise<{ markdown: string; bars: figures.Bar[] }> {
  const sizes: [number, figures.Figures][] = [];
  for (const size of [Math.ceil(rows / 10), rows]) {
    const file = await fileOf(size);
    const runs: Measured[] = [];
    await withEndpoint([], async (base) => {
      for (let round = 0; round < rounds; round += 1) runs.push(await measured("d", base, file, size));
    });
    sizes.push([size, figures.summarize(runs)]);
  }
  const [small, large] = sizes.map(([, figure]) => figure);
  if (!small || !large) throw new Error("two sizes were measured");
  return { markdown: memoryTable(sizes), bars: figures.memoryBars(small, large) };
}

async function compareChanged(): Promise<{ markdown: string; bars: figures.Bar[] }> {
  const tell = (run: Measured) => {
    const speed = figures.count(figures.rowsPerSecond(run));
    process.stderr.write(`${figures.count(run.sent)} of ${figures.count(rows)} rows sent: ${speed} rows/s\n`);
  };
  const { first, next } = await withEndpoint([], (base) => measureChanged(base, folder, rows, rounds, tell));
  const [all, some] = [figures.summarize([first]), figures.summarize(next)];
  const lines: [string, figures.Figures][] = [
    ["the first file, all sent", all],
    [`one row of ${CHANGED_EVERY} changed`, some],
  ];
  return { markdown: changedTable(lines), bars: changedBars(some) };
}

if (values.help) process.stdout.write(HELP);
else {
  const { markdown, bars } = await (memory ? compareMemory() : changed ? compareChanged() : compareSpeeds());
  const size = memory ? "" : `${figures.count(rows)} rows, median of ${rounds}; `;
  const all = [size + machine(), markdown, ...(bars.length > 0 ? [barTable(bars)] : [])].join("\n\n");
  for (const file of values.write)
    writeBetween(file, memory ? "bench memory" : changed ? "bench changed" : "bench", all);
  process.stdout.write(`${all}\n`);
  if (strict && bars.some((bar) => !bar.met)) process.exitCode = 1;
}
