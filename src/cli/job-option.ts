// `--job <name>` in; the job, its mapping under that of the flags, and what it says of settings, out.
import type { Command } from "commander";
import * as z from "zod";
import { type Given, loadLocalSettings } from "../config.ts";
import type { Watch } from "../plan/job.ts";
import type { MappingSettings } from "../plan/plan.ts";
import { given, mappingOf } from "./options.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ job: z.string().optional(), showChanges: z.boolean().default(false) });

/** What a run without one is named after. */
const NO_JOB = "default";

export interface Chosen {
  readonly job: string;
  readonly mapping: MappingSettings;
  /** For loadSettings. */
  readonly given: Given;
  readonly showChanges: boolean;
  /** The folders that the job watches. */
  readonly watch: Watch | null;
}

export function addJob(command: Command): Command {
  return command
    .option("--job <name>", "map columns, and set what no flag sets, as this job says (updraft jobs lists them)")
    .option(
      "--show-changes",
      "list in changes.csv, or changes.ndjson, what the job's transforms changed, with the values",
    );
}

/** Throws what is wrong with the flags, and `job-unknown` and others of the job's file. */
export async function choose(command: Command, shell: Shell): Promise<Chosen> {
  const { job: name, showChanges } = flags.parse(command.opts());
  const mapping = mappingOf(command);
  const said = given(command, shell);
  if (name === undefined) return { job: NO_JOB, mapping, given: said, showChanges, watch: null };
  const { findJob, mappingOfJob } = await import("../jobs.ts");
  const { job } = findJob(name, loadLocalSettings(said));
  return {
    job: name,
    mapping: { ...mapping, job: mappingOfJob(job) },
    given: { ...said, job: job.settings },
    showChanges,
    watch: job.watch,
  };
}

/** What the job of a run that is known says of settings; nothing where there was none. */
export async function givenOfRun(command: Command, shell: Shell, run: string): Promise<Given> {
  const said = given(command, shell);
  const settings = loadLocalSettings(said);
  const { jobOfRun } = await import("../jobs.ts");
  const job = jobOfRun(run, settings);
  return job === null ? said : { ...said, job: job.settings };
}
