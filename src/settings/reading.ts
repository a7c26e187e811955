// What a person says of how a delimited file is written in, as settings; what the reader is told of it out.
import * as z from "zod";
import { ENCODINGS, type EncodingName, parseEncoding } from "../open/encoding.ts";
import type { Told } from "../parse/dialect.ts";
import { nearest, normalise } from "../plan/nearest.ts";
import { docs, text } from "./setting.ts";

const CHARACTER = /^[^\r\n]$/;
/** What a shell, a job or a person can write for what is hard to see. */
const WORDS = new Map([
  ["tab", "\t"],
  ["\\t", "\t"],
  ["space", " "],
]);

/** A space at an end may be meant. */
function verbatim<T>(expected: string, read: (value: string) => T | undefined) {
  return z.string(expected).transform((value, context): T => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
}

/** `auto` leaves it to the file of --dialect, and what that does not say to the reader. */
function orAuto<T>(schema: z.ZodType<T, string>) {
  return z
    .string()
    .transform((value, context): T | undefined => {
      if (value.trim() === "auto") return undefined;
      const { data, error } = schema.safeParse(value);
      if (error === undefined) return data;
      context.addIssue({ code: "custom", message: `${error.issues[0]?.message}; or auto` });
      return z.NEVER;
    })
    .optional();
}

const delimiter = verbatim("1 to 8 characters such as ; or |, or tab, \\t or space", (value) => {
  const meant = WORDS.get(value) ?? value;
  return /^[^\r\n"]{1,8}$/.test(meant) ? meant : undefined;
});
const quote = verbatim("one character, or none", (value) =>
  value === "none" ? null : CHARACTER.test(value) ? value : undefined,
);
const escaping = verbatim("one character (the quote itself where it is doubled), or none", (value) =>
  value === "none" ? null : CHARACTER.test(value) ? value : undefined,
);
const comment = verbatim("1 to 8 characters such as #, or none", (value) =>
  value === "none" ? null : /^[^\r\n"]{1,8}$/.test(value) ? value : undefined,
);
const columns = text("names with commas between them", (value) => {
  const names = value.split(",").map((name) => name.trim());
  return names.includes("") ? undefined : names;
});

function lines(least: number) {
  return z.int(`a whole number from ${least} to 1000`).min(least).max(1000);
}

const dialect = z.strictObject({
  delimiter: delimiter.exactOptional(),
  quote: quote.nullable().exactOptional(),
  escape: escaping.nullable().exactOptional(),
  encoding: text(ENCODINGS.join(", "), parseEncoding).exactOptional(),
  comment: comment.nullable().exactOptional(),
  headerLines: lines(0).exactOptional(),
  preambleLines: lines(0).exactOptional(),
  footnoteLines: lines(0).exactOptional(),
  columns: z.array(z.string("a list of names").min(1, "a list of names"), "a list of names").exactOptional(),
});
const KEYS = Object.keys(dialect.shape);
const KNOWN = new Map(KEYS.map((key) => [normalise(key), key]));
const DIALECT = `an object of ${KEYS.slice(0, -1).join(", ")} and ${KEYS.at(-1)}, as JSON`;

/** The JSON of an object of these keys; config.ts has read it from its file. */
const toldDialect = z.string().transform((value, context): Told & { readonly encoding?: EncodingName } => {
  const { data, error } = dialect.safeParse(parseJson(value));
  if (error === undefined) return data;
  context.addIssue({ code: "custom", message: expectedOf(error.issues[0]) });
  return z.NEVER;
});

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}

function expectedOf(issue: z.core.$ZodIssue | undefined): string {
  const [key] = issue?.path ?? [];
  if (key !== undefined) return `its ${String(key)} to be ${issue?.message}`;
  if (issue?.code !== "unrecognized_keys") return DIALECT;
  const unknown = issue.keys[0] ?? "";
  const near = nearest(unknown, KNOWN);
  return `${DIALECT} ("${unknown}" is none of them${near === null ? "" : `: did you mean "${near}"?`})`;
}

const plain = { envFile: false, secret: false, fallback: "auto" } as const;

/** A part of the settings; none of it counts for NDJSON. What is not given is recognised. */
export const readingSettings = {
  delimiter: orAuto(delimiter).register(docs, {
    ...plain,
    flag: "--delimiter <text>",
    env: "UPDRAFT_DELIMITER",
    effect:
      "What separates the cells of a CSV file: 1 to 8 characters; tab, \\t and space may be written so; auto: as it is recognised.",
  }),
  quote: orAuto(quote).register(docs, {
    ...plain,
    flag: "--quote <character>",
    env: "UPDRAFT_QUOTE",
    effect: "What cells are quoted with; none: a quote is a character like any other; auto: as it is recognised.",
  }),
  escape: orAuto(escaping).register(docs, {
    ...plain,
    flag: "--escape <character>",
    env: "UPDRAFT_ESCAPE",
    effect:
      "What stands before a quote within quotes: the quote itself where it is doubled, or one such as \\; or none; auto: as it is recognised.",
  }),
  comment: orAuto(comment).register(docs, {
    ...plain,
    flag: "--comment <text>",
    env: "UPDRAFT_COMMENT",
    effect: "Lines of a CSV file that begin with it are no records; auto: none, unless --dialect says so.",
  }),
  noHeader: orAuto(
    text("yes or no", (value) => (value === "yes" ? true : value === "no" ? false : undefined)),
  ).register(docs, {
    ...plain,
    flag: "--no-header",
    env: "UPDRAFT_NO_HEADER",
    effect:
      "The first line of a CSV file is a record, not a header; its columns are named by --columns; auto: as --dialect says, else no.",
  }),
  columns: orAuto(columns).register(docs, {
    ...plain,
    flag: "--columns <names>",
    env: "UPDRAFT_COLUMNS",
    effect:
      "Names of the columns of a file without a header, in its order, with commas between them; auto: the header's.",
  }),
  dialect: orAuto(toldDialect).register(docs, {
    ...plain,
    flag: "--dialect <file>",
    env: "UPDRAFT_DIALECT",
    effect: `A JSON file that says how a CSV file is written: ${DIALECT.replace(", as JSON", "")}; each of the flags above goes before it.`,
  }),
};

type Given<Key extends keyof typeof readingSettings> = z.output<(typeof readingSettings)[Key]>;

export type ReadingSettings = Readonly<{ [Key in keyof typeof readingSettings]?: Given<Key> }>;

/** What the reader is told; the rest is recognised. */
export function toldBy(settings: ReadingSettings): Told {
  const { delimiter: between, quote: mark, escape: before, comment: begin, noHeader, columns: names } = settings;
  const { encoding: _, ...dialect } = settings.dialect ?? {};
  return {
    ...dialect,
    ...(between === undefined ? {} : { delimiter: between }),
    ...(mark === undefined ? {} : { quote: mark }),
    ...(before === undefined ? {} : { escape: before }),
    ...(begin === undefined ? {} : { comment: begin }),
    ...(noHeader === undefined ? {} : { headerLines: noHeader ? 0 : 1 }),
    ...(names === undefined ? {} : { columns: names }),
  };
}

/** Null: it is recognised. */
export function encodingBy({ encoding, dialect }: EncodingSettings): EncodingName | null {
  return encoding ?? dialect?.encoding ?? null;
}

type EncodingSettings = Pick<ReadingSettings, "dialect"> & { readonly encoding?: EncodingName | null };
