import { appendFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openLedger } from "../../src/settle/ledger.ts";
import { interrupt } from "../cli/support.ts";
import { useRedis } from "../support/redis.ts";
import {
  customersAfter,
  customersOf,
  makeRows,
  type RunSummary,
  recordsOf,
  requestsFor,
  summaryOf,
  toCsv,
  until,
  usePipeline,
} from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const SLOW = ["--concurrency", "4"];
/** Runs a file until so many rows have taken effect, then stops it as Ctrl-C does. */
async function stopAfter(
  effects: number,
  simulator: { stats(): { effects: number } },
  args: readonly string[],
): Promise<RunSummary> {
  const running = path.given([...args, ...SLOW]);
  await until(() => simulator.stats().effects >= effects);
  interrupt();
  const { code, summary } = await running;
  expect({ code, state: summary.state }).toEqual({ code: 130, state: "interrupted" });
  return summary;
}

const refusedWith = (ended: { code: number | null; stdout: string; stderr: string }) => {
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: "" });
  return ended.stderr;
};
const notes = () => readdirSync(join(path.dataDir, "unfinished"));

describe("a file that was run to its end", () => {
  test("is refused renamed, as gzip, as zstd and from standard input, with when it ended and where its report is", async () => {
    const simulator = await path.simulate();
    const content = toCsv(makeRows(5, 5));
    const { summary } = await path.given([path.file("in.csv", content)]);
    const others: [string, string | Buffer][] = [
      ["renamed.txt", content],
      ["in.csv.gz", gzipSync(content)],
      ["other.csv.zst", zstdCompressSync(content)],
      ["in.csv", gzipSync(content, { level: 1 })],
    ];
    for (const [name, bytes] of others) {
      const file = join(path.cli.folder, name);
      writeFileSync(file, bytes);
      const stderr = refusedWith(await path.ask(["run", file]));
      expect(stderr).toContain(`run ${summary.run} ended complete at ${String(summary.end)}`);
      expect(stderr).toContain(summary.reports.dir);
    }
    const stderr = refusedWith(await path.start(["run", "-"], {}, content).ended);
    expect(stderr).toContain("--again");
    expect(simulator.stats().effects).toBe(5);
    expect([path.runs(), notes()]).toEqual([[summary.run], []]);
  });
});

describe("a run that was stopped goes on", () => {
  test.each<[string, (content: string) => string | Buffer]>([
    ["renamed.csv", (content) => content],
    ["in.csv.zst", (content) => zstdCompressSync(content)],
  ])("with the same rows in %s, and says how far it was", async (name, written) => {
    const simulator = await path.simulate({ latency: 10 });
    const content = toCsv(makeRows(300, 300));
    const stopped = await stopAfter(40, simulator, [path.file("in.csv", content)]);
    const file = join(path.cli.folder, name);
    writeFileSync(file, written(content));
    const { code, stderr, summary } = summaryOf(await path.ask(["run", file, "--json"]));
    expect(code).toBe(0);
    expect(stderr).toMatch(
      new RegExp(`^resuming run ${stopped.run}: ${stopped.counts.updated} of about 360 rows answered$`, "m"),
    );
    expect(summary).toMatchObject({ run: stopped.run, state: "complete", counts: { updated: 300 } });
    expect(simulator.stats().requests).toBe(requestsFor(300, summary));
    expect(notes()).toEqual([]);
  });
});

describe("a file that differs from what an unfinished run of it began with", () => {
  test("is refused with the run and how far it came; given back as it was, that run goes on, and then the new one runs", async () => {
    const simulator = await path.simulate({ latency: 10 });
    const rows = makeRows(300, 300);
    const file = path.file("in.csv", toCsv(rows));
    const { run, counts } = await stopAfter(40, simulator, [file]);
    const { requests } = simulator.stats();
    const changed = rows.map((row) => ({ ...row, city: "Newtown" }));
    path.file("in.csv", toCsv(changed));
    for (const args of [["--again"], ["--limit", "3"], []]) {
      const stderr = refusedWith(await path.ask(["run", file, ...args]));
      expect(stderr).toContain(`${file} is not what run ${run} began with`);
      expect(stderr).toContain(`${counts.updated} rows are answered`);
      expect(stderr).toContain(`updraft cancel ${run}`);
    }
    expect(simulator.stats().requests).toBe(requests);
    expect(path.runs()).toEqual([run]);

    path.file("in.csv", toCsv(rows));
    expect((await path.given([file])).summary).toMatchObject({ run, state: "complete", counts: { updated: 300 } });
    path.file("in.csv", toCsv(changed));
    expect((await path.given([file])).summary).toMatchObject({
      state: "complete",
      resumes: 0,
      counts: { updated: 300 },
    });
    expect(customersOf(simulator)).toEqual(customersAfter(changed));
  });

  test("runs when the other one was cancelled, or its folder deleted", async () => {
    const simulator = await path.simulate({ latency: 10 });
    const file = path.file("in.csv", toCsv(makeRows(300, 300)));
    const { run } = await stopAfter(20, simulator, [file]);
    const kept = path.file("kept.csv", toCsv(makeRows(300, 300)));
    path.file("in.csv", toCsv(makeRows(4, 4)));
    expect((await path.ask(["cancel", run, "--file", kept])).code).toBe(0);
    const second = await path.given([file]);
    expect(second).toMatchObject({ code: 0, summary: { state: "complete", read: 4 } });

    path.file("in.csv", toCsv(makeRows(200, 200)));
    const third = await stopAfter(simulator.stats().effects + 10, simulator, [file]);
    rmSync(third.reports.dir, { recursive: true });
    path.file("in.csv", toCsv(makeRows(6, 6)));
    expect((await path.given([file])).summary).toMatchObject({ state: "complete", read: 6 });
    expect(notes()).toEqual([]);
  });

  test("does not concern other columns left out of the same content, other endpoints, or standard input", async () => {
    const simulator = await path.simulate({ latency: 10 });
    const content = toCsv(makeRows(200, 200));
    const file = path.file("in.csv", content);
    await stopAfter(20, simulator, [file]);
    expect((await path.given([file, "--limit", "2"])).summary).toMatchObject({
      state: "complete",
      counts: { updated: 2 },
    });
    const effects = simulator.stats().effects + 10;
    const piped = path.start(["run", "-", ...SLOW], {}, toCsv(makeRows(1_500, 1_500)));
    await until(() => simulator.stats().effects >= effects);
    piped.child.kill("SIGINT");
    expect((await piped.ended).code).toBe(130);
    expect((await path.run(["-"], {}, toCsv(makeRows(3, 3)))).summary).toMatchObject({ state: "complete", read: 3 });
    await path.simulate();
    path.file("in.csv", toCsv(makeRows(7, 7)));
    expect((await path.given([file])).summary).toMatchObject({ state: "complete", read: 7 });
  });
});

describe("a file that changes while it is read", () => {
  test.each<[string, (file: string, content: string) => void]>([
    ["by rows that are added", (file) => appendFileSync(file, toCsv(makeRows(1, 1)).split("\n").slice(1).join("\n"))],
    [
      "by another that takes its place",
      (file) => writeFileSync(file, toCsv(makeRows(6_000, 6_000).map((row) => ({ ...row, city: "Newtown" })))),
    ],
    ["by being emptied", (file) => writeFileSync(file, "")],
  ])("%s, stops the run with the reason; given back as it was, the run goes on", async (_how, change) => {
    const simulator = await path.simulate();
    const rows = makeRows(2_000, 2_000);
    const content = toCsv(rows);
    const file = path.file("in.csv", content);
    // At that pace the window is 400 rows: more than half of the file is still to be read.
    const running = path.ask(["run", file, "--json", "--rate", "200/s"]);
    await until(() => simulator.stats().effects >= 50);
    change(file, content);
    const stopped = await running;
    expect(refusedWith(stopped)).toContain(`${file} changed while it was being read`);
    expect(stopped.stderr).not.toMatch(/^\s+at |mistake in the program/m);
    const [run = ""] = path.runs();
    expect(readdirSync(join(path.dataDir, "runs", run)).filter((name) => name.startsWith("s"))).toEqual([]);

    path.file("in.csv", content);
    const { code, summary } = await path.given([file]);
    expect({ code, run: summary.run }).toEqual({ code: 0, run });
    expect(summary).toMatchObject({ state: "complete", balanced: true, counts: { updated: 2_000 } });
    expect(recordsOf(summary.reports.success).map((r) => r.customerId)).toEqual(rows.map((r) => r.customerId));
    // No row of the other content was ever sent.
    expect(simulator.stats().requests).toBe(requestsFor(2_000, summary));
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
  });
});

test("a run that ends removes what is older than --keep says, and nothing that is not over", async () => {
  await path.simulate();
  const old = await path.given([path.file("a.csv", toCsv(makeRows(1, 1)))]);
  const open = await path.given([path.file("b.csv", toCsv(makeRows(2, 2)))], { CONNECTFI_PASSWORD: "wrong" });
  expect(open.summary.state).toBe("blocked");
  for (const { summary } of [old, open]) {
    const ledger = openLedger(summary.reports.dir);
    ledger.write([], [], { end: new Date(Date.now() - 3 * 86_400_000).toISOString() });
    ledger.close();
    utimesSync(join(summary.reports.dir, "ledger.db"), 1, 1);
  }
  const kept = await path.given([path.file("c.csv", toCsv(makeRows(3, 3))), "--keep", "4d"]);
  expect(path.runs()).toHaveLength(3);
  const { summary } = await path.given([path.file("d.csv", toCsv(makeRows(4, 4)))], { UPDRAFT_KEEP: "2d" });
  expect(path.runs()).toEqual([open.summary.run, kept.summary.run, summary.run].toSorted());
});
