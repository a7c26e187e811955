// What a job says about time, as text, in; whether it can be, and when it is next, out.
import { CronExpressionParser } from "cron-parser";

/** When rows may be sent; goes over midnight where `to` is before `from`. */
export interface Window {
  /** `01:00`. */
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    // An offset says nothing of daylight saving time.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

/** The next time after `now` (milliseconds since 1970); null for a pattern that cannot be read or never fires. */
export function nextTime(cron: string, timeZone: string, now: number): number | null {
  try {
    return CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(now) })
      .next()
      .getTime();
  } catch {
    return null;
  }
}

/** February 30 never comes; whatever does, comes in any eight years (February 29 around 2100). */
export function firesEver(cron: string): boolean {
  return /^(\S+\s+){4,5}\S+$/.test(cron) && !/\bH\b/.test(cron) && nextTime(cron, "UTC", Date.UTC(2024, 0, 1)) !== null;
}

export function parseWindow(text: string): Window | undefined {
  const [, from = "", to = "", timeZone = ""] =
    /^((?:[01]\d|2[0-3]):[0-5]\d) ?- ?((?:[01]\d|2[0-3]):[0-5]\d|24:00) +(\S+)$/.exec(text) ?? [];
  if (!isTimeZone(timeZone) || from === to || (from === "00:00" && to === "24:00")) return undefined;
  return { from, to: to === "24:00" ? "00:00" : to, timeZone };
}
