// Paces, times and limits as people write them in; figures out, and back.

/** A pace. `null` stands for no limit. */
export interface Rate {
  readonly perSecond: number;
}

const PER_SECOND: Readonly<Record<string, number>> = { s: 1, min: 1 / 60, h: 1 / 3600 };
const MAX_RATE = 100_000;

/** What parsePace reads, for people. */
export const PACE = `a pace such as 50/s, 3000/min or 10/h (at most ${MAX_RATE}/s), or none`;

export function parsePace(value: string): Rate | null | undefined {
  if (value === "none") return null;
  const [, count, unit = ""] = /^(\d{1,9}(?:\.\d{1,6})?) ?\/ ?(s|min|h)$/.exec(value) ?? [];
  const perSecond = Number(count) * (PER_SECOND[unit] ?? 0);
  return perSecond > 0 && perSecond <= MAX_RATE ? { perSecond } : undefined;
}

/** Rows per second as people write them: in the first unit that needs no fraction. */
export function paceText(perSecond: number | null): string {
  if (perSecond === null) return "none";
  for (const [unit, share] of Object.entries(PER_SECOND)) {
    const count = perSecond / share;
    const whole = Math.round(count);
    if (whole > 0 && Math.abs(count - whole) < 1e-9 * whole) return `${whole}/${unit}`;
  }
  return `${Number(perSecond.toPrecision(3))}/s`;
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ...{ ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
};

/** Milliseconds. */
export function parseDuration(value: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|min|h|d)$/.exec(value) ?? [];
  const ms = Number(count) * (MILLISECONDS[unit] ?? 0);
  return ms > 0 ? ms : undefined;
}

/** What parseAge reads, for people. */
export const AGE = "a time from 1h, such as 12h, 30d or 8w";
const HOURS: Readonly<Record<string, number>> = { h: 1, d: 24, w: 168 };

/** Milliseconds. */
export function parseAge(value: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6}) ?([hdw])$/.exec(value) ?? [];
  const hours = Number(count) * (HOURS[unit] ?? 0);
  return hours >= 1 ? hours * 3_600_000 : undefined;
}

export function parseWhole(value: string, min: number, max: number): number | undefined {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}

/** When a run stops because of bad rows; null: never for this reason. */
export interface StopAfter {
  /** So many bad rows. */
  readonly rows: number | null;
  /** So many of a hundred. */
  readonly percent: number | null;
}

/** "100", "5%", or both, in either order. */
export function parseStopAfter(value: string): StopAfter | undefined {
  if (value === "none") return { rows: null, percent: null };
  const parts = value.split(",").map((part) => part.trim());
  const [shares, counts] = [parts.filter((part) => part.endsWith("%")), parts.filter((part) => !part.endsWith("%"))];
  if (shares.length > 1 || counts.length > 1) return undefined;
  const [rows] = counts.map((count) => parseWhole(count, 1, 999_999_999));
  const [percent] = shares.map((share) => parsePercent(share));
  if (rows === undefined && counts.length > 0) return undefined;
  if (percent === undefined && shares.length > 0) return undefined;
  return { rows: rows ?? null, percent: percent ?? null };
}

function parsePercent(value: string): number | undefined {
  const percent = Number(/^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(value)?.[1]);
  return percent > 0 && percent <= 100 ? percent : undefined;
}
