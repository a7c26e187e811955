// What a trial left on disk, in Redis and among the processes in; the evidence that is judged out.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import { loadLocalSettings } from "../../src/config.ts";
import type { Simulator } from "../../src/endpoint/simulator.ts";
import { verify } from "../../src/runs/inspect.ts";
import { STATUSES } from "../../src/settle/outcome.ts";
import type { Verdict } from "../../src/write/verify.ts";
import type { Evidence, Outcome, Sent } from "./check.ts";
import type { Story } from "./kinds.ts";
import type { Plan } from "./plan.ts";
import { marked } from "./processes.ts";
import { readLate } from "./resent.ts";
import { rowOf } from "./rows.ts";
import { MARK, type Site, sleep } from "./site.ts";

const summaryShape = z.looseObject({
  run: z.string(),
  state: z.string(),
  read: z.number(),
  counts: z.record(z.string(), z.number()),
  reports: z.object({ dir: z.string() }),
});

/** The child of a killed coordinator ends its requests first; nothing else takes longer. */
const PATIENCE_MS = 10_000;
/** Everything a finished run may have in its folder, and its data folder beside that. */
const KEPT = /^(runs\/[0-9a-f]{16}\/(ledger\.(db|input)|success\.csv|errors\.csv|summary\.json))$/;

/** Call it when every process was told to end. */
export async function gather(site: Site, plan: Plan, story: Story, stood: number): Promise<Evidence> {
  const { folder, file, simulator, redis } = site;
  const { ended, dataDir, instants, woke, odd } = story;
  const summary = summaryShape.safeParse(readJson(ended.stdout)).data ?? null;
  const dir = summary?.reports.dir ?? "";
  const processes = await untilNone(() => marked(`${MARK}=${folder}`));
  // Before verify has looked at the ledger: what the run itself left.
  const files = filesOf(folder, "tmp").concat(filesOf(folder, dataDir).filter((name) => !KEPT.test(name)));
  const keys = await redis.client.keys("*");
  const verdict = summary && (await recount(summary.run, join(folder, dataDir)));
  const requests = sentTo(simulator, rowOf);
  const ledger = readLedger(join(dir, "ledger.db"));
  const lag = readLate(requests, new Map(ledger.map(({ row, at }) => [row, at])), instants);
  return {
    ...{ file, requests, ledger, lag, instants, woke, odd, quiet: plan.timeout, stood, summary, exitCode: ended.code },
    customers: new Map([...simulator.customers()].map(({ customerId, email }) => [customerId, email])),
    reported: ["success", "errors", "unsent"].flatMap((name) => readReport(join(dir, `${name}.csv`))),
    verify: { agrees: verdict?.agrees === true, text: JSON.stringify(verdict?.differences ?? "there is no run") },
    left: { processes, keys, files },
  };
}

/** What `updraft verify` does. */
async function recount(run: string, dataDir: string): Promise<Pick<Verdict, "agrees" | "differences">> {
  const settings = loadLocalSettings({ flags: { dataDir }, env: {}, cwd: dataDir });
  return verify({ run, file: null, settings });
}

async function untilNone(look: () => string[]): Promise<string[]> {
  for (let waited = 0; ; waited += 50) {
    const found = look();
    if (found.length === 0 || waited >= PATIENCE_MS) return found;
    await sleep(50);
  }
}

function filesOf(folder: string, name: string): string[] {
  const dir = join(folder, name);
  if (!existsSync(dir)) return [];
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
}

/** @param rowOf which row it was, by the value of the property that the simulator records */
export function sentTo(simulator: Simulator, rowOf: (value: string | null) => number): Sent[] {
  return [...simulator.requests()].map((record) => {
    const { value, customerId, at, wall, endedAt, ending, effectAt, fault } = record;
    const onWall = (moment: number | null) => (moment === null ? null : wall + moment - at);
    const times = { at: wall, endedAt: onWall(endedAt), effectAt: onWall(effectAt) };
    return { row: rowOf(value), customerId: customerId ?? "", ending, fault, ...times };
  });
}

export function readLedger(file: string): (Outcome & { readonly at: number })[] {
  if (!existsSync(file)) return [];
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const found = db.prepare("SELECT row, status, at FROM outcomes ORDER BY row").all();
    return found.map(({ row, status, at }) => ({
      ...{ row: Number(row), status: STATUSES[Number(status)] ?? "?", at: Number(at) },
    }));
  } finally {
    db.close();
  }
}

const reported = z.array(z.looseObject({ updraft_row: z.coerce.number() }));

function readReport(file: string): Outcome[] {
  if (!existsSync(file)) return [];
  const records = reported.parse(parse(readFileSync(file), { columns: true }));
  return records.map(({ updraft_row }) => ({ row: updraft_row, status: "reported" }));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
