import { mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listRuns } from "../../src/settle/run-folder.ts";
import type { Running } from "../cli/support.ts";
import { until, usePipeline } from "../pipeline/support.ts";

const TRIALS = 20;
const ROWS = 5;
/** Files dropped before each trial. */
const FILES = 2;

type Moment = (running: Running, at: (name: string) => string, random: number) => Promise<unknown>;

/** A run takes some hundredths of a second, a file's way through the folders some thousandths: those are met by what they do there. */
const MOMENTS: readonly Moment[] = [
  async (running, _at, random) => {
    await Promise.race([running.line(), running.ended]);
    await passed(random * 120);
  },
  (running, at) => somethingIn(at("outbox"), running),
  (running, at) => somethingIn(at("working"), running),
  (running, at) => somethingIn(at("archive"), running),
  (_running, _at, random) => passed(random * 400),
];

/** A file is on its way through that folder: its start has tried the folder with a name, and the second is another's. */
async function somethingIn(folder: string, { ended }: Running): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const names = new Set<string>();
  const watcher = watch(folder);
  const come = new Promise<void>((resolve) => {
    watcher.on("change", (_event, name) => {
      if (names.add(String(name)).size > 1) resolve();
    });
  });
  await Promise.race([come, ended]);
  watcher.close();
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const pipeline = usePipeline();

/** Mulberry32: the moments of a trial are the same each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe("updraft watch", () => {
  it(`killed at any of ${TRIALS} moments and started again, loses no file and applies none twice`, async () => {
    const simulator = await pipeline.simulate();
    const at = (...names: string[]) => join(pipeline.cli.folder, ...names);
    mkdirSync(at("inbox"));
    const args = ["watch", at("inbox"), "--settle", "100ms", "--timeout", "500ms", "--log-level", "error"];
    let files = 0;
    const drop = () => {
      // The first customer is in all of them: the order of the files holds across what kills.
      const id = (row: number) => (row === 0 ? "csta_all" : `csta_${files}_${row}`);
      const rows = Array.from({ length: ROWS }, (_, row) => `${id(row)},Ann,a${files}.${row}@example.com\n`);
      writeFileSync(at("inbox", nameOf(files++)), `customerId,firstName,email\n${rows.join("")}`);
    };
    const random = seeded(5);
    for (let trial = 0; trial < TRIALS; trial++) {
      for (let i = 0; i < FILES; i++) drop();
      const running = pipeline.start(args);
      running.ended.catch(() => {});
      await MOMENTS[trial % MOMENTS.length]?.(running, at, random());
      // By turns with its worker and without: a worker that is left ends what it has in flight.
      if (trial % 2 === 0) running.child.kill("SIGKILL");
      else process.kill(-running.pid, "SIGKILL");
      await running.ended;
    }

    const last = pipeline.start(args);
    await until(() => [...filesIn(at("inbox")), ...filesIn(at("working"))].length === 0);
    last.child.kill("SIGTERM");
    expect(await last.ended).toMatchObject({ code: 0 });

    const names = Array.from({ length: files }, (_, i) => nameOf(i));
    expect(readdirSync(at("archive")).sort()).toEqual(names);
    expect(readdirSync(at("outbox")).sort()).toEqual(names);
    expect([filesIn(at("inbox")), filesIn(at("working")), filesIn(at("refused"))]).toEqual([[], [], []]);
    const runs = listRuns(pipeline.dataDir);
    expect(runs).toHaveLength(files);
    expect([...simulator.customers()]).toHaveLength(files * (ROWS - 1) + 1);
    expect(simulator.customer("csta_all")?.email).toBe(`a${files - 1}.0@example.com`);
    // Only what was in flight, or answered and not yet noted, when a process died is sent again: one file at a time.
    expect([...simulator.requests()].length).toBeLessThanOrEqual((files + TRIALS) * ROWS);
    for (const name of [nameOf(0), nameOf(files - 1)]) {
      const { run } = JSON.parse(readFileSync(at("outbox", name, "summary.json"), "utf8"));
      expect(await pipeline.ask(["verify", run, "--file", at("archive", name)])).toMatchObject({ code: 0 });
    }
  }, 180_000);
});

/** A process that dies just before it takes a file leaves a folder without one in `working`, for an hour. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".csv"));
}

function nameOf(file: number): string {
  return `file-${String(file).padStart(3, "0")}.csv`;
}
