// What a file is like and what the last files of its job were like in; which figures fall far outside of theirs, side by side, out.
import type { Profile } from "./profile.ts";

/** What is kept of a file: figures and names of columns. */
export interface Health {
  readonly rows: number;
  readonly customers: number;
  /** By the column's name: how many rows have nothing in it, as a share, and how long what is there is on average, in characters. */
  readonly columns: Readonly<Record<string, { readonly empty: number; readonly length: number }>>;
  /** By kind of damage: how many of the values have it, as a share of the rows. */
  readonly damages: Readonly<Record<string, number>>;
}

/** One figure beside those of the last files. */
export interface Compared {
  readonly figure: string;
  readonly now: string;
  /** `98,211 to 101,420`. */
  readonly before: string;
  readonly outside: boolean;
}

/** So many files of a job are looked back on; with fewer than LEAST nothing is said. */
export const LOOK_BACK = 10;
const LEAST = 3;

/** Fewer rows more or less are nothing, whatever the figure: in a file of ten rows one of them is a tenth. */
const FEW = 10;
/** Counts and lengths: less than two thirds of the least, or more than half as much again as the most. */
const FACTOR = 1.5;
/** Shares, of empty cells: so far beyond what they were. */
const EMPTY_POINTS = 0.1;
/** Shares, of damaged values: they should be none. */
const DAMAGE_POINTS = 0.01;

export function healthOf({ rows, customers, columns, findings }: Profile): Health {
  const damages: Record<string, number> = {};
  for (const { damage, count } of findings) damages[damage] = (damages[damage] ?? 0) + count / Math.max(rows, 1);
  return {
    ...{ rows, customers, damages },
    columns: Object.fromEntries(columns.map(({ name, empty, length }) => [name, { empty, length }])),
  };
}

/** Rows and customers always, other figures where they are far outside; empty where too few files came before. */
export function compareHealth(now: Health, before: readonly Health[]): readonly Compared[] {
  const past = before.slice(-LOOK_BACK);
  if (past.length < LEAST) return [];
  const compared = [
    compareCounts(
      "rows",
      now.rows,
      past.map(({ rows }) => rows),
    ),
    compareCounts(
      "customers, about",
      now.customers,
      past.map(({ customers }) => customers),
    ),
  ];
  const names = new Set([...past.flatMap(({ columns }) => Object.keys(columns)), ...Object.keys(now.columns)]);
  for (const name of names) {
    const ofColumn = ({ columns }: Health) => (Object.hasOwn(columns, name) ? columns[name] : undefined);
    const seen = past.flatMap((one) => ofColumn(one) ?? []);
    const here = ofColumn(now);
    // A column that comes and goes tells nothing; one that always was there and is not any more is wholly empty.
    if (seen.length < LEAST || (here === undefined && seen.length < past.length)) continue;
    // One that is gone is gone from however few rows.
    const [empty, rows] = here === undefined ? [1, Number.POSITIVE_INFINITY] : [here.empty, now.rows];
    const shares = seen.map((one) => one.empty);
    compared.push(compareShares(`column "${name}", empty`, empty, shares, EMPTY_POINTS, rows));
    const lengths = seen.map(({ length }) => length);
    if (here !== undefined && (1 - empty) * rows >= FEW)
      compared.push(compareLengths(`column "${name}", characters`, here.length, lengths));
  }
  for (const [damage, share] of Object.entries(now.damages)) {
    const shares = past.map(({ damages }) => (Object.hasOwn(damages, damage) ? (damages[damage] ?? 0) : 0));
    compared.push(compareShares(`damaged values (${damage})`, share, [0, ...shares], DAMAGE_POINTS, now.rows));
  }
  return compared.filter(({ outside }, at) => at < 2 || outside);
}

function compareCounts(figure: string, now: number, past: readonly number[]): Compared {
  const [least, most] = [Math.min(...past), Math.max(...past)];
  const outside = (now < least / FACTOR && least - now >= FEW) || (now > most * FACTOR && now - most >= FEW);
  return { figure, now: whole(now), before: range(least, most, whole), outside };
}

function compareShares(figure: string, now: number, past: readonly number[], points: number, rows: number): Compared {
  const [least, most] = [Math.min(...past), Math.max(...past)];
  const beyond = Math.max(least - now, now - most);
  const outside = beyond > points && beyond * rows >= FEW;
  return { figure, now: percent(now), before: range(least, most, percent), outside };
}

function compareLengths(figure: string, now: number, past: readonly number[]): Compared {
  const [least, most] = [Math.min(...past), Math.max(...past)];
  const short = now < least / FACTOR && least - now > 1;
  const long = most > 0 && now > most * FACTOR && now - most > 1;
  return { figure, now: decimal(now), before: range(least, most, decimal), outside: short || long };
}

/** The figures side by side, a line each, under a line that says what they are. */
export function healthTable(compared: readonly Compared[], files: number): string[] {
  const lines = [
    ["", "this file", `the last ${Math.min(files, LOOK_BACK)} files`, ""],
    ...compared.map(({ figure, now, before, outside }) => [figure, now, before, outside ? "far outside" : ""]),
  ];
  const widths = [0, 1, 2].map((at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

const whole = (figure: number) => figure.toLocaleString("en-US");
const decimal = (figure: number) => figure.toFixed(1);
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

function range(least: number, most: number, write: (figure: number) => string): string {
  return write(least) === write(most) ? write(least) : `${write(least)} to ${write(most)}`;
}
