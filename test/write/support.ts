// Small rows, plans and outcomes of the real shapes, for the tests of the reports.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { CellsRow, ObjectRow, Reader, Row } from "../../src/parse/row.ts";
import type { Plan } from "../../src/plan/plan.ts";
import type { Outcome } from "../../src/settle/outcome.ts";
import type { StopRule } from "../../src/settle/stop.ts";
import { makeHistogram } from "../../src/write/latency.ts";
import type { SummaryInput } from "../../src/write/summary.ts";

export const AT = Date.UTC(2026, 0, 31, 12, 0, 5, 42);

export function cells(row: number, ...values: string[]): CellsRow {
  return { kind: "cells", row, line: row + 1, cells: values };
}

export function object(row: number, text: string): ObjectRow {
  return { kind: "object", row, line: row, column: 1, object: JSON.parse(text), text };
}

export function bad(row: number, raw: string): Row {
  return {
    kind: "bad",
    row,
    line: row + 1,
    code: "column-count",
    column: null,
    detail: "expected 2 cells, got 3",
    raw,
    cells: null,
  };
}

export function outcome(row: number, given: Partial<Outcome> = {}): Outcome {
  const plain = {
    status: "updated",
    attempts: 1,
    http: 200,
    at: AT,
    ambiguous: false,
    latency: 3,
    cause: null,
  } as const;
  return { row, ...plain, ...given };
}

/** Reads `rows` in blocks of `size`. */
export function readerOf(columns: readonly string[], rows: readonly Row[], size = 2): Reader {
  return {
    columns,
    dialect: null,
    eol: null,
    confidence: 1,
    about: [],
    rows: rows.length,
    async *blocks() {
      for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size);
    },
  };
}

/** Maps `customerId` in column 0 (or `customerIdColumn`), and the last part of a pointer to the column `names` gives it. */
export function planOf(given: { customerIdColumn?: number | null; names?: Record<string, string> } = {}): Plan {
  const { customerIdColumn = 0, names = {} } = given;
  return {
    fingerprint: "f".repeat(64),
    warnings: [],
    customerIdColumn,
    plan: ({ kind, row, line }) =>
      kind === "bad"
        ? {
            kind: "rejection",
            row,
            line,
            problems: [{ column: null, path: null, code: "column-count", message: "expected 2 cells, got 3" }],
          }
        : { kind: "update", row, line, customerId: "c", body: "{}" },
    customerId: (row) => {
      if (row.kind === "cells") return row.cells[customerIdColumn ?? 0] ?? "";
      return row.kind === "object" ? String(row.object.customerId ?? "") : "";
    },
    changes: () => [],
    locate: (_row, path, property) => {
      const name = property ?? path.split("/").at(-1) ?? "";
      return { column: names[name] ?? null, property: name };
    },
  };
}

/** A folder of its own for each call, removed after the test. */
export async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "updraft-write-"));
  folders.push(dir);
  return dir;
}

const folders: string[] = [];
afterEach(async () => {
  for (const dir of folders.splice(0)) await rm(dir, { recursive: true, force: true });
});

/** A complete run of 100,000 rows; `given` replaces parts of it. */
export function summaryInput(given: Partial<SummaryInput> = {}): SummaryInput {
  const latency = makeHistogram();
  for (let ms = 1; ms <= 100; ms += 1) latency.add(ms);
  return {
    run: "nightly-4f2a90c1",
    retryOf: null,
    job: null,
    flags: [],
    epochs: ["nightly-4f2a90c1-1"],
    resumes: 0,
    file: { name: "customers.csv", bytes: 12_345_678, sha256: "ab".repeat(32), format: "csv" },
    baseUrl: "https://someone:secret@api.example.com:8443/v1?key=hidden",
    start: AT,
    end: AT + 8400,
    state: "complete",
    stopped: null,
    read: 100_000,
    counts: { updated: 99_120, unchanged: 0, rejected: 500, failed: 370, unknown: 10, unsent: 0 },
    requests: { sent: 101_230, retried: 1_730 },
    forecast: null,
    ambiguousUpdated: 2,
    superseded: 0,
    answered: 100_000,
    durationMs: 8400.4,
    latency,
    settings: { rate: null, concurrency: 64, attempts: 5, timeoutMs: 10_000 },
    groups: [
      {
        status: "rejected",
        code: "missing",
        column: "State",
        count: 500,
        message: 'column "State" (stateCode): missing',
        firstRows: [
          { row: 17, line: 18 },
          { row: 1023, line: 1026 },
        ],
      },
    ],
    about: ["1 blank line (line 3) left out"],
    warnings: ["the endpoint is deprecated"],
    reports: {
      dir: "/data/runs/nightly-4f2a90c1",
      files: {
        success: "/data/runs/nightly-4f2a90c1/success.csv",
        errors: "/data/runs/nightly-4f2a90c1/errors.csv",
        unsent: null,
      },
    },
    ...given,
  };
}

/** What makes that run one that a rule stopped. */
export function stoppedBy(rule: StopRule): Partial<SummaryInput> {
  const rows = [7, 8].map((row) => ({ row, code: "extCondor/C0900" }));
  const counts = { updated: 98_120, unchanged: 0, rejected: 500, failed: 370, unknown: 10, unsent: 1_000 };
  return {
    state: "stopped",
    counts,
    stopped: { rule, message: "3 rows failed", rows: [...rows, { row: 9, code: null }] },
  };
}
