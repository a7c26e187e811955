// A job's name, or a run that one was used for, in; the job as it is now, and the mapping that it gives, out.
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import { UpdraftError } from "./errors.ts";
import { type TriedExample, tryExamples } from "./plan/examples.ts";
import type { Job } from "./plan/job.ts";
import { type JobMapping, sketchDifferences, sketchJob } from "./plan/job-mapping.ts";
import { type Jobs, jobNamed, type LoadedJob, loadJobs } from "./plan/load-jobs.ts";
import type { MappingSettings } from "./plan/plan.ts";
import { type Origin, readOrigin } from "./settle/origin.ts";
import { peekLedger } from "./settle/peek.ts";
import { findRunByPrefix } from "./settle/run-folder.ts";

export interface JobSource {
  /** Null: `jobs` beside the program's `src`. */
  readonly jobs?: string | null;
}

const today = () => new Date(clock.wall()).toISOString().slice(0, 10);

/** Throws `jobs-folder`. */
export function knownJobs({ jobs: folder = null }: JobSource): Jobs {
  return loadJobs({ folder, contract, today: today() });
}

export interface TriedJob {
  readonly name: string;
  readonly file: string;
  readonly examples: readonly TriedExample[];
}

export function tryJobs({ jobs }: Jobs): readonly TriedJob[] {
  return jobs.map(({ job, file }) => ({ name: job.name, file, examples: tryExamples(job, contract, today()) }));
}

/** Throws `job-unknown` and what is wrong with its file. */
export function findJob(name: string, source: JobSource): LoadedJob {
  return jobNamed(knownJobs(source), name);
}

export function mappingOfJob({ name, columns, constants, transforms, ignoreColumns }: Job): JobMapping {
  return { name, columns, constants, transforms, ignoreColumns };
}

/** Null where the run had no job, or another process has it. Throws what findJob and findRunByPrefix do. */
export function jobOfRun(run: string, source: JobSource & { readonly dataDir: string }): Job | null {
  const { dir } = findRunByPrefix(source.dataDir, run);
  const origin = peekLedger(dir, readOrigin);
  return origin?.sketch === undefined ? null : findJob(origin.job, source).job;
}

/**
 * How the rows of a run are read again. Functions cannot be kept with a run: its job is loaded by its name, and has to be what it was.
 * Throws `job-differs`, and what findJob does.
 */
export function mappingOfRun(
  run: string,
  { job: name, mapping: given, sketch, dialect }: Origin,
  source: JobSource,
): MappingSettings {
  const mapping = dialect === undefined ? given : { ...given, dialect };
  if (sketch === undefined) return mapping;
  const { job, file } = findJob(name, source);
  const differences = sketchDifferences(sketch, sketchJob(job));
  if (differences.length > 0)
    throw new UpdraftError("job-differs", { job: name, run, what: differences.join(", "), file });
  return { ...mapping, job: mappingOfJob(job) };
}
