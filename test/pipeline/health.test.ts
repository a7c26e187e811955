// Files of a job, some of them damaged or not like the others: said, rejected or refused before anything is sent.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { summaryOf, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const JOB = (more: string) => `
import { defineJob } from "updraft";
export default defineJob({ name: "sync", columns: { customerId: "id", firstName: "name" }, ${more} });
`;

function jobs(name: string, more = ""): Record<string, string> {
  const folder = join(path.cli.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "sync.ts"), JOB(more));
  return { UPDRAFT_JOBS: folder };
}

const rows = (count: number, name: (at: number) => string = (at) => `Jo${at}`) =>
  `id,name\n${Array.from({ length: count }, (_, at) => `c${at},${name(at)}\n`).join("")}`;

describe("a damaged file", () => {
  test("is warned of by column before anything is sent, and in the summary", async () => {
    await path.simulate({ codeShare: 0 });
    const file = path.file("in.csv", "customerId,firstName\nc1,#N/A\nc2,Jo\nc3,#N/A\n");
    const { stderr, summary } = await path.given([file]);
    const sentence = 'column "firstName": 2 values look like an error value of a spreadsheet (rows 1, 3)';
    expect(stderr).toContain(`warning: ${sentence}`);
    expect(summary.warnings.filter((warning) => warning.includes(sentence))).toHaveLength(1);
    expect(summary.counts).toMatchObject({ updated: 3 });
  });

  test("has its rows rejected with --strict and --strict-text, and sends the others", async () => {
    const simulator = await path.simulate({ codeShare: 0 });
    const file = path.file("in.csv", "customerId,firstName\nc1,#N/A\nc2,Jo\nc3,MÃ¼ller\n");
    const { summary } = await path.given([file, "--strict", "--strict-text"]);
    expect(summary.counts).toMatchObject({ updated: 1, rejected: 2 });
    expect(summary.errors.map(({ code }) => code).sort()).toEqual(["double-encoded", "formula-error"]);
    expect([...simulator.customers()].map(({ customerId }) => customerId)).toEqual(["c2"]);
    const verified = await path.ask(["verify", summary.run]);
    expect(verified.code).toBe(0);
    const checked = await path.ask(["check", file, "--strict", "--json"]);
    expect(JSON.parse(checked.stdout).counts).toMatchObject({ rejected: 1, unsent: 2 });
  });
});

test("a retry judges its rows as their run did, whatever the settings say by then", async () => {
  const simulator = await path.simulate({ codeShare: 1, maxFaultsPerRow: "none" });
  const { summary } = await path.given([path.file("in.csv", "customerId,firstName\nc1,#N/A\n")]);
  const strict = { UPDRAFT_STRICT: "yes" };
  expect(summaryOf(await path.ask(["retry", summary.run, "--json"], strict)).summary.counts.failed).toBe(1);
  simulator.setFaults({ codeShare: 0 });
  const again = summaryOf(await path.ask(["retry", summary.run, "--json"], strict));
  expect(again.summary.counts).toMatchObject({ updated: 1, rejected: 0 });
});

describe("a file that is not like the last ones of its job", () => {
  test("is refused with the figures side by side where the job says so; nothing of it is sent, and --health off sends it", async () => {
    const simulator = await path.simulate({ codeShare: 0 });
    const env = jobs("jobs", 'health: "stop"');
    for (const count of [40, 42, 44]) {
      const { code } = await path.given([path.file(`${count}.csv`, rows(count)), "--job", "sync"], env);
      expect(code).toBe(0);
    }
    const sent = simulator.stats().requests;
    const file = path.file("short.csv", rows(4));
    const refused = await path.ask(["run", file, "--job", "sync", "--yes"], env);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^ +rows +4 +40 to 44 +far outside$/m);
    expect(refused.stderr).toContain("short.csv is not like the last files of job sync: rows: 4, was 40 to 44");
    expect(refused.stderr).toContain("--health warn");
    expect(simulator.stats().requests).toBe(sent);

    const checked = await path.ask(["check", file, "--job", "sync"], env);
    expect(checked.stdout).toMatch(/a run would refuse it/);
    const { summary } = await path.given([file, "--job", "sync", "--health", "off"], env);
    expect(summary.counts).toMatchObject({ updated: 4 });
  });

  test("may be what is left of one: a report given back is not compared, and no measure for the next", async () => {
    await path.simulate({ codeShare: 0 });
    const env = jobs("jobs", 'health: "stop"');
    for (const count of [40, 42, 44, 46]) {
      const names = (at: number) => (at === count - 40 ? "#N/A" : "Jo");
      const { summary } = await path.given(
        [path.file(`${count}.csv`, rows(count, names)), "--job", "sync", "--strict"],
        env,
      );
      const errors = readFileSync(summary.reports.errors ?? "", "utf8");
      const back = await path.given([path.file("back.csv", errors.replace("#N/A", "Jo")), "--job", "sync"], env);
      expect(back.summary).toMatchObject({ counts: { updated: 1 }, warnings: summary.warnings.slice(0, 1) });
    }
    const { files } = JSON.parse(readFileSync(join(path.dataDir, "health", "sync.json"), "utf8"));
    expect(files.map((file: { rows: number }) => file.rows)).toEqual([40, 42, 44, 46]);
  });

  test("is only warned of by default; a file of which most rows are bad is no measure for the next; no value is kept", async () => {
    await path.simulate({ codeShare: 0 });
    const env = jobs("jobs");
    const bad = path.file("bad.csv", `id,name\n${"c 1,\n".repeat(50)}`);
    await path.given([bad, "--job", "sync"], env);
    for (const count of [20, 21, 22]) await path.given([path.file(`${count}.csv`, rows(count)), "--job", "sync"], env);
    const { summary } = await path.given([path.file("long.csv", rows(90)), "--job", "sync"], env);
    expect(summary.counts).toMatchObject({ updated: 90 });
    expect(summary.warnings).toContain("not like the last files of the job: rows: 90, was 20 to 22");
    const folder = join(path.dataDir, "health");
    expect(readdirSync(folder)).toEqual(["sync.json"]);
    expect(statSync(join(folder, "sync.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "sync.json"), "utf8")).not.toMatch(/Jo\d|"c\d+"/);
  });

  test("that it cannot be kept for the next ones is said, and the run is complete", async () => {
    await path.simulate({ codeShare: 0 });
    const env = jobs("jobs");
    mkdirSync(join(path.dataDir, "health", `sync.json.${process.pid}.partial`), { recursive: true });
    const { code, stderr, summary } = await path.given([path.file("in.csv", rows(2)), "--job", "sync"], env);
    expect({ code, state: summary.state }).toEqual({ code: 0, state: "complete" });
    expect(stderr).toContain("what the file is like is not kept for the next ones");
  });

  test("a description of the last files that is broken is told, with the way out", async () => {
    await path.simulate({ codeShare: 0 });
    const env = jobs("jobs");
    mkdirSync(join(path.dataDir, "health"), { recursive: true });
    writeFileSync(join(path.dataDir, "health", "sync.json"), "{");
    const ended = await path.ask(["run", path.file("in.csv", rows(2)), "--job", "sync", "--yes"], env);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain("sync.json, where the last files of the job are described, cannot be read");
  });
});
