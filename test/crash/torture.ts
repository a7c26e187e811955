// `npm run torture`: flags in; trials of each kind, side by side, a line for each and a table at the end, out. Exit code 1 at a violation.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { writeBetween } from "../bench/table.ts";
import { runTrials } from "./jobs.ts";
import { KINDS, planTrial } from "./plan.ts";
import { lineOf, resultTable, summarize } from "./table.ts";
import type { Result } from "./trial.ts";

const HELP = `Usage: npm run torture -- [flags]
  --kind <kind>    ${KINDS.join(", ")}; several with commas; all (the default)
  --trials <n>     trials of each kind (2)
  --seed <n>       seed of the first one, the next ones count on (1)
  --jobs <n>       trials side by side (2)
  --workers <n>    worker processes, the run's own among them (4)
  --rows <n>       rows of the file, a tenth as many customers (10000)
  --timeout <ms>   how long a request may take, and how long its quiet period is (700)
  --json           the results as one JSON object on stdout, the lines on stderr
  --write <file>   put the table into this Markdown file, between its markers; repeatable
`;

const whole = z.coerce.number().int();
const flags = z.object({
  kind: z
    .string()
    .transform((text) => (text === "all" ? [...KINDS] : text.split(",")))
    .pipe(z.array(z.enum(KINDS))),
  trials: whole.min(1),
  seed: whole.min(0).max(2 ** 31),
  jobs: whole.min(1).max(32),
  workers: whole.min(2).max(32),
  rows: whole.min(100).max(1_000_000),
  timeout: whole.min(100).max(60_000),
  json: z.boolean(),
  write: z.array(z.string()),
  help: z.boolean(),
});
const text = (fallback: string) => ({ type: "string", default: fallback }) as const;
const flag = { type: "boolean", default: false } as const;
const options = {
  ...{
    kind: text("all"),
    trials: text("2"),
    seed: text("1"),
    jobs: text("2"),
    workers: text("4"),
    rows: text("10000"),
    timeout: text("700"),
  },
  ...{ json: flag, help: flag, write: { type: "string", multiple: true, default: [] as string[] } as const },
};
const { kind, trials, seed, jobs, workers, rows, timeout, json, write, help } = flags.parse(
  parseArgs({ options }).values,
);

async function torture(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "updraft-torture-"));
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const scale = { workers, rows, timeout, customers: Math.max(1, Math.round(rows / 10)) };
  // Kinds in turn: those that wait and those that work are side by side.
  const plans = Array.from({ length: trials }, (_, i) => kind.map((one) => planTrial(one, seed + i, scale))).flat();
  const results: Result[] = [];
  const from = performance.now();
  await runTrials(plans, jobs, folder, stop.signal, (result, isVoid) => {
    if (!isVoid) results.push(result);
    (json ? process.stderr : process.stdout).write(`${lineOf(result, isVoid)}\n`);
  });
  const figures = summarize(results);
  const table = resultTable(figures);
  const minutes = ((performance.now() - from) / 60_000).toFixed(1);
  const last = `${results.length} trials, ${jobs} side by side, seeds from ${seed}, in ${minutes} minutes`;
  process.stdout.write(json ? `${JSON.stringify({ figures, results })}\n` : `\n${table}\n\n${last}\n`);
  for (const page of write) writeBetween(page, "torture", `${table}\n\n${last}`);
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
  else process.stderr.write(`what was found is kept in ${folder}\n`);
  if (results.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
  if (stop.signal.aborted) process.exitCode = 130;
}

if (help) process.stdout.write(HELP);
else await torture();
