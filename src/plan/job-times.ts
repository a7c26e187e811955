// What a job says about time, as text, in; whether it can be, and when it is next, out.
import { CronExpressionParser } from "cron-parser";

const HOUR_MS = 3_600_000;
/** No clock is put forward by more. */
const GAP_MS = 3 * HOUR_MS;

/**
 * The next time after `now` (milliseconds since 1970); null for a pattern that cannot be read or never fires. The pattern is asked of the
 * clock on the wall, and changes of that clock are ours: around them the library loses days of some zones, and its way in others.
 */
export function nextTime(cron: string, timeZone: string, now: number): number | null {
  return isOfEveryHour(cron) ? nextOfEveryHour(cron, timeZone, now) : nextOfDay(cron, timeZone, now);
}

/** A time that the clock leaves out comes as much later as the clock is put forward; one that comes twice, the first time only. */
function nextOfDay(cron: string, timeZone: string, now: number): number | null {
  const change = zoned(now - 24 * HOUR_MS, timeZone).getTimeZoneTransition("next");
  const gap = change !== null && change.epochMilliseconds <= now ? GAP_MS : 0;
  for (let shown: number | null = shownAt(zoned(now, timeZone)) - gap; ; ) {
    shown = shownAfter(cron, shown);
    if (shown === null) return null;
    const local = zoned(shown, "UTC").toPlainDateTime();
    const at = local.toZonedDateTime(timeZone, { disambiguation: "compatible" }).epochMilliseconds;
    if (at > now) return at;
  }
}

/** Whatever the clock shows, as often as ever: what comes twice fires twice. */
function nextOfEveryHour(cron: string, timeZone: string, now: number): number | null {
  let from = zoned(now, timeZone);
  for (let begin = shownAt(from); ; begin = shownAt(from) - 1) {
    const shown = shownAfter(cron, begin);
    if (shown === null) return null;
    const at = shown - offsetOf(from);
    const change = from.getTimeZoneTransition("next");
    if (change === null || at < change.epochMilliseconds) return at;
    from = change;
  }
}

function isOfEveryHour(cron: string): boolean {
  try {
    return CronExpressionParser.parse(cron).fields.hour.values.length === 24;
  } catch {
    return false;
  }
}

/** What the clock on the wall shows, as milliseconds since its own 1970. */
function shownAt(at: Temporal.ZonedDateTime): number {
  return at.epochMilliseconds + offsetOf(at);
}

function offsetOf(at: Temporal.ZonedDateTime): number {
  return at.offsetNanoseconds / 1e6;
}

function zoned(at: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(at)).toZonedDateTimeISO(timeZone);
}

function shownAfter(cron: string, shown: number): number | null {
  try {
    return CronExpressionParser.parse(cron, { tz: "UTC", currentDate: new Date(shown) })
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
