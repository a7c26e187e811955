// `updraft jobs`: a folder in; a line for each of its jobs with what it would do next, or with `check` whether its examples hold and its folders are there, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import type { TriedJob } from "../jobs.ts";
import type { Job } from "../plan/job.ts";
import { nextTime } from "../plan/job-times.ts";
import type { Jobs } from "../plan/load-jobs.ts";
import { printable } from "../write/explain.ts";
import { addSettings, given } from "./options.ts";
import { type Shell, told } from "./shell.ts";

const flags = z.object({ json: z.boolean().default(false) });

const EXAMPLES = `
Examples:
  updraft jobs
  updraft jobs check                     loads and checks all of them, tries their examples, and looks at watched folders
  updraft jobs --jobs /etc/updraft/jobs

A job is a file of TypeScript in that folder; the README shows one under "Jobs". It sends nothing, makes
nothing, and needs no credentials. Whether folders can be written to is said for the user who asks: ask as the one who serves.
Exit codes: 0 all is well; 2 a job file is wrong, an example is not what its job makes of it, or a folder cannot be used.`;

export function jobsCommand(shell: Shell): Command {
  const command = new Command("jobs")
    .summary("list jobs with what each would do next, or check them")
    .description(
      "Lists the jobs of a folder with what each would do next; with check, loads them, tries their examples, and looks at the folders that they watch.",
    )
    .argument("[check]", "check: load all of them, try their examples, look at the folders that they watch")
    .option("--json", "print the result as JSON on stdout, and nothing else");
  addSettings(command, ["jobs"]);
  return command.addHelpText("after", EXAMPLES).action(async (what: string | undefined) => {
    if (what !== undefined && what !== "check")
      throw new UpdraftError("flag-invalid", {
        flag: "[check]",
        expected: "check, or nothing",
        got: what.slice(0, 40),
      });
    const { json } = flags.parse(command.opts());
    const { knownJobs, tryJobs } = await import("../jobs.ts");
    const known = knownJobs(loadLocalSettings(given(command, shell)));
    const tried = what === "check" ? tryJobs(known) : null;
    const unfit = what === "check" ? await unfitFolders(known) : [];
    const jobs = { ...known, errors: [...known.errors, ...unfit] };
    const listed = jobs.jobs.map(({ job, file }) => ({ name: job.name, file, next: nextOf(job, shell.clock.wall()) }));
    if (json) {
      const errors = jobs.errors.map(({ code, message, next }) => ({ code, message, next }));
      shell.stdout.write(`${JSON.stringify({ folder: jobs.folder, jobs: tried ?? listed, errors })}\n`);
    } else {
      shell.stdout.write(tried === null ? table(listed, jobs) : verdict(tried, jobs));
      for (const { message, next } of jobs.errors) shell.stderr.write(told(message, next));
    }
    const wrong = tried?.some(({ examples }) => examples.some(({ differences }) => differences.length > 0)) === true;
    shell.exitCode = wrong || jobs.errors.length > 0 ? EXIT.usage : EXIT.ok;
  });
}

/** `job-watch-folder`, for each job whose folders files cannot go through. */
async function unfitFolders({ jobs }: Jobs): Promise<UpdraftError[]> {
  const { lookAtFolders, ofJob } = await import("../daemon/look-folders.ts");
  const looked = jobs.map(async ({ job }): Promise<UpdraftError[]> => {
    try {
      if (job.watch !== null) await ofJob(job.name, lookAtFolders(job.watch));
      return [];
    } catch (error) {
      if (error instanceof UpdraftError) return [error];
      throw error;
    }
  });
  return (await Promise.all(looked)).flat();
}

/** What starts it: each in a phrase. */
function nextOf({ name, watch, schedule }: Job, now: number): string {
  const next: string[] = [];
  if (watch !== null) next.push(`watches ${watch.inbox}`);
  if (schedule !== null) next.push(`runs ${timeOf(schedule.cron, schedule.timeZone, now)}, ${inputOf(schedule.input)}`);
  return next.join("; ") || `by hand: updraft run <file> --job ${name}`;
}

/** `2026-11-28 02:00 America/New_York`: by the clock that the job names. */
function timeOf(cron: string, timeZone: string, now: number): string {
  const next = nextTime(cron, timeZone, now);
  if (next === null) return "never again";
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" } as const;
  // Sweden writes dates as ISO 8601 does.
  return `${new Intl.DateTimeFormat("sv-SE", { ...parts, timeZone }).format(next)} ${timeZone}`;
}

function inputOf(input: NonNullable<Job["schedule"]>["input"]): string {
  if ("glob" in input) return `${input.pick} of ${input.glob}`;
  return `${input.file}, made by ${input.command[0] ?? ""}`;
}

function table(listed: readonly { name: string; file: string; next: string }[], { folder, errors }: Jobs): string {
  if (listed.length === 0) return errors.length > 0 ? "" : `No jobs in ${folder}: the README shows one under "Jobs".\n`;
  const rows = [["NAME", "FILE", "NEXT"], ...listed.map(({ name, file, next }) => [name, file, next].map(printable))];
  const widths = [0, 1].map((index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function verdict(tried: readonly TriedJob[], jobs: Jobs): string {
  if (tried.length === 0) return table([], jobs);
  return tried
    .flatMap(({ name, file, examples }) => {
      const wrong = examples.filter(({ differences }) => differences.length > 0);
      const count = examples.length === 1 ? "1 example" : `${examples.length} examples`;
      const good = examples.length === 0 ? "loads; it has no examples" : `${count}, as expected`;
      const state = wrong.length === 0 ? good : `${wrong.length} of ${count} not as expected`;
      const lines = wrong.flatMap(({ number, differences }) =>
        differences.map((line) => `  example ${number}: ${printable(line)}`),
      );
      return [`${name} (${printable(file)}): ${state}`, ...lines];
    })
    .map((line) => `${line}\n`)
    .join("");
}
