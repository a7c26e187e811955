// What a workbook says of a number and how it is shown in; the text that a person sees, dates as ISO 8601, out.
import { format, getFormatDateInfo, getFormatFromId, getFormatInfo, isDateFormat, isValidFormat } from "numfmt";

/** How numbers of one style are shown. */
export type Shown = (written: string) => string;

/** Of the formats that every workbook has. */
const LAST_ID = 58;
/** From here on a number may have more digits than the 15 that a sheet keeps. */
const MANY_DIGITS = 1e15;

/** Of the number format with this id: one of the workbook's own, or one that every workbook has. */
export function shownBy(id: number, own: ReadonlyMap<number, string>, date1904: boolean): Shown {
  // A number that is none of either is General; numfmt begins anew behind its last one.
  const pattern = own.get(id) ?? (id <= LAST_ID ? getFormatFromId(id) : "General");
  if (!isValidFormat(pattern)) return general;
  if (!isDateFormat(pattern)) return asNumber(pattern);
  return (written) => asDate(written, pattern, date1904) ?? general(written);
}

/**
 * As the sheet holds it: all of its 15 digits, and none of what is beyond them (0.1+0.2 is 0.3). A whole number stays as it is
 * written, however long. One that has an exponent because it has more digits keeps it: the others are lost, and that must be seen.
 */
export function general(written: string): string {
  if (/^-?\d+$/.test(written)) return written;
  const value = Number(written);
  if (written.trim() === "" || !Number.isFinite(value)) return written;
  const kept = Number(value.toPrecision(15));
  return Math.abs(kept) >= MANY_DIGITS ? kept.toExponential().toUpperCase() : plain(kept);
}

/** Without an exponent, which only the smallest have here. */
function plain(value: number): string {
  const text = String(value);
  const [, sign = "", first = "", rest = "", power = ""] = /^(-?)(\d)(?:\.(\d+))?e-(\d+)$/.exec(text) ?? [];
  return first === "" ? text : `${sign}0.${"0".repeat(Number(power) - 1)}${first}${rest}`;
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
    if (!Number.isFinite(value) || Math.abs(value) >= MANY_DIGITS) return general(written);
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
