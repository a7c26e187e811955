// Scheduled jobs against a real Redis: what is run at a firing, what is left out, and what is gone on with after an end.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { readPending, writePending } from "../../src/daemon/pending.ts";
import { type Ended, judgeFiring, LATE_MS, type ScheduleContext, scheduleService } from "../../src/daemon/schedule.ts";
import type { Schedule } from "../../src/plan/job.ts";
import { isAlive } from "../pipeline/support.ts";
import { silent, useFolder } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const folder = useFolder();
const never = new AbortController().signal;
const NAME = "nightly-fedcba9876543210";
const YEARLY = "0 0 1 1 *";

interface Given {
  readonly cron?: string;
  readonly input?: Schedule["input"];
  readonly missed?: Schedule["missed"];
  readonly clock?: Clock;
  run?(file: string, stop: AbortSignal): Promise<Ended>;
}

async function begin(dir: string, given: Given) {
  const ran: string[] = [];
  const notices: string[] = [];
  const told: string[] = [];
  const herald: ScheduleContext["herald"] = {
    worse: ({ event, reason, file }) =>
      void told.push([event, reason, ...(file === null ? [] : [basename(file)])].join(" ")),
    settled: () => void told.push("settled"),
  };
  const {
    cron = "* * * * * *",
    missed = "run-once",
    clock = systemClock,
    input = { glob: join(dir, "*.csv"), pick: "newest" },
  } = given;
  const service = scheduleService({
    ...{ name: NAME, redis: redis.connect(), dataDir: dir, env: { PATH: process.env.PATH }, clock },
    ...{ schedule: { cron, missed, input, timeZone: "UTC" }, log: silent, notice: (line) => void notices.push(line) },
    herald,
    async run(file, stop) {
      ran.push(file.slice(dir.length + 1));
      const ended = (await given.run?.(file, stop)) ?? "done";
      return { ended, refused: ended === "left" || ended === "failed" ? "file-empty" : null };
    },
  });
  onTestFinished(() => service.stop(never));
  await service.start();
  return { ran, notices, told, service };
}

/** Files of which each was changed a second after the one before it. */
async function filesIn(...names: string[]): Promise<string> {
  const dir = await folder.dir();
  for (const [i, name] of names.entries()) {
    writeFileSync(join(dir, name), name);
    utimesSync(join(dir, name), 1_000 + i, 1_000 + i);
  }
  return dir;
}

describe("judgeFiring", () => {
  test("skips what overlaps, and what was missed where it is to be skipped", () => {
    expect(judgeFiring(0, 10, "run-once", true)).toBe("overlaps");
    expect(judgeFiring(0, LATE_MS * 100, "run-once", false)).toBe("run");
    expect(judgeFiring(0, LATE_MS + 1, "skip", false)).toBe("missed");
    expect(judgeFiring(0, LATE_MS, "skip", false)).toBe("run");
    // The clock of the machine that fired it is ahead.
    expect(judgeFiring(500, 0, "skip", false)).toBe("run");
  });
});

describe("a schedule", () => {
  test("runs the newest of the files that match, and not again while it has not changed", async () => {
    const dir = await filesIn("b.csv", "a.csv", "c.txt");
    const { ran, notices, told, service } = await begin(dir, {});
    await expect.poll(() => notices).toContainEqual(expect.stringMatching(/nothing to run: .*a.csv was run before/));
    expect(ran).toEqual(["a.csv"]);
    expect(told.slice(0, 2)).toEqual(["settled", "refused no-new-input"]);
    writeFileSync(join(dir, "b.csv"), "changed");
    await expect.poll(() => ran).toEqual(["a.csv", "b.csv"]);
    expect(service.next()).toBeGreaterThan(systemClock.wall() - 5_000);
    await service.stop(never);
    expect(readPending(dir, NAME)).toBeNull();
  });

  test("runs all that were not run yet, the oldest first, and one that was stopped by a rule again", async () => {
    const dir = await filesIn("b.csv", "a.csv", "c.csv");
    const ends: Ended[] = ["done", "left", "done"];
    const { ran, told } = await begin(dir, {
      input: { glob: join(dir, "*.csv"), pick: "all" },
      run: async () => ends.shift() ?? "done",
    });
    await expect.poll(() => ran).toEqual(["b.csv", "a.csv", "c.csv", "a.csv"]);
    await expect.poll(() => told).toEqual(expect.arrayContaining(["settled", "settled", "settled"]));
    // That all files were run before is how it should be.
    expect(told.slice(0, 3)).toEqual(["refused file-empty a.csv", "settled", "settled"]);
  });

  test("runs a file again, and none before it, that could not be run for the disk or because of another process", async () => {
    const dir = await filesIn("a.csv", "b.csv");
    const ends: Ended[] = ["failed", "failed", "failed", "done"];
    const { ran, told } = await begin(dir, {
      input: { glob: join(dir, "*.csv"), pick: "all" },
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 60_000 ? 0 : ms, signal) },
      run: async () => ends.shift() ?? "done",
    });
    await expect.poll(() => ran).toEqual(["a.csv", "a.csv", "a.csv", "a.csv", "b.csv"]);
    expect(told.slice(0, 3)).toEqual(Array(3).fill("waiting file-empty a.csv"));
  });

  test("says whether no file matches, or the folder is not there", async () => {
    const dir = await folder.dir();
    const { notices, told } = await begin(dir, { input: { glob: join(dir, "exports", "*.csv"), pick: "newest" } });
    const said = (words: RegExp) => expect.poll(() => notices).toContainEqual(expect.stringMatching(words));
    await said(/^nothing to run: the folder \S+\/exports cannot be read \(ENOENT\)$/);
    mkdirSync(join(dir, "exports"));
    await said(/^nothing to run: no file matches \S+\/exports\/\*\.csv$/);
    expect(told.slice(0, 2)).toEqual(["refused no-input", "settled"]);
  });

  test("runs the file that its command made, and nothing where that ended with an error", async () => {
    const dir = await folder.dir();
    mkdirSync(join(dir, "out"));
    const script = join(dir, "export.sh");
    writeFileSync(script, `#!/bin/sh\nif [ -e "$1" ]; then exit 3; fi\necho "$CONNECTFI_PASSWORD" > "$1"\n`);
    chmodSync(script, 0o700);
    const file = join(dir, "out", "export.csv");
    const { ran, notices } = await begin(dir, {
      input: { command: ["./export.sh", "out/export.csv"], folder: dir, file },
    });
    await expect.poll(() => notices).toContainEqual(expect.stringMatching(/export.sh ended with exit code 3/));
    expect(ran).toEqual([join("out", "export.csv")]);
  });

  test("that is stopped ends its command with all that has started, and begins it anew at the next start", async () => {
    const dir = await folder.dir();
    const script = join(dir, "export.sh");
    // What writes the export is not the program that is started, and the first to be told to end.
    writeFileSync(script, `#!/bin/sh\nsleep 1000 &\necho $! > "$1.pid"\nwait\n`);
    chmodSync(script, 0o700);
    const file = join(dir, "export.csv");
    const { service } = await begin(dir, { input: { command: [script, file], folder: dir, file } });
    const pid = () => Number(existsSync(`${file}.pid`) && readFileSync(`${file}.pid`, "utf8"));
    await expect.poll(pid).toBeGreaterThan(0);
    expect(isAlive(pid())).toBe(true);
    await service.stop(never);
    expect(isAlive(pid())).toBe(false);
    expect(readPending(dir, NAME)).toMatchObject({ files: null });
  });

  test("does not overlap with itself: a firing meanwhile is skipped, and said", async () => {
    const dir = await filesIn("a.csv");
    const going = Promise.withResolvers<Ended>();
    const { ran, notices } = await begin(dir, { run: () => going.promise });
    await expect.poll(() => notices.length).toBeGreaterThanOrEqual(2);
    expect(ran).toEqual(["a.csv"]);
    expect(notices[0]).toMatch(/^the run due at \S+Z is skipped: the one before still goes on$/);
    going.resolve("done");
  });

  test("that is stopped leaves what it has not run to the next start, which needs no firing for it", async () => {
    const dir = await filesIn("a.csv", "b.csv", "c.csv");
    const input = { glob: join(dir, "*.csv"), pick: "all" } as const;
    const first = await begin(dir, {
      input,
      run: (file, stop) =>
        new Promise((resolve) => {
          if (file.endsWith("a.csv")) return resolve("done");
          stop.addEventListener("abort", () => resolve("interrupted"));
        }),
    });
    await expect.poll(() => first.ran).toEqual(["a.csv", "b.csv"]);
    await first.service.stop(never);
    await redis.connect().flushall();
    const second = await begin(dir, { input, cron: YEARLY });
    await expect.poll(() => second.ran).toEqual(["b.csv", "c.csv"]);
    expect(second.notices[0]).toMatch(/^going on with the run due at /);
    await expect.poll(() => readPending(dir, NAME)).toBeNull();
  });

  test("that cannot be begun while the disk takes nothing is begun when it does", async () => {
    const dir = await filesIn("a.csv");
    writeFileSync(join(dir, "schedule"), "in the way");
    const sleep = async (ms: number, stop?: AbortSignal) => {
      if (ms === 60_000) rmSync(join(dir, "schedule"), { force: true });
      else await systemClock.sleep(ms, stop);
    };
    const { ran, notices } = await begin(dir, { clock: { ...systemClock, sleep } });
    await expect.poll(() => ran).toEqual(["a.csv"]);
    expect(notices[0]).toMatch(/^a scheduled run failed: .*; tried again in 1 min 00 s$/);
  });

  test("whose process died before it knew the files looks for them again", async () => {
    const dir = await filesIn("a.csv");
    writePending(dir, NAME, { v: 1, due: 1_000, files: null });
    const { ran } = await begin(dir, { cron: YEARLY });
    await expect.poll(() => ran).toEqual(["a.csv"]);
  });

  /** A service whose Redis does not answer; `cut` ends its connection, as the end of the process does. */
  async function beginInSilence(dir: string) {
    const silence = createServer();
    await new Promise<void>((resolve) => silence.listen(0, "127.0.0.1", resolve));
    const address = silence.address();
    const client = new Redis({
      port: typeof address === "object" ? (address?.port ?? 0) : 0,
      maxRetriesPerRequest: null,
    });
    onTestFinished(() => {
      client.disconnect();
      silence.close();
    });
    const told: string[] = [];
    const service = scheduleService({
      ...{ name: NAME, redis: client, dataDir: dir, env: {}, clock: systemClock, log: silent },
      notice: (line) => void told.push(line),
      schedule: {
        cron: YEARLY,
        missed: "run-once",
        input: { glob: join(dir, "*.csv"), pick: "newest" },
        timeZone: "UTC",
      },
      herald: { worse: ({ reason }) => void told.push(reason), settled: () => void told.push("settled") },
      run: async () => ({ ended: "done", refused: null }),
    });
    return { service, told, cut: () => client.disconnect() };
  }

  test("that cannot begin, because Redis does not answer, can be stopped", async () => {
    const { service } = await beginInSilence(await filesIn("a.csv"));
    const starting = service.start();
    await service.stop(never);
    await starting;
  });

  test("that is cut off while it waits for Redis leaves what it had to the next start, and nobody is told of a mistake", async () => {
    const dir = await filesIn("a.csv");
    writePending(dir, NAME, { v: 1, due: 1_000, files: null });
    const { service, told, cut } = await beginInSilence(dir);
    const starting = service.start();
    const stopped = service.stop(never);
    cut();
    await Promise.all([starting, stopped]);
    expect(told).toEqual([expect.stringMatching(/^going on with the run due at /)]);
    expect(readPending(dir, NAME)).toEqual({ v: 1, due: 1_000, files: null });
  });

  test("leaves a firing to the process of another machine that still goes on with the one before", async () => {
    const dir = await filesIn("a.csv");
    const other = { host: "other.example.com", pid: 7, since: "2026-01-31T12:00:00.000Z", boot: 1 };
    await redis.connect().set(`updraft:holder:schedule:${NAME}`, JSON.stringify(other));
    const { ran, notices } = await begin(dir, {});
    await expect
      .poll(() => notices)
      .toContainEqual(expect.stringMatching(/process 7 on other.example.com still goes on/));
    expect(ran).toEqual([]);
  });
});
