// Real processes of `serve` and `watch`, killed again and again: no file is lost, none is applied twice, and no row is sent again without need.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { systemClock } from "../../src/clock.ts";
import type { Simulator } from "../../src/endpoint/simulator.ts";
import { listRuns, runFolder } from "../../src/settle/run-folder.ts";
import { readLedger, sentTo } from "../crash/evidence.ts";
import { type Instant, LOST, readLate, resentWithoutCause } from "../crash/resent.ts";
import { until, usePipeline } from "../pipeline/support.ts";
import { isTry, MOMENTS, type Moment, ROWS, seeded } from "./moments.ts";

/** An answer that a busy machine reads later than that is no answer, and its row is sent again. */
const TIMEOUT_MS = 1_500;
const LATENCY_MS = 10;
const JOBS = {
  upload: `columns: { customerId: "Cust ID" }, watch: { inbox: "../inbox", settle: "100ms" }`,
  nightly: `columns: { customerId: "Cust ID" }, schedule: { cron: "* * * * * *", input: { glob: "../exports/*.csv", pick: "all" } }`,
};

const pipeline = usePipeline();
const at = (...names: string[]) => join(pipeline.cli.folder, ...names);

/** Names of the files that were dropped, by what has to become of them. */
const makeDropped = () => ({
  archived: [] as string[],
  scheduled: [] as string[],
  refused: [] as string[],
  repeated: [] as string[],
});
type Dropped = ReturnType<typeof makeDropped>;

const summaryShape = z.object({ file: z.object({ name: z.string() }), state: z.string(), read: z.number() });

describe("updraft serve", () => {
  // By turns with its worker and without, each moment both ways: a worker that is left ends what it has in flight.
  const trials = [0, 1].flatMap((pass) =>
    Object.values(MOMENTS).map((moment, i) => ({ moment, alone: (i + pass) % 2 === 0 })),
  );
  it(`killed at any of ${trials.length} moments and started again, loses no file and applies none twice`, async () => {
    await survive(["serve", "--jobs", at("jobs"), "--listen", "127.0.0.1:0"], trials, true);
  }, 600_000);
});

describe("updraft watch", () => {
  it("killed and started again, loses no file and applies none twice", async () => {
    const trials = [
      { moment: MOMENTS["when a request is in flight"], alone: true },
      { moment: MOMENTS["when reports are on their way"], alone: false },
    ];
    await survive(["watch", "--jobs", at("jobs"), "--job", "upload"], trials, false);
  });
});

interface Trial {
  readonly moment: Moment;
  /** Its worker is not killed with it. */
  readonly alone: boolean;
}

async function survive(args: readonly string[], trials: readonly Trial[], scheduled: boolean): Promise<void> {
  const simulator = await pipeline.simulate({ recordProperty: "email", latency: LATENCY_MS });
  for (const folder of ["inbox", "exports", "jobs"]) mkdirSync(at(folder));
  for (const [name, fields] of Object.entries(JOBS)) {
    const job = `{ name: "${name}", timeout: "${TIMEOUT_MS}ms", ${fields} }`;
    writeFileSync(at("jobs", `${name}.ts`), `export default ${job};\n`);
  }
  const dropped = makeDropped();
  const random = seeded(5);
  const instants: Instant[] = [];
  for (const [trial, { moment, alone }] of trials.entries()) {
    drop(dropped, trial, scheduled);
    const running = pipeline.start(args);
    await moment({ running, simulator, at }, random());
    const killed = systemClock.wall();
    if (alone) running.child.kill("SIGKILL");
    else process.kill(-running.pid, "SIGKILL");
    await running.ended;
    // What was sent before the kill, the endpoint in this process reads after it.
    const after = systemClock.wall() - killed;
    instants.push(alone ? { at: killed, ...LOST.nothing } : { at: killed, ...LOST.worker, after });
  }

  const last = pipeline.start(args);
  const files = [...dropped.archived, ...dropped.scheduled];
  await until(() => inFolders("inbox", "working").length === 0 && completed().length === files.length);
  last.child.kill("SIGTERM");
  expect(await last.ended).toMatchObject({ code: 0 });

  expect(completed().sort()).toEqual(files.sort());
  expect(inFolders("archive")).toEqual(dropped.archived);
  expect(inFolders("outbox")).toEqual([...dropped.archived, ...dropped.repeated].sort());
  const refused = [...dropped.refused, ...dropped.repeated];
  expect(inFolders("refused")).toEqual(refused.flatMap((name) => [name, `${name}.reason.json`]).sort());
  await judge(simulator, instants, dropped);
}

/** One or two files for the inbox, and now and then one for the schedule, one that is no run, and one that was run before. */
function drop(dropped: Dropped, trial: number, scheduled: boolean): void {
  const { archived } = dropped;
  const number = () => archived.length + dropped.scheduled.length;
  const name = (kind: string, n: number) => `${kind}-${String(n).padStart(3, "0")}.csv`;
  const put = (folder: string, file: string, content: string) => {
    writeFileSync(at(`${file}.part`), content);
    renameSync(at(`${file}.part`), at(folder, file));
    return file;
  };
  if (trial % 5 === 0) dropped.refused.push(put("inbox", name("bad", trial), "customerId\ncsta_1\n"));
  if (trial > 3) dropped.repeated.push(put("inbox", name("again", trial), rowsOf(numberOf(archived[0] ?? ""))));
  if (scheduled && trial % 3 === 0)
    dropped.scheduled.push(put("exports", name("export", number()), rowsOf(number(), "export")));
  for (let i = 0; i <= trial % 2; i++) archived.push(put("inbox", name("file", number()), rowsOf(number())));
}

/** The first customer is in all files of the inbox: their order holds across what kills. */
function rowsOf(file: number, first = "all"): string {
  const id = (row: number) => (row === 0 && first === "all" ? "csta_all" : `csta_${file}_${row}`);
  const rows = Array.from({ length: ROWS }, (_, row) => `${id(row)},Ann,a${file}.${row}@example.com\n`);
  return `Cust ID,firstName,email\n${rows.join("")}`;
}

const numberOf = (file: string) => Number(/\d+/.exec(file)?.[0]);
/** Of a row among those of all files. @param email as rowsOf made it */
function rowOf(email: string | null): number {
  const [file, row] = (email ?? "").slice(1).split(/[.@]/).map(Number);
  return (file ?? 0) * ROWS + (row ?? 0);
}

/** What the endpoint saw: each row once, and once more only where its answer may have died with who was killed. */
async function judge(simulator: Simulator, instants: readonly Instant[], dropped: Dropped): Promise<void> {
  const { archived, scheduled } = dropped;
  const customers = [...simulator.customers()].map(({ customerId }) => customerId);
  expect(customers).toHaveLength(archived.length * (ROWS - 1) + 1 + scheduled.length * ROWS);
  expect(simulator.customer("csta_all")?.email).toBe(`a${numberOf(archived.at(-1) ?? "")}.0@example.com`);
  const requests = sentTo(simulator, rowOf);
  const settled = new Map(
    runs().flatMap(({ dir, summary }) =>
      readLedger(join(dir, "ledger.db")).map(({ row, at: when }) => {
        return [numberOf(summary?.file.name ?? "") * ROWS + row - 1, when] as const;
      }),
    ),
  );
  expect(settled.size).toBe((archived.length + scheduled.length) * ROWS);
  const lag = readLate(requests, settled, instants);
  expect(resentWithoutCause(requests, instants, TIMEOUT_MS, lag)).toEqual([]);
  for (const { dir, summary } of runs()) {
    const name = summary?.file.name ?? "";
    const folder = scheduled.includes(name) ? "exports" : "archive";
    expect(readLedger(join(dir, "ledger.db"))).toHaveLength(ROWS);
    const run = dir.split("/").at(-1) ?? "";
    if (numberOf(name) % 10 === 0)
      expect(await pipeline.ask(["verify", run, "--jobs", at("jobs"), "--file", at(folder, name)])).toMatchObject({
        code: 0,
      });
  }
}

function runs() {
  return listRuns(pipeline.dataDir).map((run) => {
    const dir = runFolder(pipeline.dataDir, run);
    try {
      return { dir, summary: summaryShape.parse(JSON.parse(readFileSync(join(dir, "summary.json"), "utf8"))) };
    } catch {
      return { dir, summary: null };
    }
  });
}

/** Names of the files whose run is over, each as often as it was run. */
function completed(): string[] {
  return runs().flatMap(({ summary }) => (summary?.state === "complete" ? [summary.file.name] : []));
}

/** Names in these folders, but for what a start tried them with; folders of files that are run, by their files. */
function inFolders(...folders: string[]): string[] {
  return folders.flatMap((folder) => {
    const names = folder === "working" ? filesBelow(at(folder)) : readdirSync(at(folder));
    return names.filter((name) => !isTry(name)).sort();
  });
}

/** Names of the files that are run, each in a folder of its own, which may be gone by the time it is looked into. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    try {
      return readdirSync(join(folder, name)).filter((file) => file.endsWith(".csv"));
    } catch {
      return [];
    }
  });
}
