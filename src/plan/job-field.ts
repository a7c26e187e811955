// What the fields of a job are made of: how a value is checked, and what people are told of it.
import * as z from "zod";
import { SCHEMAS, SETTINGS, type SettingName } from "../settings/settings.ts";

/** What people are told of a field: a line of the README's table. */
export interface FieldDoc {
  /** What it takes, with its unit. */
  readonly takes: string;
  /** As people write it; null where the field must be given. */
  readonly fallback: string | null;
  readonly effect: string;
}

const docs = z.registry<FieldDoc>();
export const docOf = (schema: z.ZodType) => docs.get(schema);

export function field<T extends z.ZodType>(schema: T, takes: string, fallback: string | null, effect: string): T {
  docs.add(schema, { takes, fallback, effect });
  return schema;
}

/** What a job says of settings, as texts that were checked; config.ts puts them between flags and environment. */
export type JobSettings = Readonly<
  Partial<Record<SettingName, string>> & {
    /** The variable that holds `notifySecret`. */
    notifySecretEnv?: string;
  }
>;

/** The same words as the flag and the environment take; the number alone where it is one. */
export function setting(name: SettingName) {
  const { flag, effect } = declared(name);
  return field(inWordsOf(name, textOrNumber).optional(), `as ${flag?.split(" ")[0]}`, theSetting(name), effect);
}

const textOrNumber = z.custom<string | number>(
  (value) => typeof value === "string" || typeof value === "number",
  "a text or a number",
);

export function inWordsOf<T extends z.ZodType<string | number>>(name: SettingName, schema: T) {
  return schema.transform((value, context): JobSettings => {
    const { error } = SCHEMAS.endpoint.shape[name].safeParse(String(value));
    if (error) context.addIssue({ code: "custom", message: error.issues[0]?.message ?? "" });
    return { [name]: String(value) };
  });
}

export const theSetting = (name: SettingName) => `the setting \`${name}\``;

export function declared(name: SettingName) {
  const found = SETTINGS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is no setting`);
  return found;
}

export const text = z.string("a text").min(1, "a text");

export const command = z
  .array(text, "a list of texts: a program and its arguments")
  .min(1, "a list of texts: a program and its arguments");

export function read<T>(expected: string, parse: (value: string) => T | undefined) {
  return z.string(expected).transform((value, context): T => {
    const found = parse(value.trim());
    if (found !== undefined) return found;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
}
