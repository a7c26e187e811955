// All of `serve` in this process, against a real Redis and the simulator: scheduled runs, their figures, and its end.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { loadSettings } from "../../src/config.ts";
import { type ServedJob, serve } from "../../src/daemon/serve.ts";
import { besides } from "../../src/daemon/watch-folders.ts";
import { workWithin } from "../cli/support.ts";
import { customersAfter, customersOf, makeRows, toCsv, until, usePipeline } from "../pipeline/support.ts";
import { silent } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

interface Given {
  readonly cron?: string;
  readonly flags?: Parameters<typeof loadSettings>[0]["flags"];
}

function settingsOf(flags: Given["flags"] = {}) {
  return loadSettings({
    flags: { listen: "127.0.0.1:0", concurrency: "8", ...flags },
    env: path.env,
    cwd: path.cli.folder,
  });
}

/** Runs the newest of `<name>-*.csv` each second. */
function jobOf(name: string, { cron = "* * * * * *", flags = {} }: Given = {}): ServedJob {
  const input = { glob: join(path.cli.folder, `${name}-*.csv`), pick: "newest" } as const;
  const mapping = { set: {}, ignoreColumns: [] };
  return {
    request: { job: name, mapping, settings: settingsOf(flags) },
    schedule: { cron, timeZone: "UTC", missed: "run-once", input },
    watch: null,
  };
}

function begin(jobs: readonly ServedJob[], flags: Given["flags"] = {}) {
  const stop = new AbortController();
  const notices: string[] = [];
  const ended = serve(
    { jobs, settings: settingsOf(flags), env: { PATH: process.env.PATH } },
    {
      ...{ clock: systemClock, log: silent, notice: (line) => void notices.push(line) },
      spawnWorker: (_clock, log, notice) => workWithin(log, notice),
    },
    stop.signal,
  );
  ended.catch(() => {});
  onTestFinished(async () => {
    stop.abort();
    await ended.catch(() => {});
  });
  const url = async () => {
    let found: string | undefined;
    await until(() => {
      found = /metrics at (\S+)\/metrics/.exec(notices.join("\n"))?.[1];
      return found !== undefined;
    });
    return found ?? "";
  };
  const said = (words: RegExp) => until(() => notices.some((line) => words.test(line)));
  return { stop, notices, ended, url, said };
}

const text = async (url: string) => (await fetch(url)).text();

describe("serve", () => {
  test("runs what is due, answers for it in reports and figures, and ends with all of it ended", async () => {
    const simulator = await path.simulate({ latency: 2 });
    path.file("nightly-1.csv", toCsv(makeRows(60, 60)));
    const { stop, ended, url, said, notices } = begin([jobOf("nightly"), jobOf("upload", { cron: "0 0 1 1 *" })]);
    await said(/^nightly: nightly-1.csv, run \w+: complete: 60 updated; reports in /);
    const [run = ""] = path.runs();
    expect(JSON.parse(readFileSync(join(path.dataDir, "runs", run, "summary.json"), "utf8"))).toMatchObject({
      ...{ job: "nightly", state: "complete", counts: { updated: 60 } },
    });
    const figures = await text(`${await url()}/metrics`);
    expect(figures).toContain('updraft_rows_total{job="nightly",outcome="updated"} 60');
    expect(figures).toContain('updraft_requests_total{job="nightly"} 60');
    expect(figures).toContain('updraft_request_duration_seconds_count{job="nightly"} 60');
    expect(figures).toContain('updraft_runs_ended_total{job="nightly",state="complete"} 1');
    expect(figures).toMatch(/updraft_schedule_next_timestamp_seconds\{job="upload"\} 1[78]\d{8}\b/);
    expect(figures).not.toMatch(/csta_|Holtsville|nightly-1|simulator/);
    await said(/^nightly: nothing to run: .*was run before/);

    // Another file, and the same worker.
    path.file("nightly-2.csv", toCsv(makeRows(70, 70)));
    await said(/nightly-2.csv, run \w+: complete: 70 updated/);
    expect(simulator.stats().effects).toBe(130);
    expect(await text(`${await url()}/metrics`)).toContain('updraft_rows_total{job="nightly",outcome="updated"} 130');
    stop.abort();
    await ended;
    expect(notices.filter((line) => /fail|mistake/.test(line))).toEqual([]);

    // A file that was run by an earlier process is no run, and none that failed.
    const again = begin([jobOf("nightly")]);
    await again.said(/^nightly: \S+nightly-2.csv: this file was run already: run \w+ ended complete/);
    expect(await text(`${await again.url()}/metrics`)).toContain(
      'updraft_runs_ended_total{job="nightly",state="failed"} 0',
    );
    again.stop.abort();
    await again.ended;
    const left = await redis.connect().keys("updraft:*");
    expect(left.filter((key) => !/^updraft:schedule-|^updraft:accepted:\w+:nightly:run$/.test(key))).toEqual([]);
  });

  test("tells when it is not ready: Redis does not answer, or it is stopping", async () => {
    const { stop, url, ended } = begin([jobOf("nightly", { cron: "0 0 1 1 *" })]);
    const ready = async () => {
      const response = await fetch(`${await url()}/readyz`);
      return `${response.status} ${await response.text()}`.trim();
    };
    await expect.poll(ready).toBe("200 ready");
    process.kill(redis.pid, "SIGSTOP");
    try {
      expect(await ready()).toBe("503 Redis does not answer");
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    await expect.poll(ready).toBe("200 ready");
    stop.abort();
    await ended;
    await expect(ready()).rejects.toThrow();
  });

  test("runs of one endpoint go on one after the other, and one that is paused lets the next begin", async () => {
    const simulator = await path.simulate({ latency: 20 });
    path.file("a-1.csv", toCsv(makeRows(300, 300)));
    const { said, notices, url } = begin([jobOf("a", { flags: { rate: "50/s" } }), jobOf("b")]);
    await until(() => simulator.stats().requests > 10);
    const [run = ""] = path.runs();
    path.file("b-1.csv", toCsv(makeRows(40, 40)));
    await until(async () => (await text(`${await url()}/metrics`)).includes('updraft_runs_waiting{job="b"} 1'));
    await said(/^b: the run due at \S+ is skipped: the one before still goes on/);
    expect(path.runs()).toEqual([run]);
    expect((await path.ask(["pause", run])).code).toBe(0);
    await said(/^b: b-1.csv, run \w+: complete: 40 updated/);
    expect(notices.filter((line) => /complete/.test(line))).toHaveLength(1);
    expect((await path.ask(["resume", run])).code).toBe(0);
    await until(() => notices.filter((line) => /complete/.test(line)).length === 2);
    expect(simulator.stats().effects).toBe(340);
  });

  test("runs of one job wait for each other though others may go on at once: each sends only what the one before has not", async () => {
    const simulator = await path.simulate({ latency: 20 });
    const rows = makeRows(60, 60);
    path.file("a-1.csv", toCsv(rows));
    const inbox = join(path.cli.folder, "inbox");
    mkdirSync(inbox);
    const watch = { inbox, ...besides(inbox), poll: false, done: false, settle: 100 };
    const job = { ...jobOf("a", { flags: { changedOnly: "yes", rate: "25/s" } }), watch };
    const { said, notices } = begin([job], { parallelRuns: "2" });
    await until(() => simulator.stats().requests > 10);
    const [run = ""] = path.runs();
    expect((await path.ask(["pause", run])).code).toBe(0);
    writeFileSync(join(inbox, "b.csv"), toCsv(rows.map((row, i) => (i === 5 ? { ...row, city: "Newtown" } : row))));
    await said(/^a: taken b.csv/);
    expect((await path.ask(["resume", run])).code).toBe(0);
    await said(/^a: a-1.csv, run \w+: complete: 60 updated/);
    await said(/^a: done b.csv: 1 updated, 59 unchanged/);
    expect(notices.filter((line) => /refused|waiting|another run/.test(line))).toEqual([]);
    expect(simulator.stats().effects).toBe(61);
  });

  test("an export that is what it was two nights ago is run again where only changes are sent: what changed is changed back", async () => {
    const simulator = await path.simulate();
    const rows = makeRows(30, 30);
    const moved = rows.map((row, i) => (i === 5 ? { ...row, city: "Newtown" } : row));
    const { said, notices } = begin([jobOf("a", { flags: { changedOnly: "yes" } })]);
    const night = (name: string, of: typeof rows) => path.file(name, toCsv(of));
    night("a-1.csv", rows);
    await said(/^a: a-1.csv, run \w+: complete: 30 updated/);
    night("a-2.csv", moved);
    await said(/^a: a-2.csv, run \w+: complete: 1 updated, 29 unchanged/);
    night("a-3.csv", rows);
    await said(/^a: a-3.csv, run \w+\.2: complete: 1 updated, 29 unchanged/);
    expect(customersOf(simulator)).toEqual(customersAfter(rows));
    // What was sent last is there already.
    night("a-4.csv", rows);
    await said(/^a: \S+a-4.csv: this file was run already: run \w+\.2 ended complete/);
    night("a-5.csv", moved);
    await said(/^a: a-5.csv, run \w+\.2: complete: 1 updated, 29 unchanged/);
    expect(simulator.stats().effects).toBe(33);
    expect(notices.filter((line) => /fail|mistake/.test(line))).toEqual([]);
  });

  test.each([{ changedOnly: "yes" }, { changedOnly: "no" }])(
    "a run that was stopped is left behind by the export of the next night, whatever is in it: %o",
    async (only) => {
      const simulator = await path.simulate({ latency: 10 });
      const [old, now] = [makeRows(40, 40), makeRows(40, 40).map((row) => ({ ...row, city: "Newtown" }))];
      const flags = { ...only, rate: "80/s", giveUpAfter: "1s" };
      const first = begin([jobOf("a", { flags })]);
      const night = (rows: typeof old) => path.file("a-1.csv", toCsv(rows));
      night(old);
      await first.said(/^a: a-1.csv, run \w+: complete: 40 updated/);
      night(now);
      await until(() => simulator.stats().effects > 40 + 5);
      simulator.setFaults({ outage: "on" });
      await first.said(/^a: a-1.csv, run \w+: stopped .*: \d+ updated, \d+ unsent/);
      first.stop.abort();
      await first.ended;
      night(old);
      simulator.setFaults({ outage: "off" });
      const { said, notices } = begin([jobOf("a", { flags })]);
      await said(/^a: run \w+, of what a-1.csv was before, is left behind \(\d+ rows are answered\)/);
      await said(/^a: a-1.csv, run \w+\.2: complete: /);
      expect(customersOf(simulator)).toEqual(customersAfter(old));
      // Rows that the run which was stopped has sent are not as it left them.
      night(now);
      await until(() => notices.filter((line) => /^a: a-1.csv, run \w+\.2: complete: /.test(line)).length === 2);
      expect(customersOf(simulator)).toEqual(customersAfter(now));
    },
  );

  test("tells for what a run waits outside of its window, and can be stopped meanwhile", async () => {
    path.file("nightly-1.csv", toCsv(makeRows(2, 2)));
    const hour = (from: number) => new Date(Date.now() + from * 3_600_000).toISOString().slice(11, 16);
    const { stop, ended, said } = begin([jobOf("nightly", { flags: { window: `${hour(6)}-${hour(7)} UTC` } })]);
    await said(/^nightly: nightly-1.csv waits for its window \S+ UTC: it is run from \d\d:\d\d on 2\S+ \(UTC\)$/);
    stop.abort();
    await ended;
    expect(path.runs()).toEqual([]);
  });

  test("a second one does not share its data folder", async () => {
    const first = begin([jobOf("nightly", { cron: "0 0 1 1 *" })]);
    await first.url();
    await expect(begin([jobOf("nightly")]).ended).rejects.toMatchObject({ code: "serve-running", exit: 2 });
    first.stop.abort();
    await first.ended;
    const third = begin([jobOf("nightly", { cron: "0 0 1 1 *" })]);
    await third.url();
  });
});
