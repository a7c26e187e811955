// Measured runs in; their medians out, and the bars they must reach.
import type { Measured, Variant } from "./variants.ts";

export interface Figures {
  /** Median, slowest and fastest run. */
  readonly rowsPerSecond: number;
  readonly slowest: number;
  readonly fastest: number;
  readonly workSeconds: number;
  readonly wallSeconds: number;
  /** Of all its processes. */
  readonly cpuPer100k: number;
  /** Bytes, by process; the largest over the runs. */
  readonly peaks: ReadonlyMap<string, number>;
  readonly redisPeak: number | null;
}

export type Results = ReadonlyMap<Variant, Figures>;

export interface Bar {
  readonly name: string;
  readonly needed: string;
  readonly reached: string;
  readonly met: boolean;
}

export const MB = 1024 * 1024;
const SLOTS = 64;

export function summarize(runs: readonly Measured[]): Figures {
  const speeds = runs.map(rowsPerSecond);
  const cpu = (run: Measured) => run.costs.reduce((sum, cost) => sum + cost.cpuSeconds, 0) * (100_000 / run.rows);
  const peaks = new Map<string, number>();
  for (const { name, peakBytes } of runs.flatMap((run) => run.costs)) {
    peaks.set(name, Math.max(peaks.get(name) ?? 0, peakBytes));
  }
  const redis = runs.flatMap((run) => run.redisPeakBytes ?? []);
  return {
    rowsPerSecond: median(speeds),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
    workSeconds: median(runs.map((run) => run.workMs / 1_000)),
    wallSeconds: median(runs.map((run) => run.wallMs / 1_000)),
    cpuPer100k: median(runs.map(cpu)),
    peaks,
    redisPeak: redis.length > 0 ? Math.max(...redis) : null,
  };
}

export function rowsPerSecond({ rows, workMs }: Pick<Measured, "rows" | "workMs">): number {
  return (rows * 1_000) / Math.max(workMs, 1);
}

/** Of an even number of values the lower of the two in the middle: one that was measured. */
function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** A run counts only if the endpoint got each row once, and the variant found each updated; a check sends nothing. */
export function miscounted(variant: Variant, { rows, sent, answered }: Measured): string | null {
  const due = variant === "check" ? 0 : rows;
  if (sent === due && answered === rows) return null;
  return `(${variant}) answered ${answered} of ${rows} rows, and the endpoint received ${sent} updates instead of ${due}`;
}

export function speedBars(results: Results): Bar[] {
  const own = results.get("d")?.rowsPerSecond;
  const against = (other: Variant, needed: number): Bar[] => {
    const theirs = results.get(other)?.rowsPerSecond;
    return own === undefined || theirs === undefined ? [] : [atLeast(`(d) / (${other})`, needed, own / theirs)];
  };
  const check = results.get("check")?.rowsPerSecond;
  const bars = [against("a", 0.65), against("b1", 3), against("b2", 0.8), against("c", 2.2), against("d0", 0.9)].flat();
  if (check === undefined) return bars;
  return [...bars, { name: "check, rows/s", needed: "≥ 50,000", reached: count(check), met: check >= 50_000 }];
}

/**
 * What 64 slots allow where every `every`-th row takes `slowMs`, in rows/s: slots / mean service time, (1 - 1/every) * fast +
 * slowMs / every, with 0 for a fast row: no client can do better.
 */
export function slotsAllow({ every, slowMs }: { readonly every: number; readonly slowMs: number }): number {
  return (SLOTS * every * 1_000) / slowMs;
}

export function slowBar(allowed: number, { rowsPerSecond }: Figures): Bar {
  return atLeast("(d) with slow rows / what the slots allow", 0.8, rowsPerSecond / allowed);
}

/** Memory is flat if ten times the rows take at most a quarter more. */
export function memoryBars(small: Figures, large: Figures): Bar[] {
  const bars = (name: string, limit: number, before: number | null, after: number): Bar[] => {
    const bar = { name: `${name}, peak`, needed: `≤ ${limit} MB`, reached: `${count(after / MB)} MB` };
    const peak = { ...bar, met: after <= limit * MB };
    // Redis rewrites its append-only file only where that has grown: nothing to compare with.
    if (before === null) return [peak];
    const growth = after / before;
    const flat = {
      name: `${name}, ten times the rows`,
      needed: "≤ 1.25",
      reached: growth.toFixed(2),
      met: growth <= 1.25,
    };
    return [peak, flat];
  };
  const processes = [...large.peaks].flatMap(([name, peak]) => bars(name, 250, small.peaks.get(name) ?? null, peak));
  // Not measured is not met.
  return [...processes, ...bars("Redis used_memory", 64, small.redisPeak ?? 0, large.redisPeak ?? Number.NaN)];
}

function atLeast(name: string, needed: number, reached: number): Bar {
  return { name, needed: `≥ ${needed}`, reached: reached.toFixed(2), met: reached >= needed };
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
