// Real processes of `serve`: killed and stopped in the midst of a scheduled run, they go on with it, and no row is sent twice without need.
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verify } from "../../src/runs/inspect.ts";
import { useRedis } from "../support/redis.ts";
import { childrenOf, isAlive, makeRows, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

/** A job file; returns the folder of jobs. */
function job(name: string, fields: string): string {
  const folder = join(path.cli.folder, "jobs");
  mkdirSync(folder, { recursive: true });
  const text = `import { defineJob } from "updraft";\nexport default defineJob({ name: "${name}", ${fields} });\n`;
  writeFileSync(join(folder, `${name}.ts`), text);
  return folder;
}

function begin(folder: string, ...args: readonly string[]) {
  const running = path.start(["serve", "--jobs", folder, "--listen", "127.0.0.1:0", ...args]);
  let said = "";
  running.child.stderr?.on("data", (text: string) => {
    said += text;
  });
  return { ...running, has: (words: RegExp) => until(() => words.test(said)), said: () => said };
}

describe("serve", () => {
  test("killed, then told to stop, in the midst of a scheduled run, goes on with it each time and answers for every row", async () => {
    const simulator = await path.simulate({ latency: 10 });
    path.file("export-1.csv", toCsv(makeRows(600, 600)));
    const input = `{ glob: "../export-*.csv" }`;
    const folder = job("nightly", `rate: "150/s", concurrency: 8, schedule: { cron: "* * * * * *", input: ${input} }`);
    const first = begin(folder);
    await until(() => simulator.stats().effects > 50);
    const workers = childrenOf(first.pid);
    first.child.kill("SIGKILL");
    await first.ended;
    await until(() => !workers.some(isAlive));

    // Nothing is due any more: what is left is gone on with all the same.
    job("nightly", `rate: "150/s", concurrency: 8, schedule: { cron: "0 0 1 1 *", input: ${input} }`);
    const before = simulator.stats().effects;
    const second = begin(folder);
    await until(() => simulator.stats().effects > before + 50);
    expect(second.said()).toMatch(/nightly: going on with the run due at/);
    second.child.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
    expect(second.said()).toMatch(/nightly: export-1.csv, run \w+: interrupted/);
    const sent = simulator.stats().requests;
    expect(sent).toBeLessThan(600);

    simulator.setFaults({ latency: 1 });
    const third = begin(folder);
    await third.has(/nightly: export-1.csv, run \w+: complete: 600 updated/);
    third.child.kill("SIGTERM");
    expect(await third.ended).toMatchObject({ code: 0, stdout: "" });
    const [run = ""] = path.runs();
    expect(path.runs()).toEqual([run]);
    expect(await verify({ run, file: null, settings: { dataDir: path.dataDir, jobs: folder } })).toMatchObject({
      agrees: true,
    });
    // What a process that was killed had in flight may have been sent once more, and nothing else.
    expect(simulator.stats().requests).toBeLessThanOrEqual(600 + 16);
    // What is known of the job from firing to firing stays.
    const left = (await redis.connect().keys("updraft:*")).filter((key) => !/^updraft:(schedule-|accepted:)/.test(key));
    expect(left).toEqual([]);
  });

  test("runs what is dropped into a folder, and goes on with it after SIGTERM", async () => {
    const simulator = await path.simulate({ latency: 5 });
    const drop = (name: string, count: number) => {
      const rows = makeRows(count, count).map(({ customerId, ...rest }) => ({ "Cust ID": customerId, ...rest }));
      writeFileSync(join(path.cli.folder, `${name}.part`), toCsv(rows));
      renameSync(join(path.cli.folder, `${name}.part`), join(path.cli.folder, "partner", "inbox", name));
    };
    mkdirSync(join(path.cli.folder, "partner", "inbox"), { recursive: true });
    const folder = job(
      "upload",
      `rate: "100/s", columns: { customerId: "Cust ID" }, watch: { inbox: "../partner/inbox", settle: "100ms" }`,
    );
    const first = begin(folder);
    drop("a.csv", 10);
    await first.has(/upload: done a.csv: 10 updated/);
    drop("b.csv", 300);
    await until(() => simulator.stats().effects > 60);
    first.child.kill("SIGTERM");
    expect((await first.ended).code).toBe(0);
    expect(first.said()).toMatch(/upload: left b.csv/);
    simulator.setFaults({ latency: 1 });
    const second = begin(folder);
    await second.has(/upload: done b.csv: 300 updated/);
    second.child.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
    expect(simulator.stats().requests).toBe(310);
    expect(readdirSync(join(path.cli.folder, "partner", "archive")).sort()).toEqual(["a.csv", "b.csv"]);
  });

  test("refuses what cannot be served before it begins", async () => {
    const none = await path.ask(["serve", "--jobs", job("by-hand", "")]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringMatching(/nothing to serve/) });
    const gone = await path.ask(["serve", "--jobs", job("upload", `watch: { inbox: "../gone" }`), "--only", "upload"]);
    expect(gone).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/job upload cannot watch: the folder \S+gone does not exist/),
    });
    expect(gone.stderr).not.toMatch(/serving/);
    mkdirSync(join(path.cli.folder, "partner", "inbox"), { recursive: true });
    path.file("partner/refused", "");
    const file = await path.ask([
      "serve",
      "--jobs",
      job("partner", `watch: { inbox: "../partner/inbox" }`),
      "--only",
      "partner",
    ]);
    const words = /job partner cannot watch: the folder \S+refused cannot be used: expected .*, got a file/;
    expect(file).toMatchObject({ code: 2, stderr: expect.stringMatching(words) });
    const nobody = await path.ask(["watch", "--jobs", job("by-hand", ""), "--job", "by-hand"]);
    expect(nobody).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/expected a folder, or with --job a job that/),
    });
    const away = await path.ask(["watch", join(path.cli.folder, "gone")]);
    expect(away).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^updraft: the folder \S+gone does not exist/),
    });
    const other = await path.ask(["serve", "--jobs", join(path.cli.folder, "jobs"), "--only", "uplaod"]);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/did you mean upload/) });
    const never = await path.ask([
      "serve",
      "--jobs",
      job("never", `schedule: { cron: "0 0 30 2 *", input: { glob: "*" } }`),
    ]);
    expect(never).toMatchObject({ code: 2, stderr: expect.stringMatching(/never.*cron/s) });
  });
});
