// Every error that a job file can cause: code in, one sentence and what to do now out.

/** EXIT.usage: all of it is found before anything is sent. */
const exit = 2;

/** A part of the table in errors.ts. Alphabetical. */
export const JOB_ERRORS = {
  "job-column-missing": {
    exit,
    message: "{file} has no column {column}, which job {job} maps to {property}{hint}",
    next: "correct the file or the job; --ignore-column lets the job do without that column",
  },
  "job-constant-and-column": {
    exit,
    message: "{file}: column {column} gives {property}, and job {job} gives every row the same",
    next: "remove it from the constants of the job, or name the column in its ignoreColumns",
  },
  "job-differs": {
    exit,
    message: "job {job} maps columns otherwise than when run {run} began: {what}",
    next: "give the job back as it was ({file}), or run the file again with the job as it is now: that is a run of its own",
  },
  "job-file-broken": {
    exit,
    message: "{file} cannot be loaded: {reason}",
    next: 'correct it; the README shows a job file under "Jobs"',
  },
  "job-folder-twice": {
    exit,
    message: "{first} and {second} are one folder: {folder}",
    next: "give each its own",
  },
  "job-invalid": {
    exit,
    message: "{file}: {key}: expected {expected}, got {got}",
    next: 'correct the value; the README lists every field under "Jobs"',
  },
  "job-key-unknown": {
    exit,
    message: '{file} has a key that is not known: "{key}"',
    next: "{hint}known there: {known}",
  },
  "job-name-twice": {
    exit,
    message: "two files define job {job}: {first} and {second}",
    next: "give one of them another name",
  },
  "job-secret-missing": {
    exit,
    message: "notify.secretEnv of the job names {env}, which is not set",
    next: "set it, or {env}_FILE, to what the receiver of notices knows, or leave secretEnv out",
  },
  "job-unknown": {
    exit,
    message: 'no job in {folder} is named "{job}"{hint}',
    next: "updraft jobs lists them; --jobs names another folder",
  },
  "job-watch-folder": {
    exit,
    message: "job {job} cannot watch: {why}",
    next: "{next}",
  },
  "jobs-folder": {
    exit,
    message: "the folder of jobs {folder} cannot be read ({reason})",
    next: "check the path and its mode, or name another with --jobs or UPDRAFT_JOBS",
  },
} as const;
