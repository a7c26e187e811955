// A seed in; the file of a trial out: every customer several times, at random places, every row with values of its own.
import { makeRandom, type Size } from "./plan.ts";

export interface FileRow {
  readonly row: number;
  readonly customerId: string;
  /** No other row has it: what the endpoint has in the end tells which row came last. */
  readonly email: string;
}

/** The property in which the endpoint's record tells rows apart. */
export const TOLD_BY = "email";

export function makeRows(seed: number, { rows, customers }: Size): FileRow[] {
  const draw = makeRandom(`rows ${seed}`);
  const numbers = Array.from({ length: rows }, (_, i) => i % customers);
  for (let i = rows - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [numbers[i], numbers[j]] = [numbers[j] ?? 0, numbers[i] ?? 0];
  }
  return numbers.map((customer, i) => ({
    row: i + 1,
    customerId: `csta_${seed}_${customer}`,
    email: `row-${i + 1}@example.com`,
  }));
}

export function toCsv(rows: readonly FileRow[]): string {
  const lines = rows.map(({ row, customerId, email }) => `${customerId},${email},"Name ${row}, the only one"`);
  return `customerId,email,lastName\n${lines.join("\n")}\n`;
}

/** 0 for a value that no row of a file has. */
export function rowOf(email: string | null): number {
  return Number(/^row-(\d+)@/.exec(email ?? "")?.[1] ?? 0);
}
