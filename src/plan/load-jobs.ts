// A folder in; the jobs that its files define, each checked, or what is wrong with them, out.
import { readdirSync, realpathSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Contract } from "../endpoint/contract.ts";
import { type ErrorFields, UpdraftError } from "../errors.ts";
import { checkJob } from "./check-job.ts";
import type { Job } from "./job.ts";
import { printable } from "./mapping.ts";
import { nearest, normalise } from "./nearest.ts";

export interface LoadedJob {
  readonly job: Job;
  /** Absolute. */
  readonly file: string;
}

export interface Jobs {
  readonly folder: string;
  /** By name. Those of broken files are missing. */
  readonly jobs: readonly LoadedJob[];
  /** In the order of the files, then what is wrong between them. */
  readonly errors: readonly UpdraftError[];
}

export interface JobsRequest {
  /** Null: `jobs` beside the program's `src`. */
  readonly folder: string | null;
  readonly contract: Contract;
  /** YYYY-MM-DD: the last day that a date of birth may name. */
  readonly today: string;
}

/** What job files can import, wherever they are. */
const MODULES: Readonly<Record<string, string>> = { updraft: "job", "updraft/transforms": "transforms" };
const EXTENSION = extname(import.meta.filename);
const require = createRequire(import.meta.url);

/** Throws `jobs-folder` alone; a folder that was not named may be missing. */
export function loadJobs({ folder: named, contract, today }: JobsRequest): Jobs {
  const folder = named ?? join(import.meta.dirname, "..", "..", "jobs");
  const loaded: LoadedJob[] = [];
  const errors: UpdraftError[] = [];
  for (const name of filesIn(folder, named === null)) {
    const file = join(folder, name);
    try {
      loaded.push({ file, job: checkJob(exported(file), file, contract, today) });
    } catch (error) {
      if (!(error instanceof UpdraftError)) throw error;
      errors.push(error);
    }
  }
  const jobs = loaded.toSorted((a, b) => (a.job.name < b.job.name ? -1 : 1));
  return { folder, jobs, errors: [...errors, ...nameErrors(jobs), ...folderErrors(jobs)] };
}

/** Throws the first error that there is. */
export function allOf({ jobs, errors: [error] }: Jobs): readonly LoadedJob[] {
  if (error !== undefined) throw error;
  return jobs;
}

/** Each once. Throws what jobNamed does, and what is wrong between them. */
export function jobsNamed(jobs: Jobs, names: readonly string[]): readonly LoadedJob[] {
  const found = [...new Set(names)].map((name) => jobNamed(jobs, name));
  const [error] = folderErrors(found);
  if (error !== undefined) throw error;
  return found;
}

/** Another job's file that is broken is no reason not to run this one, unless it may define it too. */
export function jobNamed({ folder, jobs, errors }: Jobs, name: string): LoadedJob {
  const concerns = errors.find(({ code, fields }) => code === "job-name-twice" && fields.job === name);
  if (concerns !== undefined) throw concerns;
  const found = jobs.find(({ job }) => job.name === name);
  if (found !== undefined) return found;
  const [broken] = errors;
  if (broken !== undefined) throw broken;
  const meant = nearest(name, new Map(jobs.map(({ job }) => [normalise(job.name), job.name])));
  const hint = meant === null ? "" : ` (did you mean ${meant}?)`;
  throw new UpdraftError("job-unknown", { folder, job: printable(name), hint });
}

/** Folders in it hold what job files share. */
function filesIn(folder: string, mayMiss: boolean): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory() && /^[^.].*(?<!\.d|\.test)\.ts$/.test(entry.name));
    return files.map(({ name }) => name).toSorted();
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    if (mayMiss && reason === "ENOENT") return [];
    throw new UpdraftError("jobs-folder", { folder, reason });
  }
}

const EXPORT = "expected export default defineJob({…})";

/** Throws `job-file-broken`. A file that ended the process would end it with code 0, and nothing done. */
function exported(file: string): unknown {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const own = MODULES[specifier];
      if (own === undefined) return next(specifier, context);
      return { url: pathToFileURL(join(import.meta.dirname, own + EXTENSION)).href, shortCircuit: true };
    },
  });
  const { exit } = process;
  process.exit = () => {
    throw new Error("it calls process.exit()");
  };
  try {
    // It gives modules as import() does, but at once: one file after the other, whoever's loader this program runs under.
    const loaded: unknown = require(file);
    if (typeof loaded === "object" && loaded !== null && "default" in loaded) {
      if (loaded.default instanceof Promise) throw new Error(`its default export is a promise: ${EXPORT}`);
      return loaded.default;
    }
  } catch (error) {
    throw new UpdraftError("job-file-broken", { file, reason: reasonOf(error, file) }, { cause: error });
  } finally {
    process.exit = exit;
    hooks.deregister();
  }
  throw new UpdraftError("job-file-broken", {
    file,
    reason: `it has no default export: ${EXPORT}`,
  });
}

/** `line 3: Unexpected token`. What a file throws is its author's own words; only their beginning, on one line. */
function reasonOf(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `it throws ${error === null ? "null" : typeof error}`;
  if ("code" in error && error.code === "ERR_REQUIRE_ASYNC_MODULE") return "it has an await outside of any function";
  const place = placeOf(error.stack ?? "", file);
  const [first = ""] = error.message.split("\n");
  const shown = printable(first.replaceAll(pathToFileURL(file).href, "it").replaceAll(file, "it"), 200);
  return `${place}${shown || error.name}`;
}

/** Where the stack of an error names the file first: `file:///jobs/a.ts:3:7`. */
function placeOf(stack: string, file: string): string {
  for (const name of [pathToFileURL(file).href, file]) {
    const at = stack.indexOf(`${name}:`);
    const line = /^\d+/.exec(at < 0 ? "" : stack.slice(at + name.length + 1));
    if (line !== null) return `line ${line[0]}: `;
  }
  return "";
}

function nameErrors(jobs: readonly LoadedJob[]): UpdraftError[] {
  return jobs.flatMap(({ job, file }, index) => {
    const before = jobs[index - 1];
    if (before?.job.name !== job.name) return [];
    return [new UpdraftError("job-name-twice", { job: job.name, first: before.file, second: file })];
  });
}

/** Two jobs that share a folder would take each other's files. */
function folderErrors(jobs: readonly LoadedJob[]): UpdraftError[] {
  const known = new Map<string, string>();
  const errors: UpdraftError[] = [];
  for (const { job } of jobs) {
    if (job.watch === null) continue;
    const { inbox, working, outbox, archive, refused } = job.watch;
    for (const [role, folder] of Object.entries({ inbox, working, outbox, archive, refused })) {
      const second = `watch.${role} of job ${job.name}`;
      const first = known.get(realPath(folder));
      const fields: ErrorFields | null = first === undefined ? null : { first, second, folder };
      if (fields === null) known.set(realPath(folder), second);
      else errors.push(new UpdraftError("job-folder-twice", fields));
    }
  }
  return errors;
}

/** Two names may be of one folder; one that is not there has its own. */
function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
