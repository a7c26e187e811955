// What becomes of a file's columns, and its first rows, in; a table for people, with the shape of some values and no value, out.
import type { Row } from "../parse/row.ts";
import type { DescribedColumn } from "../plan/describe.ts";
import { trimmed } from "../plan/text.ts";
import { printable } from "./explain.ts";

/** Values shown of a column. */
const SHOWN = 3;
/** Rows that are looked at: a column may be nearly empty. */
const LOOKED_AT = 1_000;
const WIDEST_VALUE = 24;
const WIDEST_NAME = 40;

export interface Sampler {
  add(row: Row): void;
  /** By the column's name. */
  shapes(): ReadonlyMap<string, readonly string[]>;
}

export function makeSampler(columns: readonly string[]): Sampler {
  const found = new Map<string, string[]>(columns.map((column) => [column, []]));
  let open = columns.length;
  let rows = 0;
  return {
    add(row) {
      if (open === 0 || rows >= LOOKED_AT || row.kind === "bad") return;
      rows++;
      for (const [index, column] of columns.entries()) {
        const shapes = found.get(column) ?? [];
        if (shapes.length === SHOWN) continue;
        const shape = shapeOf(row.kind === "cells" ? row.cells[index] : ownOf(row.object, column));
        if (shape !== "" && shapes.push(shape) === SHOWN) open--;
      }
    },
    shapes: () => found,
  };
}

/** A column may be called `constructor`, which every object seems to have. */
function ownOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** `7030` → `9999`, `New Jersey` → `Xxx Xxxxxx`: how a value is written, and nothing of what it says. */
function shapeOf(value: unknown): string {
  if (typeof value === "object" && value !== null) return "{…}";
  const text = trimmed(String(value ?? ""));
  const shape = printable(text)
    .replace(/\p{N}/gu, "9")
    .replace(/\p{Lu}/gu, "X")
    .replace(/[\p{L}\p{M}]/gu, (letter) => (letter === "X" ? letter : "x"));
  return shape.length > WIDEST_VALUE ? `${shape.slice(0, WIDEST_VALUE)}…` : shape;
}

/** Ends with a line end. */
export function renderMapping(columns: readonly DescribedColumn[], shapes: ReturnType<Sampler["shapes"]>): string {
  const lines = columns.map(({ column, use, property, entry, transforms }) => [
    column === null ? `(${use})` : shortened(printable(column)),
    property === null
      ? use === "report"
        ? "of an earlier report"
        : "left out"
      : `→ ${property}${entry === null ? "" : `, ${entry}`}`,
    transforms.map(printable).join(", "),
    (column === null ? [] : (shapes.get(column) ?? [])).join("  "),
  ]);
  const all = [["COLUMN", "PROPERTY", "TRANSFORMS", `FIRST VALUES (9: a digit, x: a letter)`], ...lines];
  const kept = all[0]?.map((_, index) => index !== 2 || lines.some((line) => line[index] !== "")) ?? [];
  const widths = all[0]?.map((_, index) => Math.max(...all.map((line) => line[index]?.length ?? 0))) ?? [];
  const row = (line: readonly string[]) => line.map((cell, index) => cell.padEnd(widths[index] ?? 0));
  return all
    .map(
      (line) =>
        `${row(line)
          .filter((_, index) => kept[index])
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function shortened(name: string): string {
  return name.length > WIDEST_NAME ? `${name.slice(0, WIDEST_NAME)}…` : name;
}
