// "01:00-05:00 America/New_York" in; whether rows may be sent at an instant, and the instant at which that changes, out.

/** Hours of the day, as the clock on the wall of a time zone shows them, in which rows may be sent. */
export interface TimeWindow {
  /** `HH:MM`; the window begins with this minute. */
  readonly from: string;
  /** `HH:MM`; and ends before this one, on the next day where it is earlier. */
  readonly to: string;
  /** As the IANA names it. */
  readonly timeZone: string;
}

const DAY_MIN = 1_440;
/** A day may have no window (the hours that a change to summer time leaves out; days that a zone skipped), but not so many. */
const DAYS = 4;

/** What was expected, as a text, where it cannot be a window. */
export function parseWindow(text: string): TimeWindow | string {
  const [, from, to, timeZone] = /^(\d{2}:\d{2}) ?[-–] ?(\d{2}:\d{2}) +(\S+)$/.exec(text.trim()) ?? [];
  const example = "hours and a time zone such as 01:00-05:00 America/New_York";
  if (from === undefined || to === undefined || timeZone === undefined) return `${example}, or none`;
  if (!isTime(from) || (!isTime(to) && to !== "24:00")) return `${example}: hours from 00:00 to 24:00`;
  if (minutesOf(from) === minutesOf(to)) return `${example}: two different hours, or none to send at any time`;
  if (!isZone(timeZone)) return `${example}: a time zone that exists`;
  return { from, to, timeZone };
}

export function windowText({ from, to, timeZone }: TimeWindow): string {
  return `${from}-${to} ${timeZone}`;
}

/**
 * The clock on the wall decides: an hour that comes twice is open twice, and one that is left out does not come.
 * @param at milliseconds since 1970
 */
export function isOpen({ from, to, timeZone }: TimeWindow, at: number): boolean {
  const { hour, minute } = zoned(at, timeZone);
  const [first, end, now] = [minutesOf(from), minutesOf(to), hour * 60 + minute];
  return first < end ? first <= now && now < end : now >= first || now < end;
}

/** The next instant (milliseconds since 1970) after `at` at which a closed window opens, or an open one closes. */
export function nextChange(window: TimeWindow, at: number): number {
  const before = isOpen(window, at);
  const found = candidates(window, at).find((instant) => instant > at && isOpen(window, instant) !== before);
  if (found === undefined) throw new Error(`the window ${windowText(window)} never changes`);
  return found;
}

/** Instants at which it may open or close: its two hours on the days around, and changes of the zone's own clock. In order. */
function candidates({ from, to, timeZone }: TimeWindow, at: number): number[] {
  const start = zoned(at, timeZone).toPlainDate();
  const found: number[] = [];
  for (let day = -1; day <= DAYS; day++) {
    const date = start.add({ days: day });
    for (const minutes of [minutesOf(from), minutesOf(to)]) {
      const local = date.toPlainDateTime({ hour: Math.floor(minutes / 60), minute: minutes % 60 });
      for (const disambiguation of ["earlier", "later"] as const)
        found.push(local.toZonedDateTime(timeZone, { disambiguation }).epochMilliseconds);
    }
  }
  const last = Math.max(...found);
  for (
    let next = zoned(at, timeZone).getTimeZoneTransition("next");
    next !== null && next.epochMilliseconds <= last;
  ) {
    found.push(next.epochMilliseconds);
    next = next.getTimeZoneTransition("next");
  }
  return found.sort((a, b) => a - b);
}

function zoned(at: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(at)).toZonedDateTimeISO(timeZone);
}

function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}

/** 24:00 is the 00:00 of the next day. */
function minutesOf(text: string): number {
  return (Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) % DAY_MIN;
}

/** Also what a schedule asks before it takes a time zone. */
export function isZone(timeZone: string): boolean {
  try {
    return /^[A-Za-z]/.test(timeZone) && zoned(0, timeZone).timeZoneId !== "";
  } catch {
    return false;
  }
}
