// The transforms that come with the program: a property's text as files write it in; the text that the endpoint takes out.
import countries from "i18n-iso-countries/codes.json" with { type: "json" };
import english from "i18n-iso-countries/langs/en.json" with { type: "json" };
import {
  type CountryCode,
  isSupportedCountry,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from "libphonenumber-js/min";
import { COUNTRY_NAMES } from "./country-names.ts";
import type { Transform } from "./transform.ts";
import { US_STATES } from "./us-states.ts";

/** What `apply` throws: the row is rejected with the transform's name and what it expects, not with this. */
const cannotRead = () => new Error("it cannot be read");

function make(name: string, expected: string, apply: (value: string) => string, version = 1): Transform {
  return { name, expected, version, apply };
}

/** `  12   Main\tSt ` → `12 Main St`; no-break spaces count. */
export const spaces = make("spaces", "text", (value) => value.trim().replace(/\s+/g, " "));

export const upperCase = make("upper case", "text", (value) => value.toUpperCase());

export const lowerCase = make("lower case", "text", (value) => value.toLowerCase());

/** As programs write a column of numbers that has gaps: `2155550100.0` → `2155550100`. Its zero is no digit of the number. */
const whole = (value: string) => /^\s*(\d+)\.0+\s*$/.exec(value)?.[1] ?? value;

/** Excel's way with long numbers, which has lost digits: `2.15555E+09`. */
const SCIENTIFIC = /^\s*\d+(?:[.,]\d+)?e\+?\d+\s*$/i;

/** Of other scripts and of full width, and ², ½ and the like: left out, they would make another number. */
const OTHER_DIGITS = /(?![0-9])\p{N}/u;

/** `215-555-0100` → `2155550100`. A text without a digit is refused: it would be no text. */
export const digitsOnly = make(
  "digits only",
  "at least one digit from 0 to 9 and none of another script, and not a number as 2.15555E+09",
  (value) => {
    const digits = whole(value).replace(/\D/g, "");
    if (digits === "" || SCIENTIFIC.test(value) || OTHER_DIGITS.test(value)) throw cannotRead();
    return digits;
  },
  3,
);

/** Below it there are none: `00000` and its like stand for an address that nobody knows. */
const LOWEST_ZIP = 501;

/** `7030` → `07030`, `07030-1234` and `070301234` → `07030`, Excel's `7030.0` → `07030`. */
export const zip5 = make(
  "zip5",
  "a ZIP code of 3 to 5 digits, or ZIP+4",
  (value) => {
    const text = value.trim();
    const form = /^(\d{3,5})(?:\.0+|[\s\p{Pd}](?:\d{4})?)?$/u;
    const [, zip] = form.exec(text) ?? /^(\d{3,5})\d{4}(?:\.0+)?$/.exec(text) ?? [];
    if (zip === undefined || Number(zip) < LOWEST_ZIP) throw cannotRead();
    return zip.padStart(5, "0");
  },
  3,
);

/** `(215) 555-0100` and `+1 215 555 0100` → `2155550100`; an extension is left out. `country`: of numbers without `+`. */
export function phoneNumber(country: CountryCode): Transform {
  return make(
    `phone number ${known(country)}`,
    "a phone number",
    (value) => String(phone(value, country).nationalNumber),
    2,
  );
}

/** `(215) 555-0100` → `1`, `+44 20 7946 0958` → `44`. `country`: of numbers without `+`. */
export function dialingCode(country: CountryCode): Transform {
  return make(
    `dialing code ${known(country)}`,
    "a phone number",
    (value) => String(phone(value, country).countryCallingCode),
    2,
  );
}

function known(country: CountryCode): CountryCode {
  if (!isSupportedCountry(country))
    throw new Error(`no phone numbers are known of the country ${country}: expected two letters such as US`);
  return country;
}

/** `0000000000`, as files write where none is known. Elsewhere numbers may begin with zeros, but none is made of them alone. */
const ZEROS = /^0+$/;

/** One column often gives both the number and the code, and reading it takes 20 µs. */
let last: { readonly value: string; readonly country: CountryCode; readonly found: PhoneNumber | undefined } | null =
  null;

function phone(value: string, country: CountryCode): PhoneNumber {
  if (last?.value !== value || last.country !== country)
    last = {
      value,
      country,
      found: parsePhoneNumberFromString(whole(value), { defaultCountry: country, extract: false }),
    };
  const { found } = last;
  if (found?.isPossible() !== true || ZEROS.test(found.nationalNumber)) throw cannotRead();
  return found;
}

const PARTS: Readonly<Record<string, string>> = {
  YYYY: "(?<year>\\d{4})",
  MM: "(?<month>\\d\\d)",
  DD: "(?<day>\\d\\d)",
};

/** As exports write it behind a date: `0:00`, `00:00:00.000`, `T00:00:00Z`, `12:00:00 AM`. */
const MIDNIGHT = "[ T]0?0:00(?::00(?:\\.0+)?)?Z?| 12:00(?::00)? ?[Aa][Mm]";

/**
 * Any text with `YYYY`, `MM` and `DD` once each, such as `MM/DD/YYYY`, `DD.MM.YYYY` or `YYYYMMDD`; or `Excel serial`, the days since 1900 as
 * Excel counts them. Where something stands between them, month and day may have one digit; midnight behind a date is cut.
 * Whether there is such a day is checked afterwards, as for any date.
 */
export function date(format: string): Transform {
  if (format === "Excel serial") return make("date Excel serial", "a day's number as Excel counts them", excelDate);
  const tokens = format.split(/(YYYY|MM|DD)/);
  const parts = tokens.filter((_, index) => index % 2 === 1);
  if (parts.toSorted().join() !== "DD,MM,YYYY")
    throw new Error(
      `no date has the format ${format}: expected YYYY, MM and DD once each, such as MM/DD/YYYY, or Excel serial`,
    );
  const apart = tokens
    .slice(2, -1)
    .filter((_, index) => index % 2 === 0)
    .every((between) => between !== "");
  const pattern = tokens
    .map((token, index) => (index % 2 === 1 ? (PARTS[token] ?? "") : token.replace(/\W/g, "\\$&")))
    .join("");
  const form = new RegExp(`^${apart ? pattern.replaceAll("\\d\\d)", "\\d\\d?)") : pattern}(?:${MIDNIGHT})?$`);
  return make(
    `date ${format}`,
    `a date as ${format}`,
    (value) => {
      const { year = "", month = "", day = "" } = form.exec(value.trim())?.groups ?? {};
      if (year === "") throw cannotRead();
      return `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
    },
    2,
  );
}

const DAY_MS = 86_400_000;
/** December 31, 9999. */
const LAST_SERIAL = 2_958_465;

function excelDate(value: string): string {
  const serial = Number(/^(\d{1,7})(?:\.0+)?$/.exec(value.trim())?.[1] ?? "0");
  // Excel has a February 29 in 1900, number 60, which there never was.
  if (serial < 1 || serial === 60 || serial > LAST_SERIAL) throw cannotRead();
  return new Date(Date.UTC(1899, 11, serial < 60 ? 31 : 30) + serial * DAY_MS).toISOString().slice(0, 10);
}

/**
 * As one writes names: `Côte d’Ivoire` and `COTE D'IVOIRE` are the same, and `St. Lucia` is Saint Lucia. What names do not have is kept, so that
 * nothing is made of it: `N/A` is not Namibia, whose code is NA.
 */
function plain(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .trim()
    .replace(/^the\s+/, "")
    .replace(/\bst\.?\s/g, "saint ")
    .replaceAll("&", "and")
    .replace(/[\s.,'’‘ʻ_()\p{Pd}]/gu, "");
}

const states = new Map(
  Object.entries(US_STATES).flatMap(([code, names]) => [code, ...names].map((name) => [plain(name), code])),
);

/** `New Jersey`, `nj` and `N.J.` → `NJ`; the states, territories and military codes of the USA. */
export const usState = make(
  "US state",
  "a state of the USA, by name or code",
  (value) => {
    const code = states.get(plain(value));
    if (code === undefined) throw cannotRead();
    return code;
  },
  2,
);

/** Null where two countries have the name: there are two Congos. */
const alpha3 = new Map<string, string | null>();
const englishNames = new Map(Object.entries<string | readonly string[]>(english.countries));
for (const [two = "", three = ""] of countries) {
  const names = new Set([two, three, englishNames.get(two) ?? [], COUNTRY_NAMES[two] ?? []].flat().map(plain));
  for (const name of names) alpha3.set(name, alpha3.has(name) ? null : three);
}

/** `United States`, `us` and `U.S.A.` → `USA`; English names, two letters or three (ISO 3166-1). */
export const countryA3 = make(
  "country A3",
  "a country, by its English name, two letters or three",
  (value) => {
    const code = alpha3.get(plain(value)) ?? null;
    if (code === null) throw cannotRead();
    return code;
  },
  2,
);

/** `MARY-ANN O'BRIEN` → `Mary-Ann O'Brien`, `mcdonald iii` → `McDonald III`. What is written in both cases stays. */
export const nameCase = make("name case", "text", (value) => {
  if (value !== value.toUpperCase() && value !== value.toLowerCase()) return value;
  return value
    .toLowerCase()
    .replace(/(?<![\p{L}\p{M}])\p{L}/gu, (first) => first.toUpperCase())
    .replace(/(?<=['’])S(?![\p{L}\p{M}])/gu, "s")
    .replace(/(?<![\p{L}\p{M}])Mc(\p{L})/gu, (_, next: string) => `Mc${next.toUpperCase()}`)
    .replace(/(?<![\p{L}\p{M}])(?:Ii|Iii|Iv|Vi|Vii|Viii)$/u, (numeral) => numeral.toUpperCase());
});
