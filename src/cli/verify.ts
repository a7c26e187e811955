// `updraft verify <run>`: a run of the data folder in; whether ledger, reports and file agree, and where they differ, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { Difference, Verdict } from "../write/verify.ts";
import { addSettings, given } from "./options.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ file: z.string().min(1).optional(), json: z.boolean().default(false) });

const EXAMPLES = `
Examples:
  updraft verify 1f0c
  updraft verify 1f0c --file /archive/customers.csv.gz

<run> is the run's name, or as much of its beginning as no other run has. It needs no Redis, no credentials and no key.
Exit codes: 0 all of it agrees; 1 it differs; 2 no such run, or it is going on; 5 its ledger is damaged.`;

export function verifyCommand(shell: Shell): Command {
  const command = new Command("verify")
    .summary("recount a run: ledger, reports and file against each other")
    .description("Counts again what a run left behind: its ledger, its reports and the file against each other.")
    .argument("<run>", "name of the run, or the beginning of it")
    .option("--file <path>", "where the run's file is now, if it was moved, renamed or compressed")
    .option("--json", "print the verdict as JSON on stdout, and nothing else");
  addSettings(command, ["dataDir", "jobs"]);
  return command.addHelpText("after", EXAMPLES).action(async (run: string) => {
    const { file = null, json } = flags.parse(command.opts());
    const settings = loadLocalSettings(given(command, shell));
    const { verify } = await import("../runs/inspect.ts");
    const verdict = await verify({ run, file, settings });
    shell.stdout.write(json ? `${JSON.stringify(verdict)}\n` : rendered(verdict));
    shell.exitCode = verdict.agrees ? EXIT.ok : EXIT.rowsFailed;
  });
}

function rendered(verdict: Verdict & { readonly file: string | null }): string {
  const { run, state, ended, rows, counts, reports, differences, differing, file } = verdict;
  const figure = (n: number) => n.toLocaleString("en-US");
  const outcomes = Object.entries(counts).filter(([status, n]) => n > 0 && status !== "unsent");
  const told = outcomes.map(([status, n]) => `${figure(n)} ${status}`).join(", ");
  const lines = [
    `run ${run}: ${state}${ended ? "" : ", not over: what is there was compared"}`,
    `  file:     ${rows === null ? missing(file) : `${figure(rows)} rows`}`,
    `  ledger:   ${told || "no outcomes"}${counts.unsent > 0 ? `; ${figure(counts.unsent)} unsent` : ""}`,
    `  reports:  ${
      Object.entries(reports)
        .map(([name, n]) => `${figure(n)} in ${name}`)
        .join(", ") || "none"
    }`,
    ...(differing === 0
      ? ["They agree."]
      : [`They differ in ${figure(differing)} ${differing === 1 ? "place" : "places"}:`, ...differences.map(place)]),
    ...(differing > differences.length ? [`  and ${figure(differing - differences.length)} more`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function missing(file: string | null): string {
  return file === null
    ? "not compared: it came from standard input; --file names a copy"
    : "not compared: it is another file";
}

function place({ where, row, line, expected, got }: Difference): string {
  const at = row === null ? "" : `, row ${row}${line === null ? "" : ` (line ${line})`}`;
  return `  ${where}${at}: expected ${expected}, got ${got}`;
}
