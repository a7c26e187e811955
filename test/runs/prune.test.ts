// Old runs, finished and not, in a data folder; which of them prune takes away, whoever else is at work there.
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Pruned, prune } from "../../src/runs/prune.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { writeOrigin } from "../../src/settle/origin.ts";
import { AT, makeFakeClock, outcome, useFolder } from "../queue/support.ts";

const folder = useFolder();
const DAY = 86_400_000;
const clock = makeFakeClock();
const now = AT;

interface Made {
  readonly state: string;
  /** Days before now that it ended, or was last written to. */
  readonly days: number;
  readonly written?: number;
}

function makeRun(dataDir: string, run: string, { state, days, written = days }: Made): string {
  const dir = join(dataDir, "runs", run);
  const ledger = openLedger(dir);
  const input = { path: `/in/${run}.csv`, name: `${run}.csv`, format: "csv", bytes: 1, sha256: "ab" } as const;
  const rest = { job: "default", mapping: { set: {}, ignoreColumns: [] }, limit: null, baseUrl: "http://localhost" };
  writeOrigin(ledger, { v: 1, encoding: "utf-8", ...input, ...rest });
  const end = { end: new Date(now - days * DAY).toISOString() };
  ledger.write([outcome(1)], [], { state, ...(state === "running" ? {} : end) });
  ledger.close();
  writeFileSync(join(dir, "success.csv"), "x".repeat(1_000));
  const at = (now - written * DAY) / 1_000;
  utimesSync(join(dir, "ledger.db"), at, at);
  return dir;
}

const prunedOf = (dataDir: string, dryRun = false) => prune({ dataDir, olderThan: 30 * DAY, dryRun }, clock);
const namesOf = (list: Pruned["runs"]) => list.map(({ run }) => run);
const runsIn = (dataDir: string) => readdirSync(join(dataDir, "runs"));

describe("prune", () => {
  test("removes what ended complete or cancelled longer ago, and says how much that was", async () => {
    const dir = await folder.dir();
    makeRun(dir, "old", { state: "complete", days: 31 });
    makeRun(dir, "stopped", { state: "cancelled", days: 400 });
    makeRun(dir, "new", { state: "complete", days: 29 });
    const would = await prunedOf(dir, true);
    expect([namesOf(would.runs), runsIn(dir)]).toEqual([
      ["old", "stopped"],
      ["new", "old", "stopped"],
    ]);
    expect(would.bytes).toBeGreaterThan(2_000);
    const done = await prunedOf(dir);
    expect(done).toEqual(would);
    expect(done.runs[0]).toMatchObject({ run: "old", file: "old.csv", state: "complete" });
    expect([runsIn(dir), readdirSync(join(dir, "trash"))]).toEqual([["new"], []]);
    expect(await prunedOf(dir)).toEqual({ runs: [], checks: 0, bytes: 0, unfinished: [], held: [], unreadable: [] });
  });

  test.each(["running", "interrupted", "blocked", "stopped"])(
    "keeps one that is %s, however old, and names it",
    async (state) => {
      const dir = await folder.dir();
      makeRun(dir, "open", { state, days: 1_000 });
      const { runs, unfinished } = await prunedOf(dir);
      expect([runs, runsIn(dir)]).toEqual([[], ["open"]]);
      expect(unfinished).toMatchObject([
        { run: "open", state, file: "open.csv", at: new Date(now - 1_000 * DAY).toISOString() },
      ]);
    },
  );

  test("goes by the end that the ledger tells: a copy with older times is not older", async () => {
    const dir = await folder.dir();
    makeRun(dir, "restored", { state: "complete", days: 2, written: 300 });
    expect(namesOf((await prunedOf(dir)).runs)).toEqual([]);
    expect(runsIn(dir)).toEqual(["restored"]);
  });

  test("leaves alone what a process holds, and what has no ledger that can be read", async () => {
    const dir = await folder.dir();
    const held = folder.keep(openLedger(makeRun(dir, "held", { state: "complete", days: 90 })));
    writeFileSync(join(makeRun(dir, "torn", { state: "complete", days: 90 }), "ledger.db"), "no database ".repeat(400));
    mkdirSync(join(dir, "runs", "none"));
    for (const path of [join(dir, "runs", "torn", "ledger.db"), join(dir, "runs", "none")]) utimesSync(path, 1, 1);
    const { runs, held: busy, unreadable } = await prunedOf(dir);
    expect({ runs, busy }).toEqual({ runs: [], busy: ["held"] });
    expect(unreadable.map(({ run }) => run)).toEqual(["none", "torn"]);
    expect(runsIn(dir)).toEqual(["held", "none", "torn"]);
    held.close();
  });

  test("removes old checks too, and what a prune that was killed had not removed yet", async () => {
    const dir = await folder.dir();
    for (const name of ["a.csv-2025", "b.csv-2026"]) {
      mkdirSync(join(dir, "checks", name), { recursive: true });
      writeFileSync(join(dir, "checks", name, "errors.csv"), "y".repeat(500));
    }
    utimesSync(join(dir, "checks", "a.csv-2025"), 1, 1);
    mkdirSync(join(dir, "trash", "half"), { recursive: true });
    writeFileSync(join(dir, "trash", "half", "ledger.db"), "");
    expect(await prunedOf(dir)).toMatchObject({ runs: [], checks: 1, bytes: 500 });
    expect(readdirSync(join(dir, "checks"))).toEqual(["b.csv-2026"]);
    expect(readdirSync(join(dir, "trash"))).toEqual([]);
  });

  test("run many times at once removes each run once", async () => {
    const dir = await folder.dir();
    const names = Array.from({ length: 30 }, (_, i) => `run${String(i).padStart(2, "0")}`);
    for (const name of names) makeRun(dir, name, { state: "complete", days: 60 });
    const all = await Promise.all(Array.from({ length: 4 }, () => prunedOf(dir)));
    expect(all.flatMap(({ runs }) => namesOf(runs)).toSorted()).toEqual(names);
    expect(all.flatMap(({ unreadable, held }) => [...unreadable, ...held])).toEqual([]);
    expect([runsIn(dir), readdirSync(join(dir, "trash"))]).toEqual([[], []]);
  });

  test("of a data folder that is not there removes nothing, and makes nothing", async () => {
    const dir = join(await folder.dir(), "none");
    expect(await prunedOf(dir)).toMatchObject({ runs: [], checks: 0 });
    expect(existsSync(dir)).toBe(false);
  });
});
