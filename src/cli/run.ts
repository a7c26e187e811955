// `updraft run <file>`: a file and flags in; every row sent and answered for, a summary on stdout and an exit code, out.
import { Command } from "commander";
import * as z from "zod";
import { loadSettings } from "../config.ts";
import { confirm, confirmRest } from "./confirm.ts";
import { addJob, choose } from "./job-option.ts";
import { addMapping, addSettings, countOf, JUDGING, READING, SENDING } from "./options.ts";
import { printSummary, withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({
  limit: z.string().optional(),
  again: z.boolean().default(false),
  full: z.boolean().default(false),
  yes: z.boolean().default(false),
  json: z.boolean().default(false),
});

const EXAMPLES = `
Examples:
  updraft run customers.csv --rate 50/s
  updraft run customers.csv --limit 10              the first 10 valid rows, to try it out
  updraft run customers.csv --set countryCodeA3=USA --ignore-column Notes
  updraft run corrections.csv --job address-corrections
  zcat customers.csv.gz | updraft run - --yes --json > summary.json

A file that was stopped half way goes on where it stopped when the same command is run again.
Credentials come from CONNECTFI_LOGIN and CONNECTFI_PASSWORD, or CONNECTFI_LOGIN_FILE and CONNECTFI_PASSWORD_FILE.

Exit codes: 0 all rows updated; 1 some rows rejected, failed or unknown; 2 wrong usage; 3 stopped;
4 credentials refused; 5 Redis or disk failed; 130 interrupted.`;

export function runCommand(shell: Shell): Command {
  const command = new Command("run")
    .summary("send every row of a file and write a report")
    .description(
      "Sends every row of a CSV, NDJSON or JSON file to the endpoint and writes a report that answers for each.",
    )
    .argument("<file>", "CSV, NDJSON or JSON, plain or packed (gzip, zstd, zip), or .xlsx; - for standard input")
    .option("--limit <n>", "send only the first n valid rows")
    .option("--again", "apply a file again that was run to its end before")
    .option("--full", "send rows that have not changed, too, and note what is accepted for --changed-only")
    .option("--yes", "do not ask before sending")
    .option("--json", "print the summary as JSON on stdout, and nothing else");
  addMapping(command);
  addJob(command);
  addSettings(command, [...SENDING, ...JUDGING, ...READING, "keep"]);
  return command.addHelpText("after", EXAMPLES).action(async (file: string) => {
    const { limit: limitText, again, full, yes, json } = flags.parse(command.opts());
    const limit = countOf("--limit", limitText);
    const { job, mapping, given, showChanges } = await choose(command, shell);
    const settings = loadSettings(given);
    shell.exitCode = await withSession(shell, settings, json, async ({ log, screen, stop }) => {
      // Started before this process reads its own libraries: both take as long, and there are two cores.
      const worker = shell.spawnWorker(shell.clock, log, screen.notice);
      const { runFile } = await import("../pipeline.ts");
      const summary = await runFile(
        { file, job, mapping, settings, limit, again, full, showChanges },
        {
          confirm: (facts) => screen.ask(() => confirm(shell, facts, { limit, yes }, stop.soft)),
          confirmRest: (facts, signal) => screen.ask(() => confirmRest(shell, facts, yes, signal)),
          progress: screen.progress,
          notice: screen.notice,
          log,
          worker,
        },
        stop.soft,
      );
      screen.clear();
      return printSummary(shell, summary, json);
    });
  });
}
