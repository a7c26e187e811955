// What is accepted as a setting, and what people are told of it, in; the schema that checks the text they give out.
import * as z from "zod";
import { parseWhole } from "./amounts.ts";

/** What people are told of a setting. */
export interface SettingDoc {
  /** `--rate <pace>`; null where a flag would show a secret in the process list. */
  readonly flag: string | null;
  readonly env: string;
  /** Also taken from the file that `<env>_FILE` names; the way for secrets that come as mounted files. */
  readonly envFile: boolean;
  /** Refused in the configuration file, and its value never printed. */
  readonly secret: boolean;
  /** The default as people write it; null where there is none. */
  readonly fallback: string | null;
  readonly effect: string;
}

/** `fallback` is told here only where it is not a text that the schema itself starts from. */
export const docs = z.registry<Omit<SettingDoc, "fallback"> & { readonly fallback?: string }>();

/** The issue's message is what was expected; the loader says what it got and where from. */
export function text<T>(expected: string, read: (text: string) => T | undefined) {
  return z.string(expected).transform((value, context): T => {
    const result = read(value.trim());
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
}

export function whole(min: number, max: number) {
  return text(`a whole number from ${min} to ${max}`, (value) => parseWhole(value, min, max));
}

/** Or the word that stands for what cannot be a number. */
export function wholeOr<T>(min: number, max: number, word: string, meaning: T) {
  return text(`a whole number from ${min} to ${max}, or ${word}`, (value): number | T | undefined =>
    value === word ? meaning : parseWhole(value, min, max),
  );
}
