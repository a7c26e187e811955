// A folder and what to do in, what came of it on stdout: the ledger as another process meets it. Used by ledger.test.ts.
import { UpdraftError } from "../../src/errors.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { outcome } from "../queue/support.ts";

const [, , act = "", dir = ""] = process.argv;

/** Holds the ledger until it is killed. */
async function hold(): Promise<string> {
  const ledger = openLedger(dir);
  ledger.write([outcome(1), outcome(2, { status: "failed", cause: { code: "extCondor" } })], [], { highest: "2" });
  await ledger.sync();
  setInterval(() => {}, 60_000);
  return "held";
}

/** Writes until the disk is full, and once more. */
async function fill(): Promise<string> {
  const ledger = openLedger(dir);
  let row = 0;
  const codes: string[] = [];
  while (codes.length < 2 && row < 100_000) {
    try {
      const rows = Array.from({ length: 500 }, (_, i) => outcome(row + 1 + i, { cause: { code: "x".repeat(200) } }));
      ledger.write(rows);
      await ledger.sync();
      row += rows.length;
    } catch (error) {
      codes.push(error instanceof UpdraftError ? `${error.code} ${error.exit}` : String(error));
    }
  }
  return JSON.stringify({ codes, kept: ledger.size() === row && [...ledger.outcomes()].length === row });
}

const acts: Readonly<Record<string, () => Promise<string>>> = { hold, fill };
process.stdout.write(`${await acts[act]?.()}\n`);
