// What a job file exports in; a checked job, its folders absolute and its times in milliseconds, or what is wrong with it, out.
import { resolve } from "node:path";
import * as z from "zod";
import type { JobSettings } from "./job-field.ts";
import type { schedule, watch } from "./job-inputs.ts";
import { schema } from "./job-schema.ts";
import type { ColumnFunction, Transform } from "./transform.ts";

/** What a person writes. */
export type JobDefinition = z.input<typeof schema>;

/** A job that was checked. Folders and files are absolute, times are in milliseconds. */
export interface Job {
  readonly name: string;
  readonly columns: Readonly<Record<string, string | ColumnFunction>>;
  readonly constants: Readonly<Record<string, string>>;
  readonly transforms: Readonly<Record<string, readonly Transform[]>>;
  readonly ignoreColumns: readonly string[];
  readonly settings: JobSettings;
  readonly watch: Watch | null;
  readonly schedule: Schedule | null;
  readonly examples: readonly { readonly record: Readonly<Record<string, string>>; readonly update: unknown }[];
}

export interface Watch {
  /** Absolute, as the others: where files are dropped. */
  readonly inbox: string;
  /** A file that was taken, as long as it is worked on. */
  readonly working: string;
  /** For each file a folder with its reports. */
  readonly outbox: string;
  /** Files whose run is over. */
  readonly archive: string;
  /** Files that cannot be a run, each with its reason beside it. */
  readonly refused: string;
  /** For network file systems, which tell of no changes: looks by itself. */
  readonly poll: boolean;
  /** A file is complete when `<file>.done` is there, and not before. */
  readonly done: boolean;
  /** Milliseconds for which size and time of change of a file must have stayed as they are; of no matter with `done`. */
  readonly settle: number;
}

export interface Schedule {
  readonly cron: string;
  readonly timeZone: string;
  readonly input: FoundInput | MadeInput;
  readonly missed: "run-once" | "skip";
}

export interface FoundInput {
  readonly glob: string;
  readonly pick: "newest" | "all";
}

export interface MadeInput {
  readonly command: readonly string[];
  /** Of the job file: where the command is run. */
  readonly folder: string;
  readonly file: string;
}

/** What a job file exports: gives its fields their types, and changes nothing. */
export function defineJob(definition: JobDefinition): JobDefinition {
  return definition;
}

export type ParsedJob =
  | { readonly job: Job; readonly issues: null }
  | { readonly job: null; readonly issues: readonly z.core.$ZodIssue[] };

/** `folder` is where the job file is; relative paths start there. */
export function parseJob(definition: unknown, folder: string): ParsedJob {
  const { data, error } = schema.safeParse(definition);
  if (error) return { job: null, issues: error.issues.flatMap(plain) };
  const { name, columns, constants, transforms, ignoreColumns, examples, watch, schedule, ...said } = data;
  return {
    job: {
      ...{ name, columns, constants, transforms, ignoreColumns, examples },
      settings: placedIn(folder, settingsOf(Object.values(said))),
      watch: watch === undefined ? null : watchOf(watch, folder),
      schedule: schedule === undefined ? null : scheduleOf(schedule, folder),
    },
    issues: null,
  };
}

/** Where an object was given that one of several shapes takes, what is wrong inside of it says more. */
function plain(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const inside = issue.errors.find((one) =>
    one.some(({ path, code }) => path.length > 0 || code === "unrecognized_keys"),
  );
  return inside?.map((one) => ({ ...one, path: [...issue.path, ...one.path] })) ?? [issue];
}

function settingsOf(said: readonly (JobSettings | undefined)[]): JobSettings {
  return Object.fromEntries(said.flatMap((some = {}) => Object.entries(some)));
}

function watchOf({ poll, done, settle, ...folders }: z.output<typeof watch>, folder: string): Watch {
  const inbox = resolve(folder, folders.inbox);
  const beside = (given: string | undefined, name: string) =>
    given === undefined ? resolve(inbox, "..", name) : resolve(folder, given);
  return {
    ...{ inbox, poll, done, settle },
    working: beside(folders.working, "working"),
    outbox: beside(folders.outbox, "outbox"),
    archive: beside(folders.archive, "archive"),
    refused: beside(folders.refused, "refused"),
  };
}

function scheduleOf({ input, ...rest }: z.output<typeof schedule>, folder: string): Schedule {
  const { glob, pick, command, file } = input;
  return {
    ...rest,
    input:
      glob === undefined ? { command, folder, file: resolve(folder, file) } : { glob: resolve(folder, glob), pick },
  };
}

/** A program that is no name to be found in PATH, but a place, starts at the job file. */
function placedIn(folder: string, settings: JobSettings): JobSettings {
  if (settings.notifyCommand === undefined) return settings;
  const [program = "", ...args] = z.array(z.string()).parse(JSON.parse(settings.notifyCommand));
  const place = program.includes("/") ? resolve(folder, program) : program;
  return { ...settings, notifyCommand: JSON.stringify([place, ...args]) };
}
