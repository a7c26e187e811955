// Results of trials in; a line for each, and a table of what each kind came to, out.
import { tableOf } from "../bench/table.ts";
import { KINDS, type Kind } from "./plan.ts";
import type { Result } from "./trial.ts";

export function lineOf(result: Result, isVoid = false): string {
  const { plan, violations, resent, bound, seconds, stood, told } = result;
  const [when = 0] = plan.instants;
  const figures = `${seconds.toFixed(1).padStart(5)} s  request ${String(when).padStart(5)}  resent ${resent} of ${bound}`;
  const verdict = violations.length === 0 ? "ok  " : isVoid ? "void" : "FAIL";
  const line = `${verdict} ${plan.kind.padEnd(18)} seed ${String(plan.seed).padEnd(6)} ${figures}  ${told}`;
  const again = `npm run torture -- --kind ${plan.kind} --trials 1 --seed ${plan.seed} --rows ${plan.rows} --timeout ${plan.timeout}`;
  return violations.length === 0
    ? line
    : [
        line,
        ...violations.map((why) => `     ${why}`),
        `     the endpoint stood still for up to ${stood} ms; again: ${again}`,
      ].join("\n");
}

export interface Figures {
  readonly kind: Kind;
  readonly trials: number;
  readonly violations: number;
  readonly resent: { readonly median: number; readonly max: number };
  readonly seconds: { readonly median: number; readonly max: number };
}

export function summarize(results: readonly Result[]): Figures[] {
  return KINDS.flatMap((kind) => {
    const of = results.filter(({ plan }) => plan.kind === kind);
    if (of.length === 0) return [];
    return {
      kind,
      trials: of.length,
      violations: of.filter(({ violations }) => violations.length > 0).length,
      resent: spread(of.map(({ resent }) => resent)),
      seconds: spread(of.map(({ seconds }) => seconds)),
    };
  });
}

function spread(values: readonly number[]): { median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[(sorted.length - 1) >> 1] ?? 0, max: sorted.at(-1) ?? 0 };
}

export function resultTable(figures: readonly Figures[]): string {
  const head = ["kind", "trials", "with violations", "resent, median", "resent, most", "s, median", "s, most"];
  const lines = figures.map(({ kind, trials, violations, resent, seconds }) => [
    kind,
    ...[trials, violations, resent.median, resent.max].map(String),
    ...[seconds.median, seconds.max].map((value) => value.toFixed(1)),
  ]);
  return tableOf(head, lines);
}
