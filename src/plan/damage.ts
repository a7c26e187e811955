// A value as the file has it in; what a spreadsheet or a wrong encoding has done to it, if anything, out.
import { isUtf8 } from "node:buffer";

/** What damage is looked for, each with what a person reads of it. Reports keep the codes: they do not change. */
export const DAMAGES = {
  "formula-error": {
    found: "an error value of a spreadsheet",
    expected: "a value",
    remedy: "correct the formula that made it, and export the file anew",
  },
  scientific: {
    found: "a long number that a spreadsheet shortened to its first digits",
    expected: "all digits of the number",
    remedy: "format the column as text before the file is opened or saved, and export it anew",
  },
  "zeros-lost": {
    found: "a ZIP code that has lost its leading zeros",
    expected: "five digits",
    remedy: "format the column as text before saving, or let a job's transform zip5() put them back",
  },
  "date-turned": {
    found: "a date whose day and month are turned round",
    expected: "day and month in the same order in the whole column",
    remedy: "export the column as YYYY-MM-DD; other dates of it may be turned round as well, and not look it",
  },
  "double-encoded": {
    found: "text that was encoded twice",
    expected: "text as people write it",
    remedy: "export the file once more as UTF-8, from where it still reads right",
  },
} as const satisfies Record<string, { found: string; expected: string; remedy: string }>;

export type Damage = keyof typeof DAMAGES;

export const DAMAGE_KINDS = Object.keys(DAMAGES) as [Damage, ...Damage[]];

/** What is known of a mapping, and the damage that `--strict` and `--strict-text` refuse. */
export function strictly<T extends { readonly refuse?: readonly Damage[] | undefined }>(
  mapping: T,
  { strict, strictText }: { readonly strict: boolean; readonly strictText: boolean },
): T {
  const refuse = DAMAGE_KINDS.filter((damage) => (damage === "double-encoded" ? strictText : strict));
  return refuse.length === 0 ? mapping : { ...mapping, refuse };
}

/** What a column holds, as far as damage to it can be told from a value. */
export type Role = "zip" | "date" | "any";

/** `#N/A` and its like, in English and German; number signs alone are what a column showed that was too narrow. */
const FORMULA_ERROR =
  /^#(?:N\/A|NA|NV|REF!|BEZUG!|VALUE!|WERT!|DIV\/0!|NAME\?|NULL!|NUM!|ZAHL!|SPILL!|CALC!|ÜBERLAUF!|GETTING_DATA|#{3,})$/i;
/** Spreadsheets write the plus; where other programs leave it out, there is a fraction. `1E10` is an id, or a flat. */
const SCIENTIFIC = /^[+-]?\d(?:[.,]\d{1,14}E\+?|E\+)\d{2}$/i;
const SHORT_ZIP = /^\d{3,4}(?:\.0+)?$/;
/** A first byte of UTF-8, and one that goes on, each read as a character of Latin-1 or Windows-1252. */
const TWICE =
  /[\u00C2-\u00F4][\u0080-\u00BF\u20AC\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\u017D\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\u017E\u0178]/;
/**
 * What a text that was encoded twice was: a letter or a sign as western languages have them, or several letters of another script.
 * A single one of these is chance: `ANDRÉ’S` would be `ANDR` and a phonetic sign, `NESTLÉ®` likewise.
 */
const MEANT =
  /[\u0080-\u017F\u01A0\u01A1\u01AF\u01B0\u0218-\u021B\u1EA0-\u1EF9\u2010-\u203A\u20AC\u2122\u{10000}-\u{10FFFF}]|[\u0080-\u{10FFFF}]{2}/u;
/** What Windows-1252's quotes and dashes become where it is taken for Latin-1. */
const CONTROL = /[\u0080-\u009F]/;
/** One test that nearly every value fails. */
const SUSPECT = new RegExp(`^ *#|\\dE\\+?\\d\\d *$|${TWICE.source}|${CONTROL.source}`, "i");

/** The characters that Windows-1252 has where Latin-1 has control characters, in the order of its bytes from 0x80 on; 0 where it has none. */
const WINDOWS_1252 = [
  0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0, 0, 0x2018,
  0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e, 0x178,
];
const BYTES = new Map(WINDOWS_1252.flatMap((code, at) => (code === 0 ? [] : [[code, 0x80 + at] as const])));

/** Dates that show by a part above 12 which of the two parts is the day; one of each in a column cannot both be right. */
export type Order = "day-first" | "month-first";

/** Of a date of numbers only; null where it does not show it, or is none. */
export function orderOf(text: string): Order | null {
  const parts = /^(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}$/.exec(text);
  if (parts === null) return null;
  const [first, second] = [Number(parts[1]), Number(parts[2])];
  if (first > 12 && first <= 31 && second >= 1 && second <= 12) return "day-first";
  return second > 12 && second <= 31 && first >= 1 && first <= 12 ? "month-first" : null;
}

/** What a single value shows; dates of which only others of their column tell are not among it (`orderOf`). */
export function damageOf(text: string, role: Role): Damage | null {
  if (role !== "any") {
    const value = text.trim();
    if (role === "zip" && SHORT_ZIP.test(value)) return "zeros-lost";
    if (role === "date" && isTurnedIso(value)) return "date-turned";
  }
  if (!SUSPECT.test(text)) return null;
  const value = text.trim();
  if (FORMULA_ERROR.test(value)) return "formula-error";
  if (SCIENTIFIC.test(value)) return "scientific";
  // Not trimmed: half of a letter may be a space that does not break.
  return isTwiceEncoded(text) ? "double-encoded" : null;
}

/** `1990-31-12`: the year where it belongs, the others not. */
function isTurnedIso(text: string): boolean {
  const parts = /^\d{4}-(\d\d)-(\d\d)$/.exec(text);
  if (parts === null) return false;
  const [month, day] = [Number(parts[1]), Number(parts[2])];
  return month > 12 && month <= 31 && day >= 1 && day <= 12;
}

/** Whether the text, written in Windows-1252 (or Latin-1), is UTF-8 that says something else, or has what no text has. */
function isTwiceEncoded(text: string): boolean {
  if (CONTROL.test(text)) return true;
  if (!TWICE.test(text)) return false;
  const bytes = Buffer.allocUnsafe(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const byte = code < 0x100 ? code : BYTES.get(code);
    if (byte === undefined) return false;
    bytes[at] = byte;
  }
  return isUtf8(bytes) && MEANT.test(bytes.toString("utf8"));
}
