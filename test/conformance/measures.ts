// A table as it should be and as it was loaded in; the ten measures of Pollock (Vitagliano et al., VLDB 2023) of how near they are, out.
import { normalCell } from "./normal.ts";

export const MEASURES = [
  "success",
  "header precision",
  "header recall",
  "header F1",
  "record precision",
  "record recall",
  "record F1",
  "cell precision",
  "cell recall",
  "cell F1",
] as const;

/** One figure, 0 to 1, for each of MEASURES. */
export type Measured = readonly number[];

type Table = readonly (readonly string[])[];

export const FAILED: Measured = MEASURES.map(() => 0);

/** The first record of each table is its header, whatever it holds. */
export function measure(clean: Table, loaded: Table): Measured {
  const [header] = clean;
  if (header === undefined) return MEASURES.map(() => 1);
  const normal = (table: Table) => table.map((record) => record.map(normalCell));
  const [source, target] = [normal(clean), normal(loaded)];
  const records = (table: Table) => table.slice(1).map((record) => record.join(""));
  return [
    1,
    ...overlap(source[0] ?? [], target[0] ?? []),
    ...overlap(records(source), records(target)),
    ...overlap(clean.flat(), loaded.flat()),
  ];
}

/** Means over all files, each sum of ten: the score, simple and with the weights of the benchmark. */
export function scores(
  files: readonly { readonly name: string; readonly measured: Measured }[],
  weightOf: (name: string) => number,
): { readonly means: readonly number[]; readonly simple: number; readonly weighted: number } {
  const means = MEASURES.map((_, at) => sum(files.map(({ measured }) => measured[at] ?? 0)) / files.length);
  const weights = sum(files.map(({ name }) => weightOf(name)));
  const weighted = sum(files.map(({ name, measured }) => sum(measured) * weightOf(name))) / weights;
  return { means, simple: sum(means), weighted };
}

/** Precision, recall and F1 of two bags. Where nothing should be, anything is right. */
function overlap(source: readonly string[], loaded: readonly string[]): [number, number, number] {
  if (source.length === 0) return [1, 1, 1];
  const left = new Map<string, number>();
  for (const one of source) left.set(one, (left.get(one) ?? 0) + 1);
  let common = 0;
  for (const one of loaded) {
    const count = left.get(one) ?? 0;
    if (count === 0) continue;
    left.set(one, count - 1);
    common++;
  }
  if (common === 0) return [0, 0, 0];
  const [precision, recall] = [common / source.length, common / loaded.length];
  return [precision, recall, (2 * precision * recall) / (precision + recall)];
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, one) => total + one, 0);
}
