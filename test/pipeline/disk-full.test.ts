import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verify } from "../../src/runs/inspect.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, isAlive, makeRows, recordsOf, toCsv, until, usePipeline } from "./support.ts";

/** A small disk of its own needs a mount, and so root with the right to mount: containers often lack it. */
function mounted(folder: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]).status === 0;
}
const unmount = (folder: string) => spawnSync("umount", ["-l", folder]);
const trial = mkdtempSync(join(tmpdir(), "updraft-disk-"));
const canMount = mounted(trial);
unmount(trial);
rmSync(trial, { recursive: true });

let disk = "";
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), "updraft-disk-"));
  if (canMount) mounted(disk);
});
afterEach(() => {
  if (canMount) unmount(disk);
  rmSync(disk, { recursive: true, force: true });
});

/** Leaves not a byte. */
function fill(): void {
  const fd = openSync(join(disk, "ballast"), "w");
  const block = Buffer.alloc(4096);
  try {
    for (;;) if (writeSync(fd, block) < block.length) break;
  } catch {
    // Full.
  }
  closeSync(fd);
}
const makeRoom = () => rmSync(join(disk, "ballast"));

/** Living Redis servers of a data folder, whatever their pid files say. */
function serversIn(data: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === join(data, "redis") && isAlive(Number(pid));
    } catch {
      return false;
    }
  });
}

const NO_STACK = /^\s+at |node:internal|mistake in the program/m;

describe.skipIf(!canMount)("a disk that is full (needs the right to mount)", () => {
  const redis = useRedis();
  let redisUrl: string | null = null;
  const path = usePipeline(() => redisUrl);

  test.each([
    ["with its own Redis on it", () => null, /no space left on the disk|Redis takes no more writes/],
    ["with a Redis elsewhere", () => redis.url, /no space left on the disk/],
  ])(
    "%s ends the run with exit code 5 and leaves nothing running; with room the same command completes it",
    async (_how, url, sentence) => {
      redisUrl = url();
      const simulator = await path.simulate({ latency: 20 });
      const rows = makeRows(600, 500);
      const data = join(disk, "data");
      mkdirSync(data);
      const args = [path.file("in.csv", toCsv(rows)), "--concurrency", "8", "--timeout", "1s", "--json"];
      const running = path.start(["run", ...args], { UPDRAFT_DATA_DIR: data });
      await until(() => simulator.stats().effects >= 50);
      const pid = join(data, "redis", "redis.pid");
      const server = redisUrl === null ? Number(readFileSync(pid, "utf8")) : null;
      fill();
      // So that there is something to stop, however long that takes; and afterwards nothing to wait for.
      simulator.setFaults({ latency: 300 });
      const stopped = await running.ended;
      simulator.setFaults({ latency: 0 });
      expect({ code: stopped.code, stdout: stopped.stdout }).toEqual({ code: 5, stdout: "" });
      expect(stopped.stderr).toMatch(sentence);
      expect(stopped.stderr).toContain("make room");
      expect(stopped.stderr).not.toMatch(NO_STACK);
      if (server !== null) expect([isAlive(server), existsSync(pid)]).toEqual([false, false]);
      expect(simulator.stats().effects).toBeLessThan(600);

      makeRoom();
      const { code, summary } = await path.given(args.slice(0, -1), { UPDRAFT_DATA_DIR: data });
      expect(code).toBe(0);
      expect(summary).toMatchObject({ state: "complete", read: 600, balanced: true, counts: { updated: 600 } });
      expect(recordsOf(summary.reports.success)).toHaveLength(600);
      expect(customersOf(simulator)).toEqual(customersAfter(rows));
      const about = { run: summary.run, file: null, settings: { dataDir: data } };
      expect(await verify(about)).toMatchObject({ agrees: true, rows: 600 });
    },
  );

  test("does not keep verify and explain from telling, nor prune from making room", async () => {
    redisUrl = null;
    await path.simulate();
    const data = join(disk, "data");
    const env = { UPDRAFT_DATA_DIR: data };
    const old = await path.given([path.file("old.csv", toCsv(makeRows(300, 300)))], env);
    const ledger = openLedger(old.summary.reports.dir);
    ledger.write([], [], { end: "2020-01-01T00:00:00.000Z" });
    ledger.close();
    utimesSync(join(old.summary.reports.dir, "ledger.db"), 1, 1);
    const { summary } = await path.given([path.file("in.csv", toCsv(makeRows(20, 20)))], env);
    fill();
    const told = async (args: readonly string[]) => {
      const { code, stdout, stderr } = await path.ask(args, env);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      return stdout;
    };
    expect(await told(["verify", summary.run])).toContain("They agree.");
    expect(await told(["explain", summary.run, "7"])).toContain("the endpoint took it");
    expect(await told(["prune", "--older-than", "30d"])).toMatch(/^removed 1 run and 0 checks, freed \d/);
    expect(readdirSync(join(data, "runs"))).toEqual([summary.run]);
    fill();
    const again = await path.start(["run", join(path.cli.folder, "in.csv")], env).ended;
    expect([again.code, serversIn(data)]).toEqual([2, []]);
  });

  test("from the beginning on lets no run start, in one sentence", async () => {
    redisUrl = null;
    const simulator = await path.simulate();
    const data = join(disk, "data");
    mkdirSync(data);
    fill();
    const file = path.file("in.csv", toCsv(makeRows(1, 1)));
    const { code, stdout, stderr } = await path.start(["run", file], { UPDRAFT_DATA_DIR: data }).ended;
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(stderr).toMatch(/^updraft: no space left on the disk of /m);
    expect(stderr).not.toMatch(NO_STACK);
    expect(simulator.stats().logins).toBe(0);
    // No run, no draft of a key, no server; at most the folder in which one was to be started.
    expect(readdirSync(data).filter((name) => name !== "redis")).toEqual([]);
    expect(serversIn(data)).toEqual([]);
  });
});
