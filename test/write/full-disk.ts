// A folder in; writes a report of some megabytes there and prints the error that ended it. Run under `ulimit -f`.
import { UpdraftError } from "../../src/errors.ts";
import type { Row } from "../../src/parse/row.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { writeReport } from "../../src/write/report.ts";

const rows: Row[] = Array.from({ length: 20_000 }, (_, index) => ({
  kind: "cells",
  row: index + 1,
  line: index + 2,
  cells: [`customer-${index}`],
}));
const plan: Plan = {
  fingerprint: "",
  warnings: [],
  customerIdColumn: 0,
  plan: ({ row, line }) => ({ kind: "update", row, line, customerId: "c", body: "{}" }),
  customerId: () => "c",
  changes: () => [],
  locate: () => ({ column: null, property: "" }),
};
const outcomes = rows.map(({ row }) => {
  const plain = { attempts: 1, http: 200, at: 0, ambiguous: false, latency: 1, cause: null };
  return { row, status: "updated", ...plain } as const;
});

async function* blocks() {
  yield rows;
}

try {
  await writeReport({
    reader: { columns: ["customerId"], dialect: null, eol: null, confidence: 1, about: [], rows: 1, blocks },
    plan,
    format: "csv",
    dir: process.argv[2] ?? "",
    outcomes,
  });
} catch (error) {
  if (!(error instanceof UpdraftError)) throw error;
  process.stdout.write(JSON.stringify({ code: error.code, exit: error.exit }));
}
