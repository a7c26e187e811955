// `npm run bench:inbox`: flags in; files dropped at once by another process into a folder that `serve` watches, and how long it takes until each is applied, out.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import * as z from "zod";
import { startSimulator } from "../../src/endpoint/simulator.ts";
import { WAYS } from "./dropper.ts";
import { type Bar, MB } from "./figures.ts";
import { machine } from "./machine.ts";
import { start, startScript } from "./processes.ts";
import { barTable, writeBetween } from "./table.ts";

const HELP = `Usage: npm run bench:inbox -- [flags]
  --files <n>       files that are dropped (1000): ${WAYS.join(", ")} by turns
  --rows <n>        rows of each (20)
  --with <command>  serve or watch (serve)
  --settle <time>   how long a file must have stayed the same (1s)
  --strict          exit code 1 if a bar is missed
  --write <file>    put the table into this Markdown file, between its markers; repeatable
`;

const MOST_S = 180;
/** Of the process that watches: a list of files may not cost what the files do. */
const MOST_RSS_MB = 300;
const LOOK_MS = 100;

const whole = z.coerce.number().int().min(1);
const text = (fallback: string) => ({ type: "string", default: fallback }) as const;
const flag = { type: "boolean", default: false } as const;
const { values } = parseArgs({
  options: {
    ...{ files: text("1000"), rows: text("20"), settle: text("1s"), with: text("serve"), strict: flag, help: flag },
    write: { type: "string", multiple: true, default: [] as string[] },
  },
});
const command = z.enum(["serve", "watch"]);
const summary = z.object({ state: z.string(), read: z.number(), counts: z.object({ updated: z.number() }) });

/** The job is the same for both. */
async function bench(name: z.infer<typeof command>, files: number, rows: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "updraft-inbox-"));
  // What was started ends with this process, and its folder goes.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const at = (...names: string[]) => join(folder, ...names);
  const count = (name: string) => readdirSync(at(name)).filter((one) => !one.startsWith(".")).length;
  for (const one of ["inbox", "jobs"]) mkdirSync(at(one));
  const job = { name: "partner", watch: { inbox: "../inbox", settle: values.settle } };
  writeFileSync(at("jobs", "partner.ts"), `export default ${JSON.stringify(job)};\n`);
  const args = name === "serve" ? ["--listen", "127.0.0.1:0"] : ["--job", job.name];
  const simulator = await startSimulator();
  const watcher = start(
    process.execPath,
    [join(import.meta.dirname, "..", "..", "src", "cli", "main.ts"), name, "--jobs", at("jobs"), ...args],
    {
      ...{ CONNECTFI_BASE_URL: simulator.url, CONNECTFI_LOGIN: "simulator", CONNECTFI_PASSWORD: "simulator" },
      ...{ HOME: folder, UPDRAFT_DATA_DIR: at("data"), UPDRAFT_LOG_FILE: at("log"), UPDRAFT_LOG_LEVEL: "warn" },
    },
  );
  // Its folders are there when it has begun.
  while (!readdirSync(folder).includes("refused")) await setTimeout(LOOK_MS);
  const from = performance.now();
  const dropper = startScript("dropper.ts", [at("inbox"), String(files), String(rows)]);
  while (count("archive") + count("refused") < files) {
    await setTimeout(LOOK_MS);
    if (performance.now() - from > 4_000 * MOST_S)
      throw new Error(`${count("archive")} of ${files} files after ${4 * MOST_S} s`);
  }
  const seconds = (performance.now() - from) / 1_000;
  await dropper.end(0);
  await watcher.stop();
  const { costs } = await watcher.end(0);
  const { requests, customers } = simulator.stats();
  await simulator.stop();

  const outbox = readdirSync(at("outbox")).map((name) =>
    summary.parse(JSON.parse(readFileSync(at("outbox", name, "summary.json"), "utf8"))),
  );
  const half = outbox.filter(({ read }) => read !== rows).length;
  const applied = outbox.filter(({ state, counts }) => state === "complete" && counts.updated === rows).length;
  const rss = Math.max(...costs.filter(({ name }) => name === "main.ts").map(({ peakBytes }) => peakBytes)) / MB;
  const bars: Bar[] = [
    bar(`${files} files of ${rows} rows applied, s`, `≤ ${MOST_S}`, seconds.toFixed(1), seconds <= MOST_S),
    bar(
      "applied exactly once",
      String(files),
      String(applied),
      applied === files && outbox.length === files && count("refused") === 0,
    ),
    bar("taken before they were complete", "0", String(half), half === 0),
    bar(
      "customers updated, by as many requests",
      String(files * rows),
      `${customers}, ${requests}`,
      customers === files * rows && requests === customers,
    ),
    bar(`peak RSS of ${name}, MB`, `≤ ${MOST_RSS_MB}`, rss.toFixed(0), rss <= MOST_RSS_MB),
  ];
  const all = `${machine()}\n\n${barTable(bars)}`;
  for (const page of values.write) writeBetween(page, "bench inbox", all);
  process.stdout.write(`${all}\n`);
  if (values.strict && bars.some(({ met }) => !met)) process.exitCode = 1;
}

function bar(name: string, needed: string, reached: string, met: boolean): Bar {
  return { name, needed, reached, met };
}

if (values.help) process.stdout.write(HELP);
else await bench(command.parse(values.with), whole.parse(values.files), whole.parse(values.rows));
