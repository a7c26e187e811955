// `updraft check <file>`: a file in; the counts and the errors file a run would give before it sends anything, out.
import { resolve } from "node:path";
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { renderMapping } from "../write/mapping-table.ts";
import { addJob, choose } from "./job-option.ts";
import { addMapping, addSettings, JUDGING, READING } from "./options.ts";
import { printSummary, withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ out: z.string().min(1).optional(), json: z.boolean().default(false) });

const EXAMPLES = `
Examples:
  updraft check customers.csv
  updraft check customers.csv --rate 50/s           also how long a run would take
  updraft check customers.csv --out ./checked && updraft run customers.csv
  updraft check corrections.csv --job address-corrections --show-changes

It needs no endpoint, no credentials and no Redis.
Exit codes: 0 all rows are valid; 1 some are not; 2 the file cannot be used.`;

export function checkCommand(shell: Shell): Command {
  const command = new Command("check")
    .summary("read and validate a file, send nothing")
    .description(
      "Reads, maps and validates every row as a run would, sends nothing, and foretells what a run would take.",
    )
    .argument("<file>", "CSV, NDJSON or JSON, plain or packed (gzip, zstd, zip), or .xlsx; - for standard input")
    .option("--out <folder>", "where to write the errors file (default: a folder under checks/ in the data folder)")
    .option("--json", "print the summary as JSON on stdout, and nothing else");
  addMapping(command);
  addJob(command);
  addSettings(command, [
    ...(["dataDir", "jobs", "rate", "endpointRate", "duplicates"] as const),
    ...JUDGING,
    "excel",
    ...READING,
    ...(["logFile", "logLevel"] as const),
  ]);
  return command.addHelpText("after", EXAMPLES).action(async (file: string) => {
    const { out, json } = flags.parse(command.opts());
    const { job, mapping, given, showChanges } = await choose(command, shell);
    const settings = loadLocalSettings(given);
    shell.exitCode = await withSession(shell, settings, json, async ({ log, screen, stop }) => {
      const { checkFile } = await import("../check.ts");
      const { summary, columns, shapes } = await checkFile(
        {
          file,
          job,
          mapping,
          showChanges,
          out: out === undefined ? null : resolve(shell.cwd, out),
          settings,
        },
        { progress: screen.progress, notice: screen.notice, log },
        stop.soft,
      );
      screen.clear();
      if (!json) shell.stdout.write(`${renderMapping(columns, shapes)}\n`);
      return printSummary(shell, summary, json);
    });
  });
}
