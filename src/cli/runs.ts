// `updraft runs`: a data folder and a Redis in; a line for every run that they know, newest first, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import type { UpdraftError } from "../errors.ts";
import type { KnownRun } from "../runs/list.ts";
import { STATUSES } from "../settle/outcome.ts";
import { printable } from "../write/explain.ts";
import { thousands } from "../write/render.ts";
import { addSettings, given } from "./options.ts";
import { type Shell, told } from "./shell.ts";

const flags = z.object({ json: z.boolean().default(false) });

/** These are shown only where some run has such rows. */
const RARE: readonly string[] = ["unchanged"];

const EXAMPLES = `
Living runs come from Redis, from whatever machine they are on; ended ones from the data folder. It needs no credentials
and no key, and starts no Redis.

States: running; paused (by a person, or until its window opens), waiting (for an endpoint that is out); blocked (credentials
refused), stopped (by a rule), interrupted: the same command goes on; complete, cancelled: over.`;

export function runsCommand(shell: Shell): Command {
  const command = new Command("runs")
    .summary("list runs with their state and counts")
    .description("Lists the runs of the data folder and those going on in the Redis, newest first.")
    .option("--json", "print the list as JSON on stdout, and nothing else");
  addSettings(command, ["dataDir", "redisUrl"]);
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const { json } = flags.parse(command.opts());
    const { knownRuns } = await import("../runs/list.ts");
    const settings = loadLocalSettings(given(command, shell));
    const { runs, trouble } = await knownRuns(settings);
    warn(shell, trouble);
    shell.stdout.write(json ? `${JSON.stringify(runs)}\n` : rendered(runs, settings.dataDir));
  });
}

/** What is shown is true without Redis, but not all. */
export function warn(shell: Shell, trouble: UpdraftError | null): void {
  if (trouble === null) return;
  shell.stderr.write(told(`runs that are going on are not shown: ${trouble.message}`, trouble.next));
}

function rendered(runs: readonly KnownRun[], dataDir: string): string {
  if (runs.length === 0) return `No runs yet in ${dataDir}: updraft run <file> starts one.\n`;
  const statuses = STATUSES.filter((status) => !RARE.includes(status) || runs.some((run) => run.counts?.[status]));
  const head = ["RUN", "STATE", "STARTED (UTC)", "READ", ...statuses.map((status) => status.toUpperCase()), "FILE"];
  const lines = runs.map(({ run, state, start, read, counts, file }) => [
    run,
    state,
    start === null ? "-" : utc(start),
    figure(read),
    ...statuses.map((status) => figure(counts?.[status] ?? null)),
    file === null ? "-" : printable(file),
  ]);
  return aligned([head, ...lines], 3, 3 + statuses.length);
}

/** 2026-01-31 12:00:05 */
export function utc(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

function figure(count: number | null): string {
  return count === null ? "-" : thousands(count);
}

/** Columns two spaces apart; those from `first` to `last` are figures. */
function aligned(rows: readonly (readonly string[])[], first: number, last: number): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const cell = (text: string, i: number) =>
    i >= first && i <= last ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
  return rows.map((row) => `${row.map(cell).join("  ").trimEnd()}\n`).join("");
}
