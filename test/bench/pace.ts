// `npm run bench:pace`: flags in; the cases in turn, and a table of what the endpoint saw beside the bars, out.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import type { Bar } from "./figures.ts";
import { machine } from "./machine.ts";
import { CASES, measure } from "./pace-cases.ts";
import { writeRows } from "./rows.ts";
import { barTable, writeBetween } from "./table.ts";

const HELP = `Usage: npm run bench:pace -- [flags]
  --only <list>     some of ${CASES.join(", ")}
  --seconds <n>     how long rate and tokens send (30); an outage takes twice as long, each run of auto half as long
  --rates <list>    requests per second of rate (50,500,2000)
  --workers <list>  worker processes of rate, the run's own among them (1,4)
  --strict          exit code 1 if a bar is missed
  --write <file>    put the table into this Markdown file, between its markers; repeatable
`;

const whole = z.coerce.number().int().min(1);
const text = (fallback: string) => ({ type: "string", default: fallback }) as const;
const flag = { type: "boolean", default: false } as const;
const { values } = parseArgs({
  options: {
    ...{ only: text(CASES.join(",")), seconds: text("30"), rates: text("50,500,2000"), workers: text("1,4") },
    ...{ strict: flag, help: flag, write: { type: "string", multiple: true, default: [] as string[] } as const },
  },
});
const only = z.array(z.enum(CASES)).parse(values.only.split(","));
const seconds = whole.min(3).parse(values.seconds);
const rates = z.array(whole).parse(values.rates.split(","));
const workers = z.array(whole).parse(values.workers.split(","));

async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "updraft-pace-"));
  // What was started ends with this process, and its folder goes.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const file = async (rows: number, from = 0) => {
    const path = join(folder, `${rows}-from-${from}.csv`);
    await writeRows(path, rows, from);
    return path;
  };
  const bars: Bar[] = [];
  for (const one of CASES.filter((known) => only.includes(known))) {
    const found = await measure[one]({ folder, seconds, rates, workers, file });
    for (const { name, reached } of found) process.stderr.write(`${name}: ${reached}\n`);
    bars.push(...found);
  }
  const all = `${machine()}\n\n${barTable(bars)}`;
  for (const page of values.write) writeBetween(page, "bench pace", all);
  process.stdout.write(`${all}\n`);
  if (values.strict && bars.some(({ met }) => !met)) process.exitCode = 1;
}

if (values.help) process.stdout.write(HELP);
else await bench();
