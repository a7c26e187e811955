import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openRun } from "../../src/queue/open-run.ts";
import { explainRow, verify } from "../../src/runs/inspect.ts";
import { interrupt } from "../cli/support.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

type Damage = readonly [what: string, damage: (file: string) => void, sentence: RegExp];

/** Its middle half, so that it is not free space alone that is hit. */
function overwrite(file: string, byte: string | number): void {
  const content = readFileSync(file);
  writeFileSync(file, content.fill(byte, content.length / 4, (content.length * 3) / 4));
}

/** What the form of the file does not betray. */
function flip(file: string): void {
  const db = new DatabaseSync(file);
  db.exec("UPDATE outcomes SET status = 3 WHERE row = (SELECT min(row) FROM outcomes WHERE status = 0)");
  db.close();
}

const DAMAGES: readonly Damage[] = [
  ["noise in its middle", (file) => overwrite(file, "noise "), /ledger\.db is damaged: /],
  ["zeros in its middle", (file) => overwrite(file, 0), /ledger\.db is damaged: /],
  ["one outcome that nobody wrote", flip, /ledger\.db is damaged: its outcomes are not those that were written/],
  ["half of it cut off", (file) => truncateSync(file, readFileSync(file).length / 2), /ledger\.db is damaged: /],
  ["nothing in it", (file) => truncateSync(file, 0), /ledger\.db is damaged: it is empty/],
  ["its file gone", (file) => rmSync(file), /ledger\.db is damaged: it is empty/],
  ["no database in it", (file) => writeFileSync(file, "customerId,email\n".repeat(500)), /ledger\.db is damaged: /],
  [
    "another program's database in its place",
    (file) => {
      rmSync(file);
      const other = new DatabaseSync(file);
      other.exec("CREATE TABLE songs (name TEXT)");
      other.close();
    },
    /is a database, but not a ledger of Updraft/,
  ],
  [
    "a newer version's ledger",
    (file) => {
      const db = new DatabaseSync(file);
      db.exec("PRAGMA user_version = 99");
      db.close();
    },
    /written by a newer Updraft: ledger version 99/,
  ],
];

describe("a run whose ledger is damaged, foreign or newer", () => {
  test("goes on in no case, says why, and sends nothing; with the ledger restored it completes", async () => {
    const simulator = await path.simulate({ latency: 10 });
    const rows = makeRows(800, 800);
    const file = path.file("in.csv", toCsv(rows));
    const running = path.given([file, "--concurrency", "8"]);
    await until(() => simulator.stats().effects >= 250);
    interrupt();
    const { summary } = await running;
    const ledger = join(summary.reports.dir, "ledger.db");
    const copy = join(path.cli.folder, "copy.db");
    copyFileSync(ledger, copy);
    const { requests } = simulator.stats();
    const { run } = summary;
    const commands = [
      ["run", file],
      ["cancel", run],
    ];
    const client = redis.connect();
    const about = { run, file: null, settings: { dataDir: path.dataDir } };
    for (const [what, damage, sentence] of DAMAGES) {
      damage(ledger);
      const damaged = existsSync(ledger) ? readFileSync(ledger) : null;
      const said = damaged === null ? /has no ledger/ : sentence;
      await expect(verify(about), what).rejects.toMatchObject({ message: expect.stringMatching(said), exit: 5 });
      await expect(explainRow(about, 1), what).rejects.toMatchObject({ message: expect.stringMatching(said) });
      const resumed = openRun(client, path.dataDir, run, false, systemClock);
      await expect(resumed, what).rejects.toMatchObject({ message: expect.stringMatching(sentence), exit: 5 });
      if (damaged !== null) expect([what, readFileSync(ledger).equals(damaged)]).toEqual([what, true]);
      // A process for one of them: what it prints is the same for all.
      for (const command of damage === flip ? commands : []) {
        const { code, stdout, stderr } = await path.start(command).ended;
        expect({ what, command, code, stdout }).toEqual({ what, command, code: 5, stdout: "" });
        expect(stderr).toMatch(sentence);
        expect(stderr).toMatch(/^updraft: .*\n {2}\S.*\n$/m);
        expect(stderr).not.toMatch(/^\s+at |mistake in the program/m);
      }
      rmSync(ledger, { force: true });
      copyFileSync(copy, ledger);
    }
    expect(simulator.stats().requests).toBe(requests);

    const { code, summary: whole } = await path.given([file]);
    expect(code).toBe(0);
    expect(whole).toMatchObject({ run: summary.run, state: "complete", balanced: true, counts: { updated: 800 } });
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    expect(await verify(about)).toMatchObject({ agrees: true });
  });
});
