// `updraft status <run>`: a run's name in; all that is known of it, and what can be done with it, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import type { KnownRun } from "../runs/list.ts";
import { paceText } from "../settings/amounts.ts";
import { STATUSES } from "../settle/outcome.ts";
import { printable } from "../write/explain.ts";
import { thousands } from "../write/render.ts";
import { addSettings, given } from "./options.ts";
import { clockTime } from "./progress.ts";
import { utc, warn } from "./runs.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ json: z.boolean().default(false) });

const EXAMPLES = `
Examples:
  updraft status 1f0c
  updraft status 1f0c --json

<run> is the run's name, or as much of its beginning as no other run has. It needs no credentials and no key, and starts no
Redis.`;

export function statusCommand(shell: Shell): Command {
  const command = new Command("status")
    .summary("tell all that is known of a run")
    .description("Tells how far a run is, how fast it goes and what process goes on with it, or how it ended.")
    .argument("<run>", "name of the run, or the beginning of it")
    .option("--json", "print it as JSON on stdout, and nothing else");
  addSettings(command, ["dataDir", "redisUrl"]);
  return command.addHelpText("after", EXAMPLES).action(async (name: string) => {
    const { json } = flags.parse(command.opts());
    const { knownRun } = await import("../runs/list.ts");
    const { run, trouble } = await knownRun(loadLocalSettings(given(command, shell)), name);
    warn(shell, trouble);
    shell.stdout.write(json ? `${JSON.stringify(run)}\n` : rendered(run));
  });
}

function rendered(known: KnownRun): string {
  const { run, state, start, since, why, file, endpoint, dir } = known;
  const lines: [string, string | null][] = [
    ["run", run],
    ["state", since === null ? state : `${state} since ${utc(since)} UTC`],
    ["why", why],
    ["file", file === null ? null : printable(file)],
    ["endpoint", endpoint],
    ["started", start === null ? null : `${utc(start)} UTC`],
    ["rows", rowsOf(known)],
    ["outcomes", outcomesOf(known)],
    ["pace", paceOf(known)],
    ["process", known.live && `${known.live.pid} on ${known.live.host}`],
    ["folder", dir],
    ["next", next(known)],
  ];
  return lines.flatMap(([label, text]) => (text === null ? [] : [`${label.padEnd(9)} ${text}\n`])).join("");
}

function rowsOf({ read, live }: KnownRun): string | null {
  if (read === null) return null;
  return live === null ? `${thousands(read)} read` : `${thousands(read)} read of about ${thousands(live.total)}`;
}

function outcomesOf({ counts }: KnownRun): string | null {
  if (counts === null) return null;
  const told = STATUSES.filter((status) => counts[status] > 0).map(
    (status) => `${thousands(counts[status])} ${status}`,
  );
  return told.length === 0 ? "none yet" : told.join(", ");
}

function paceOf({ live }: KnownRun): string | null {
  if (live === null) return null;
  const left = live.secondsLeft === null ? "" : `, ${clockTime(live.secondsLeft)} left`;
  const rate = live.rate === null ? "" : `, rate ${paceText(live.rate)}`;
  return `${thousands(live.rowsPerSecond)} rows/s${rate}${left}, limit: ${live.limitedBy}`;
}

function next({ run, state, live }: KnownRun): string | null {
  if (live !== null && (state === "running" || state === "waiting"))
    return `updraft pause ${run}, updraft rate ${run} <pace>, updraft cancel ${run}`;
  if (live?.limitedBy === "window") return `it goes on by itself when its window opens; updraft cancel ${run}`;
  if (live !== null && state === "paused") return `updraft resume ${run}, updraft cancel ${run}`;
  if (live !== null || state === "running") return null;
  if (state === "interrupted" || state === "blocked" || state === "stopped")
    return `run the same command again: it goes on where it stopped; or: updraft cancel ${run}`;
  return null;
}
