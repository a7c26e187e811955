// What a workbook says of a number and how it is shown in; the text that a person sees, dates as ISO 8601, out.
import { format, getFormatDateInfo, getFormatFromId, getFormatInfo, isDateFormat, isValidFormat } from "numfmt";

/** How numbers of one style are shown. */
export type Shown = (written: string) => string;

/** Of the number format with this id: one of the workbook's own, or one that every workbook has. */
export function shownBy(id: number, own: ReadonlyMap<number, string>, date1904: boolean): Shown {
  const pattern = own.get(id) ?? getFormatFromId(id);
  if (!isValidFormat(pattern)) return general;
  if (!isDateFormat(pattern)) return asNumber(pattern);
  return (written) => asDate(written, pattern, date1904) ?? general(written);
}

/**
 * As the sheet holds it: all of its 15 digits, and none of what is beyond them (0.1+0.2 is 0.3). A whole number stays as it is
 * written, however long; there is never an exponent.
 */
export function general(written: string): string {
  if (/^-?\d+$/.test(written)) return written;
  const value = Number(written);
  if (written.trim() === "" || !Number.isFinite(value)) return written;
  return plain(Number(value.toPrecision(15)));
}

/** Without an exponent. */
function plain(value: number): string {
  const text = String(value);
  const [, sign = "", first = "", rest = "", power = ""] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  if (first === "") return text;
  const digits = first + rest;
  const point = 1 + Number(power);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

/** What only helps the eye is left out: separators of thousands, and blanks at the ends. What would lose digits is not done. */
function asNumber(pattern: string): Shown {
  const { type, scale } = getFormatInfo(pattern);
  if (["general", "text", "scientific"].includes(type) || scale < 1) return general;
  const ungrouped = pattern.replace(
    /("[^"]*"|\\.)|(?<=[#0?]),(?=[#0?])/g,
    (_, literal: string | undefined) => literal ?? "",
  );
  return (written) => {
    const value = Number(written);
    if (!Number.isFinite(value) || Math.abs(value) >= 1e15) return general(written);
    const text = format(ungrouped, value, { throws: false }).trim();
    return /\dE[+-]?\d|^#+$/.test(text) ? general(written) : text;
  };
}

const DAY = 86_400;
/** 9999-12-31, the last one that Excel knows. */
const LAST = 2_958_465;
/** From the first day of either system to 1970. */
const EPOCH_1900 = 25_569;
const EPOCH_1904 = 24_107;

/** Null where no date can be meant. */
function asDate(written: string, pattern: string, date1904: boolean): string | null {
  const value = Number(written);
  if (!Number.isFinite(value) || value < 0 || value > LAST) return null;
  // A time of more than a day: hours that go on counting.
  if (/\[(?:h+|m+|s+)\]/i.test(pattern)) return format(pattern, value, { throws: false }).trim();
  const told = getFormatDateInfo(pattern);
  const timed = told.hours || told.seconds;
  const dated = told.year || told.day || (told.month && !timed);
  const seconds = Math.round(value * DAY);
  const days = Math.floor(seconds / DAY);
  const time = new Date((seconds % DAY) * 1_000).toISOString().slice(11, 19);
  if (!dated || (days === 0 && timed && !date1904)) return time;
  if (days === 0 && !date1904) return null;
  const date = dayOf(days, date1904);
  return timed ? `${date}T${time}` : date;
}

/** Lotus 1-2-3 took 1900 for a leap year, and Excel does so still: day 60 is one that never was. */
function dayOf(days: number, date1904: boolean): string {
  if (!date1904 && days === 60) return "1900-02-29";
  const since1970 = date1904 ? days - EPOCH_1904 : days - EPOCH_1900 + (days < 60 ? 1 : 0);
  return new Date(since1970 * DAY * 1_000).toISOString().slice(0, 10);
}
