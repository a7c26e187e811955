// `updraft prune --older-than 30d`: an age in; finished runs and checks of that age removed, and what was freed, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import type { Pruned, PrunedRun } from "../runs/prune.ts";
import { AGE, parseAge } from "../settings/amounts.ts";
import { printable } from "../write/explain.ts";
import { addSettings, given } from "./options.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ olderThan: z.string(), dryRun: z.boolean().default(false) });

const EXAMPLES = `
Examples:
  updraft prune --older-than 30d --dry-run
  updraft prune --older-than 8w

It removes the folders of runs that ended complete or cancelled, and those of checks. Runs that are not over stay, whatever
their age. A file whose run was removed counts as one that was never run. To have it done after each run: --keep 30d.`;

export function pruneCommand(shell: Shell): Command {
  const command = new Command("prune")
    .summary("remove old runs and checks")
    .description("Removes the reports and ledgers of runs that ended longer ago, and the reports of checks.")
    .requiredOption("--older-than <time>", `ended longer ago than this: ${AGE}`)
    .option("--dry-run", "only tell what would be removed");
  addSettings(command, ["dataDir"]);
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const { olderThan: text, dryRun } = flags.parse(command.opts());
    const olderThan = parseAge(text.trim());
    if (olderThan === undefined)
      throw new UpdraftError("flag-invalid", { flag: "--older-than", expected: AGE, got: text.slice(0, 40) });
    const { dataDir } = loadLocalSettings(given(command, shell));
    const { prune } = await import("../runs/prune.ts");
    shell.stdout.write(rendered(await prune({ dataDir, olderThan, dryRun }, shell.clock), dryRun));
    shell.exitCode = EXIT.ok;
  });
}

function rendered({ runs, checks, bytes, unfinished, held, unreadable }: Pruned, dryRun: boolean): string {
  const what = `${counted(runs.length, "run")} and ${counted(checks, "check")}`;
  const lines = [
    dryRun ? `would remove ${what}, and free ${size(bytes)}` : `removed ${what}, freed ${size(bytes)}`,
    ...runs.map((run) => `  ${run.run}  ${told(run)}, ${size(run.bytes)}`),
    ...section("not over, so they stay; run the file again to go on, or end one for good with updraft cancel <run>:", [
      ...unfinished.map((run) => `${run.run}  ${told(run)}, ${size(run.bytes)}`),
    ]),
    ...section("in the hands of a process just now:", held),
    ...section("without a ledger that can be read; look at them, and remove them by hand:", [
      ...unreadable.map(({ run, why }) => `${run}  ${why}`),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [head, ...lines.map((line) => `  ${line}`)];
}

function told({ state, at, file }: PrunedRun): string {
  return `${state} ${at.slice(0, 10)}${file === null ? "" : `, ${printable(file)}`}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  const [unit, factor] = bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(bytes / Number(factor)).toFixed(1)} ${unit}`;
}
