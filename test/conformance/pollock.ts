// `npm run pollock -- <folder>`: the files of the Pollock benchmark in; how near `updraft rows` comes to what they hold, told how
// they are written and recognising it, as the scores of the paper, out.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import type { Told } from "../../src/parse/dialect.ts";
import { rowLines } from "../../src/rows.ts";
import { FAILED, MEASURES, type Measured, measure, scores } from "./measures.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

const HELP = `Usage: npm run pollock -- <folder> [flags]
  <folder>        a copy of the repository HPI-Information-Systems/Pollock, or its folder polluted_files
  --only <text>   only files with this in their name
  --worst <n>     list the n files of each reading that lose most (10)
  --command       start \`updraft rows\` for each file, not only the function it prints: half an hour
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    worst: { type: "string", default: "10" },
    command: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const parameters = z.object({
  delimiter: z.string(),
  quotechar: z.string(),
  escapechar: z.string(),
  header_lines: z.number(),
  preamble_lines: z.number(),
  footnote_lines: z.number(),
});

interface Loaded {
  readonly table: readonly (readonly string[])[];
  /** Without the records that are rejected, whose cells are shown all the same. */
  readonly sound: readonly (readonly string[])[];
}

async function main(folder: string): Promise<void> {
  const root = existsSync(join(folder, "polluted_files")) ? join(folder, "polluted_files") : folder;
  const weights = weightsBeside(root);
  const names = readdirSync(join(root, "csv")).filter(
    (name) => name.endsWith(".csv") && name.includes(values.only ?? ""),
  );
  const dataDir = mkdtempSync(join(tmpdir(), "updraft-pollock-"));
  try {
    console.log(
      `${names.length} files. A loaded record is a row's values, or the cells of a row that is rejected, as \`updraft rows\` shows them.\n`,
    );
    await report("told how each file is written", (name) =>
      toldOf(join(root, "parameters", `${name}_parameters.json`)),
    );
    await report("recognising it", () => ({}));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }

  async function report(title: string, told: (name: string) => Told): Promise<void> {
    const all: { name: string; measured: Measured }[] = [];
    const sound: { name: string; measured: Measured }[] = [];
    for (const name of names) {
      const clean = tableOf(join(root, "clean", name));
      const loaded = await load(join(root, "csv", name), told(name), dataDir).catch(() => null);
      all.push({ name, measured: loaded === null ? FAILED : measure(clean, loaded.table) });
      sound.push({ name, measured: loaded === null ? FAILED : measure(clean, loaded.sound) });
    }
    const weightOf = (name: string) => weights?.get(name) ?? 0;
    const { means, simple, weighted } = scores(all, weightOf);
    const strict = scores(sound, weightOf);
    const pair = (one: number, other: number) =>
      weights === null ? one.toFixed(3) : `${one.toFixed(3)} simple, ${other.toFixed(3)} weighted`;
    console.log(`${title}: ${pair(simple, weighted)}`);
    console.log(`  where rejected rows count as missing: ${pair(strict.simple, strict.weighted)}`);
    console.log(`  ${MEASURES.map((what, at) => `${what} ${means[at]?.toFixed(4)}`).join(", ")}`);
    const lost = all
      .map(({ name, measured }) => ({ name, loss: MEASURES.length - measured.reduce((sum, one) => sum + one, 0) }))
      .filter(({ loss }) => loss > 0)
      .sort((one, other) => other.loss - one.loss);
    console.log(`  lose nothing: ${names.length - lost.length}; lose something: ${lost.length}, of which most:`);
    for (const { name, loss } of lost.slice(0, Number(values.worst))) console.log(`    ${loss.toFixed(3)} ${name}`);
    console.log("");
  }
}

/** Through the function that the command prints. */
async function load(file: string, told: Told, dataDir: string): Promise<Loaded> {
  const lineShape = z.object({
    values: z.record(z.string(), z.string()).optional(),
    cells: z.array(z.string()).optional(),
    error: z.object({ code: z.string() }).optional(),
  });
  const headShape = z.object({
    dialect: z.object({ headerLines: z.number() }).nullable(),
    columns: z.array(z.string()),
  });
  let head: z.infer<typeof headShape> | null = null;
  const table: (readonly string[])[] = [];
  const sound: (readonly string[])[] = [];
  const lines = values.command
    ? byCommand(file, told, dataDir)
    : rowLines({ file, told, limit: null, settings: { dataDir } }, () => {});
  for await (const text of lines) {
    for (const line of text.split("\n").filter((one) => one !== "")) {
      if (head === null) {
        head = headShape.parse(JSON.parse(line));
        if ((head.dialect?.headerLines ?? 0) > 0) for (const list of [table, sound]) list.push(head.columns);
        continue;
      }
      const row = lineShape.parse(JSON.parse(line));
      if (row.values !== undefined) {
        const { values: found } = row;
        // In the order of the columns: an object puts names that are numbers first.
        const record = head.columns.map((column) => found[column] ?? "");
        for (const list of [table, sound]) list.push(record);
      } else if (row.cells !== undefined && row.error?.code !== "second-table") table.push(row.cells);
    }
  }
  return { table, sound };
}

async function* byCommand(file: string, told: Told, dataDir: string): AsyncGenerator<string, void, undefined> {
  const dialect = join(dataDir, "dialect.json");
  writeFileSync(dialect, JSON.stringify(told));
  const args = [MAIN, "rows", file, "--dialect", dialect, "--data-dir", dataDir];
  yield execFileSync(process.execPath, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** The benchmark's names for what ours call otherwise; it writes an absent character as an empty text. */
function toldOf(file: string): Told {
  const said = parameters.parse(JSON.parse(readFileSync(file, "utf8")));
  return {
    ...(said.delimiter === "" ? {} : { delimiter: said.delimiter }),
    quote: said.quotechar === "" ? null : said.quotechar,
    escape: said.escapechar === "" ? null : said.escapechar,
    headerLines: said.header_lines,
    preambleLines: said.preamble_lines,
    footnoteLines: said.footnote_lines,
  };
}

function tableOf(file: string): string[][] {
  return parse(readFileSync(file), { bom: true, skip_empty_lines: true, relax_column_count: true });
}

/** Null where they are not beside the files: they are part of the repository. */
function weightsBeside(root: string): ReadonlyMap<string, number> | null {
  const file = join(root, "..", "pollock_weights.json");
  if (!existsSync(file)) return null;
  return new Map(Object.entries(z.record(z.string(), z.number()).parse(JSON.parse(readFileSync(file, "utf8")))));
}

const [given] = positionals;

if (values.help) console.log(HELP);
else if (given === undefined) {
  console.log(`Skipped: the benchmark's files are not part of this project, as they name no licence.\n\n${HELP}`);
} else await main(given);
