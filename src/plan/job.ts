// What a job file exports in; a checked job, its folders absolute and its times in milliseconds, or what is wrong with it, out.
import { resolve } from "node:path";
import type * as z from "zod";
import { JOB_SETTINGS, type JobSettingKey, type schedule, schema, type watch } from "./job-schema.ts";
import type { ColumnFunction, Transform } from "./transform.ts";

type JobSetting = (typeof JOB_SETTINGS)[JobSettingKey];

/** As texts that were checked; config.ts puts them between flags and environment. */
export type JobSettings = Readonly<
  Partial<Record<JobSetting | "dialect" | "notifyWebhook" | "notifyCommand", string>> & {
    /** The variable that holds `notifySecret`. */
    notifySecretEnv?: string;
  }
>;

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
  readonly inbox: string;
  readonly working: string;
  readonly outbox: string;
  readonly archive: string;
  readonly refused: string;
  readonly poll: boolean;
  readonly done: boolean;
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
  const { name, columns, constants, ignoreColumns, examples } = data;
  return {
    job: {
      ...{ name, columns, constants, transforms: data.transforms, ignoreColumns, examples },
      settings: {
        ...settingsOf(data),
        ...notifyOf(data.notify),
        ...(data.dialect === undefined ? {} : { dialect: data.dialect }),
      },
      watch: data.watch === undefined ? null : watchOf(data.watch, folder),
      schedule: data.schedule === undefined ? null : scheduleOf(data.schedule, folder),
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

function settingsOf(data: z.output<typeof schema>): JobSettings {
  const settings: Partial<Record<JobSetting, string>> = {};
  for (const [key, name] of Object.entries(JOB_SETTINGS)) {
    const value = data[key as JobSettingKey];
    if (value !== undefined) settings[name] = value;
  }
  return settings;
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
    input: glob === undefined ? { command, file: resolve(folder, file) } : { glob: resolve(folder, glob), pick },
  };
}

function notifyOf({ webhook, secretEnv, command }: NonNullable<z.output<typeof schema>["notify"]> = {}): JobSettings {
  return {
    ...(webhook === undefined ? {} : { notifyWebhook: webhook }),
    ...(command === undefined ? {} : { notifyCommand: JSON.stringify(command) }),
    ...(secretEnv === undefined ? {} : { notifySecretEnv: secretEnv }),
  };
}
