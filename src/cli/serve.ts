// `updraft serve`: the jobs that have a schedule or a watched folder in; each of their runs made, until it is told to stop, out.
import { Command } from "commander";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { type Environment, loadLocalSettings, loadSettings } from "../config.ts";
import { UpdraftError } from "../errors.ts";
import type { Jobs } from "../plan/load-jobs.ts";
import { SETTINGS } from "../settings/settings.ts";
import { addSettings, collect, given } from "./options.ts";
import { withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ only: z.array(z.string()).default([]) });

const EXAMPLES = `
Examples:
  updraft serve
  updraft serve --only nightly-sync,partner-upload
  updraft serve --listen 127.0.0.1:9465 --parallel-runs 2

SIGTERM or Ctrl-C: requests in flight end, and what is unfinished goes on at the next start; it takes 30 seconds at most.
Another Ctrl-C stops at once. What limits a job's runs stands in the job: updraft jobs lists all of them.`;

export function serveCommand(shell: Shell): Command {
  const command = new Command("serve")
    .summary("run jobs when they are due, unattended")
    .description("Runs all jobs that have a schedule or a watched folder, in one process, until it is stopped.")
    .option("--only <jobs>", "serve these jobs only: names with commas between them; repeatable", collect);
  addSettings(command, ["dataDir", "jobs", "redisUrl", "parallelRuns", "listen", "logFile", "logLevel"]);
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const said = given(command, shell);
    const settings = loadLocalSettings(said);
    const only = flags.parse(command.opts()).only.flatMap((names) => names.split(",").map((name) => name.trim()));
    await withSession(shell, settings, false, async ({ log, screen, stop }) => {
      const { serve } = await import("../daemon/serve.ts");
      const { condor: contract } = await import("../endpoint/condor.ts");
      const { allOf, jobsNamed, loadJobs } = await import("../plan/load-jobs.ts");
      const found = loadJobs({ folder: settings.jobs, contract, today: today(shell.clock) });
      const wanted = only.length > 0 ? jobsNamed(found, only) : allOf(found);
      const jobs = wanted.flatMap(({ job }) => {
        const { schedule, watch } = job;
        if (schedule === null && watch === null) return [];
        const own = loadSettings({ ...said, job: job.settings });
        return [
          { request: { job: job.name, mapping: { set: {}, ignoreColumns: [], job }, settings: own }, schedule, watch },
        ];
      });
      if (jobs.length === 0) throw new UpdraftError("serve-nothing", { what: whyNothing(found, only) });
      const { clock, spawnWorker } = shell;
      const { notice } = screen;
      const secrets = jobs.map(({ request }) => request.settings.notifySecret);
      await serve(
        { jobs, settings, env: withoutOurs(shell.env, secrets) },
        { clock, spawnWorker, log, notice },
        stop.soft,
      );
    });
  });
}

function whyNothing({ folder, jobs }: Jobs, only: readonly string[]): string {
  if (only.length > 0) return `${only.join(", ")} has neither a watch nor a schedule`;
  return jobs.length === 0 ? `${folder} has no job` : `no job in ${folder} has a watch or a schedule`;
}

function today(clock: Clock): string {
  return new Date(clock.wall()).toISOString().slice(0, 10);
}

/** The environment of commands that jobs name: our password is none of their business, nor is what notices are signed with. */
function withoutOurs(env: Environment, secrets: readonly (string | null)[]): Environment {
  const ours = new Set(SETTINGS.flatMap((setting) => [setting.env, `${setting.env}_FILE`]));
  const mayHave = ([name, value]: [string, string | undefined]) => !ours.has(name) && !secrets.includes(value ?? "");
  return Object.fromEntries(Object.entries(env).filter(mayHave));
}
