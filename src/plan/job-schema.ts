// Every field of a job, declared once: what a job file may say, how it is checked, and what people are told of it.
import * as z from "zod";
import type { Told } from "../parse/dialect.ts";
import { parseWebhook } from "../settings/addresses.ts";
import { SCHEMAS } from "../settings/settings.ts";
import {
  command,
  declared,
  docOf,
  type FieldDoc,
  field,
  inWordsOf,
  type JobSettings,
  read,
  setting,
  text,
  theSetting,
} from "./job-field.ts";
import { schedule, watch } from "./job-inputs.ts";
import type { ColumnFunction, Transform } from "./transform.ts";

const NAME = "a name of lower-case letters, digits and hyphens, such as nightly-sync";
const name = z
  .string(NAME)
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, NAME)
  .max(60, "a name of at most 60 characters")
  .refine((given) => given !== "default", "a name other than default, which is what runs without a job have");

const columns = z.record(
  z.string(),
  z.custom<string | ColumnFunction>(
    (value) => (typeof value === "string" && value.trim() !== "") || typeof value === "function",
    "the name of a column, or a function of the record",
  ),
  "an object: property: column",
);

/** How the files are written, as the file of --dialect says it. */
const dialect = z
  .custom<Told>((value) => typeof value === "object" && value !== null, "an object: {delimiter, …}")
  .transform((value, context): JobSettings => {
    const said = JSON.stringify(value);
    const { error } = SCHEMAS.endpoint.shape.dialect.safeParse(said);
    if (error) context.addIssue({ code: "custom", message: error.issues[0]?.message ?? "" });
    return { dialect: said };
  });

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

const CHANGED_ONLY = 'true, false or {recheckAfter: "30d"}';
const changedOnly = z
  .union(
    [
      z.boolean(CHANGED_ONLY),
      z.strictObject(
        {
          recheckAfter: field(
            inWordsOf("recheckAfter", z.string("a time such as 30d, or never")),
            "a time from `1h`, such as `30d`, or `never`",
            null,
            "What was accepted longer ago than this is sent once more, changed or not.",
          ),
        },
        CHANGED_ONLY,
      ),
    ],
    CHANGED_ONLY,
  )
  .transform((given): JobSettings => {
    if (typeof given === "boolean") return { changedOnly: given ? "yes" : "no" };
    return { changedOnly: "yes", ...given.recheckAfter };
  });

const duplicates = SCHEMAS.local.shape.duplicates.unwrap().transform((how): JobSettings => ({ duplicates: how }));

const notify = z
  .strictObject(
    {
      webhook: field(
        read(
          "a URL that begins with https:// (plain http:// is for this machine only) and has no login, password or # in it",
          (value) => parseWebhook(value) ?? undefined,
        ).optional(),
        "a URL",
        theSetting("notifyWebhook"),
        "Is sent a JSON notice, with POST, when a run ends, has to wait for its endpoint, or goes on after that.",
      ),
      secretEnv: field(
        text.optional(),
        "the name of an environment variable",
        theSetting("notifySecret"),
        "Holds the secret that notices to the webhook are signed with; so does a file that the variable with `_FILE` after its name names.",
      ),
      command: field(
        command.optional(),
        "a program and its arguments",
        theSetting("notifyCommand"),
        "Is started with the same notice on its standard input. A relative path starts at the job file.",
      ),
    },
    "{webhook, command}",
  )
  .refine(({ webhook, command: words }) => webhook !== undefined || words !== undefined, "a webhook, a command or both")
  .transform(
    ({ webhook, secretEnv, command: words }): JobSettings => ({
      ...(webhook === undefined ? {} : { notifyWebhook: webhook }),
      ...(words === undefined ? {} : { notifyCommand: JSON.stringify(words) }),
      ...(secretEnv === undefined ? {} : { notifySecretEnv: secretEnv }),
    }),
  );

const values = z.record(z.string(), z.string("a text"), "an object of texts");

const examples = z.array(
  z.strictObject(
    { record: values, update: z.custom<unknown>((value) => value !== undefined, "an update, or null") },
    "{record, update}",
  ),
  "a list of {record, update}",
);

/** All that is neither about columns nor about when to run says settings. */
export const schema = z.strictObject(
  {
    name: field(
      name,
      "lower-case letters, digits, hyphens",
      null,
      "Names the job in commands, reports and run names; one of a kind in its folder.",
    ),
    columns: field(
      columns.default({}),
      "property: column, or `(record) => text`",
      "columns by their own names",
      "Which column gives a property, or a function that makes its text of the record (null or an empty text: left as it is). One column may give several. Other columns are still known by their own names.",
    ),
    constants: field(values.default({}), "property: text", "none", "Gives every row this property, as `--set`."),
    transforms: field(
      z.record(z.string(), transforms, "an object: property: list of transforms").default({}),
      "property: list of transforms",
      "none: values as they are",
      "What is done to the property's text, in order, before it is checked.",
    ),
    ignoreColumns: field(
      z.array(text, "a list of columns").default([]),
      "a list of columns",
      "none",
      "Columns that may be there and are not sent, as `--ignore-column`; one that is not there is no error.",
    ),
    endpoint: setting("baseUrl"),
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
    changedOnly: field(
      changedOnly.optional(),
      "`true`, `false` or `{recheckAfter}`",
      theSetting("changedOnly"),
      "Sends only rows that differ from what the endpoint has last accepted of that customer from the same job; the others end unchanged. `--full` overrides it. With `true`, the setting `recheckAfter` holds.",
    ),
    duplicates: field(
      duplicates.optional(),
      "`in-order`, `last-wins` or `reject`",
      theSetting("duplicates"),
      declared("duplicates").effect,
    ),
    encoding: setting("encoding"),
    dialect: field(
      dialect.optional(),
      "`{delimiter, …}`",
      "recognised",
      "How the files are written, as the file of `--dialect` says it.",
    ),
    strict: field(
      z
        .boolean("true or false")
        .transform((given): JobSettings => ({ strict: given ? "yes" : "no" }))
        .optional(),
      "`true` or `false`",
      theSetting("strict"),
      declared("strict").effect,
    ),
    strictText: field(
      z
        .boolean("true or false")
        .transform((given): JobSettings => ({ strictText: given ? "yes" : "no" }))
        .optional(),
      "`true` or `false`",
      theSetting("strictText"),
      declared("strictText").effect,
    ),
    health: field(
      SCHEMAS.local.shape.health
        .unwrap()
        .transform((how): JobSettings => ({ health: how }))
        .optional(),
      "`warn`, `stop` or `off`",
      theSetting("health"),
      declared("health").effect,
    ),
    watch: field(watch.optional(), "`{inbox, …}`", "none", "A folder whose files `updraft serve` runs."),
    schedule: field(
      schedule.optional(),
      "`{cron, input, …}`",
      "none",
      "When `updraft serve` runs the job, and with what.",
    ),
    notify: field(notify.optional(), "`{webhook, command}`", "as the settings say", "Who is told how runs end."),
    examples: field(
      examples.default([]),
      "a list of `{record, update}`",
      "none",
      "Records as the file has them, and the updates they have to become (null: rejected); `updraft jobs check` compares.",
    ),
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
  return Object.entries(object.shape).flatMap(([name, schema]) => {
    const key = parent + name;
    const doc = docOf(schema as z.ZodType);
    if (doc === undefined) throw new Error(`the field ${key} of a job is not described`);
    const inner = objectIn(schema as z.ZodType);
    return [{ key, ...doc }, ...(inner === null ? [] : fieldsOf(inner, `${key}.`))];
  });
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
