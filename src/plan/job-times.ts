// What a job says about time, as text, in; whether it can be, and when it is next, out.
import { CronExpressionParser } from "cron-parser";

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
