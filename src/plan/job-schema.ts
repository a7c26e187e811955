// Every field of a job, declared once: what a job file may say, how it is checked, and what people are told of it.
import * as z from "zod";
import { parseWebhook } from "../addresses.ts";
import { parseDuration } from "../amounts.ts";
import type { Told } from "../parse/dialect.ts";
import { SCHEMAS, SETTINGS } from "../settings.ts";
import { isZone } from "../time-window.ts";
import { firesEver } from "./job-times.ts";
import type { ColumnFunction, Transform } from "./transform.ts";

/** Settings that a job may give, by the names they have there. */
export const JOB_SETTINGS = {
  endpoint: "baseUrl",
  rate: "rate",
  endpointRate: "endpointRate",
  concurrency: "concurrency",
  maxInFlight: "maxInFlight",
  attempts: "attempts",
  timeout: "timeout",
  stopAfter: "stopAfter",
  stopAfterSame: "stopAfterSame",
  canary: "canary",
  window: "window",
  giveUpAfter: "giveUpAfter",
  keep: "keep",
  changedOnly: "changedOnly",
  recheckAfter: "recheckAfter",
  duplicates: "duplicates",
} as const;
export type JobSettingKey = keyof typeof JOB_SETTINGS;

/** What people are told of a field. */
interface FieldDoc {
  /** What it takes, with its unit. */
  readonly takes: string;
  /** As people write it; null where the field must be given. */
  readonly fallback: string | null;
  readonly effect: string;
}

const docs = z.registry<FieldDoc>();

const text = z.string("a text").min(1, "a text");
const yesOrNo = z.boolean("true or false");

function read<T>(expected: string, parse: (value: string) => T | undefined) {
  return z.string(expected).transform((value, context): T => {
    const found = parse(value.trim());
    if (found !== undefined) return found;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
}

const command = z
  .array(text, "a list of texts: a program and its arguments")
  .min(1, "a list of texts: a program and its arguments");

/** How the files are written, as the file of --dialect says it. */
const dialect = z
  .custom<Told>((value) => typeof value === "object" && value !== null, "an object: {delimiter, …}")
  .transform((value, context): string => {
    const text = JSON.stringify(value);
    const { error } = SCHEMAS.endpoint.shape.dialect.safeParse(text);
    if (error) context.addIssue({ code: "custom", message: error.issues[0]?.message ?? "" });
    return text;
  });

/** The same words as the flag and the environment take; the number alone where it is one. */
function setting(key: JobSettingKey) {
  const name = JOB_SETTINGS[key];
  const declared = SETTINGS.find((one) => one.name === name);
  if (declared === undefined) throw new Error(`a job's ${key} is no setting`);
  return z
    .custom<string | number>((value) => typeof value === "string" || typeof value === "number", "a text or a number")
    .transform((value, context): string => {
      const { error } = SCHEMAS.endpoint.shape[name].safeParse(String(value));
      if (error) context.addIssue({ code: "custom", message: error.issues[0]?.message ?? "" });
      return String(value);
    })
    .optional()
    .register(docs, {
      takes: `as ${declared.flag?.split(" ")[0]}`,
      fallback: `the setting \`${name}\``,
      effect: declared.effect,
    });
}

const transforms = z.array(
  z.custom<Transform>(
    (value) =>
      typeof value === "object" &&
      value !== null &&
      "name" in value &&
      typeof value.name === "string" &&
      "apply" in value &&
      typeof value.apply === "function",
    "a transform: one of updraft/transforms, or {name, expected, apply}",
  ),
  "a list of transforms",
);

export const watch = z.strictObject(
  {
    inbox: text.register(docs, {
      takes: "a folder",
      fallback: null,
      effect: "Files put here are run, each once. Relative to the job file.",
    }),
    working: text.optional().register(docs, {
      takes: "a folder",
      fallback: "`working` beside the inbox",
      effect: "Where a file is while it is run; on the file system of the inbox.",
    }),
    outbox: text.optional().register(docs, {
      takes: "a folder",
      fallback: "`outbox` beside the inbox",
      effect: "Where the reports of each file go, in a folder of its name.",
    }),
    archive: text.optional().register(docs, {
      takes: "a folder",
      fallback: "`archive` beside the inbox",
      effect: "Where files go that were run.",
    }),
    refused: text.optional().register(docs, {
      takes: "a folder",
      fallback: "`refused` beside the inbox",
      effect: "Where files go that cannot be a run, each with a `.reason.json`.",
    }),
    poll: yesOrNo.default(false).register(docs, {
      takes: "`true` or `false`",
      fallback: "`false`",
      effect: "Looks into the folder again and again, for network file systems that tell of no change.",
    }),
    done: yesOrNo.default(false).register(docs, {
      takes: "`true` or `false`",
      fallback: "`false`",
      effect: "Takes a file only when an empty one of its name and `.done` after it stands beside it.",
    }),
    settle: read("a time from 100ms to 1h, such as 2s", (value) => {
      const ms = parseDuration(value);
      return ms !== undefined && ms >= 100 && ms <= 3_600_000 ? ms : undefined;
    })
      .prefault("2s")
      .register(docs, {
        takes: "a time from 100ms to 1h",
        fallback: "`2s`",
        effect: "How long a file's size has to stay the same before it is taken.",
      }),
  },
  "{inbox, …}",
);

const timeZone = read("a time zone such as America/New_York", (value) => (isZone(value) ? value : undefined));

const scheduleInput = z
  .strictObject(
    {
      glob: text.optional().register(docs, {
        takes: "a pattern of paths",
        fallback: "none: `command` and `file` are given",
        effect: "The files to run: `/exports/customers-*.csv`. Relative to the job file.",
      }),
      pick: z.enum(["newest", "all"], "newest or all").optional().register(docs, {
        takes: "`newest` or `all`",
        fallback: "`newest`",
        effect: "Which of the files that match; all are run one after the other, the oldest first.",
      }),
      command: command.optional().register(docs, {
        takes: "a program and its arguments",
        fallback: "none: `glob` is given",
        effect: "Makes the file. Where it ends with another code than 0, nothing is run.",
      }),
      file: text.optional().register(docs, {
        takes: "a path",
        fallback: "none: `glob` is given",
        effect: "The file that the command made. Relative to the job file.",
      }),
    },
    "{glob, pick} or {command, file}",
  )
  .transform(({ glob, pick, command: words, file }, context) => {
    if (glob !== undefined && words === undefined && file === undefined)
      return { glob, pick: pick ?? ("newest" as const) };
    if (glob === undefined && pick === undefined && words !== undefined && file !== undefined)
      return { command: words, file };
    context.addIssue({ code: "custom", message: "either glob (and pick), or command and file" });
    return z.NEVER;
  });

export const schedule = z.strictObject(
  {
    cron: read("a cron pattern that fires, such as 0 2 * * *", (value) =>
      firesEver(value) ? value : undefined,
    ).register(docs, {
      takes: "a cron pattern",
      fallback: null,
      effect:
        "When the job runs: minute, hour, day of the month, month, day of the week; seconds may stand before them.",
    }),
    timeZone: timeZone.prefault("UTC").register(docs, {
      takes: "a time zone",
      fallback: "`UTC`",
      effect: "Whose clock the pattern means.",
    }),
    input: scheduleInput.register(docs, {
      takes: "`{glob, pick}` or `{command, file}`",
      fallback: null,
      effect: "What is run.",
    }),
    missed: z.enum(["run-once", "skip"], "run-once or skip").default("run-once").register(docs, {
      takes: "`run-once` or `skip`",
      fallback: "`run-once`",
      effect: "What becomes of times at which nothing served the job: one run as soon as something does, or none.",
    }),
  },
  "{cron, input, …}",
);

const notify = z
  .strictObject(
    {
      webhook: read(
        "a URL that begins with https:// (plain http:// is for this machine only) and has no login, password or # in it",
        (value) => parseWebhook(value) ?? undefined,
      )
        .optional()
        .register(docs, {
          takes: "a URL",
          fallback: "the setting `notifyWebhook`",
          effect:
            "Is sent a JSON notice, with POST, when a run ends, has to wait for its endpoint, or goes on after that.",
        }),
      secretEnv: text.optional().register(docs, {
        takes: "the name of an environment variable",
        fallback: "the setting `notifySecret`",
        effect:
          "Holds the secret that notices to the webhook are signed with; so does a file that the variable with `_FILE` after its name names.",
      }),
      command: command.optional().register(docs, {
        takes: "a program and its arguments",
        fallback: "the setting `notifyCommand`",
        effect: "Is started with the same notice on its standard input.",
      }),
    },
    "{webhook, command}",
  )
  .refine(
    ({ webhook, command: words }) => webhook !== undefined || words !== undefined,
    "a webhook, a command or both",
  );

const values = z.record(z.string(), z.string("a text"), "an object of texts");

export const schema = z.strictObject(
  {
    name: z
      .string("a name of lower-case letters, digits and hyphens, such as nightly-sync")
      .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, "a name of lower-case letters, digits and hyphens, such as nightly-sync")
      .max(60, "a name of at most 60 characters")
      .refine((name) => name !== "default", "a name other than default, which is what runs without a job have")
      .register(docs, {
        takes: "lower-case letters, digits, hyphens",
        fallback: null,
        effect: "Names the job in commands, reports and run names; one of a kind in its folder.",
      }),
    columns: z
      .record(
        z.string(),
        z.custom<string | ColumnFunction>(
          (value) => (typeof value === "string" && value.trim() !== "") || typeof value === "function",
          "the name of a column, or a function of the record",
        ),
        "an object: property: column",
      )
      .default({})
      .register(docs, {
        takes: "property: column, or `(record) => text`",
        fallback: "columns by their own names",
        effect:
          "Which column gives a property, or a function that makes its text of the record (null or an empty text: left as it is). One column may give several. Other columns are still known by their own names.",
      }),
    constants: values.default({}).register(docs, {
      takes: "property: text",
      fallback: "none",
      effect: "Gives every row this property, as `--set`.",
    }),
    transforms: z.record(z.string(), transforms, "an object: property: list of transforms").default({}).register(docs, {
      takes: "property: list of transforms",
      fallback: "none: values as they are",
      effect: "What is done to the property's text, in order, before it is checked.",
    }),
    ignoreColumns: z.array(text, "a list of columns").default([]).register(docs, {
      takes: "a list of columns",
      fallback: "none",
      effect: "Columns that may be there and are not sent, as `--ignore-column`; one that is not there is no error.",
    }),
    endpoint: setting("endpoint"),
    rate: setting("rate"),
    endpointRate: setting("endpointRate"),
    concurrency: setting("concurrency"),
    maxInFlight: setting("maxInFlight"),
    attempts: setting("attempts"),
    timeout: setting("timeout"),
    stopAfter: setting("stopAfter"),
    stopAfterSame: setting("stopAfterSame"),
    canary: setting("canary"),
    window: setting("window"),
    giveUpAfter: setting("giveUpAfter"),
    keep: setting("keep"),
    changedOnly: setting("changedOnly"),
    recheckAfter: setting("recheckAfter"),
    duplicates: setting("duplicates"),
    dialect: dialect.optional().register(docs, {
      takes: "`{delimiter, …}`",
      fallback: "recognised",
      effect: "How the files are written, as the file of `--dialect` says it.",
    }),
    watch: watch.optional().register(docs, {
      takes: "`{inbox, …}`",
      fallback: "none",
      effect: "A folder whose files `updraft serve` runs.",
    }),
    schedule: schedule.optional().register(docs, {
      takes: "`{cron, input, …}`",
      fallback: "none",
      effect: "When `updraft serve` runs the job, and with what.",
    }),
    notify: notify.optional().register(docs, {
      takes: "`{webhook, command}`",
      fallback: "as the settings say",
      effect: "Who is told how runs end.",
    }),
    examples: z
      .array(
        z.strictObject(
          { record: values, update: z.custom<unknown>((value) => value !== undefined, "an update, or null") },
          "{record, update}",
        ),
        "a list of {record, update}",
      )
      .default([])
      .register(docs, {
        takes: "a list of `{record, update}`",
        fallback: "none",
        effect:
          "Records as the file has them, and the updates they have to become (null: rejected); `updraft jobs check` compares.",
      }),
  },
  "an object: export default defineJob({…})",
);

export interface Field extends FieldDoc {
  /** `watch.inbox`. */
  readonly key: string;
}

/** Every field, those of an object after it, in the order of the README's table. */
export const FIELDS: readonly Field[] = fieldsOf(schema, "");

function fieldsOf(object: z.ZodObject, parent: string): Field[] {
  return Object.entries(object.shape).flatMap(([name, field]) => {
    const key = parent + name;
    const doc = docs.get(field as z.ZodType);
    if (doc === undefined) throw new Error(`the field ${key} of a job is not described`);
    const inner = objectIn(field as z.ZodType);
    return [{ key, ...doc }, ...(inner === null ? [] : fieldsOf(inner, `${key}.`))];
  }, "{recheckAfter}");
}

/** The object that a field takes, behind what makes it optional. */
function objectIn(field: z.ZodType): z.ZodObject | null {
  if (field instanceof z.ZodObject) return field;
  if (field instanceof z.ZodOptional || field instanceof z.ZodDefault) return objectIn(field.unwrap() as z.ZodType);
  if (field instanceof z.ZodPipe) return objectIn(field.in as z.ZodType);
  if (field instanceof z.ZodUnion)
    return (field.options as z.ZodType[]).map(objectIn).find((one) => one !== null) ?? null;
  return null;
}
