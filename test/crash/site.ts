// A plan in; the place of one trial out: a folder, a Redis, an endpoint and the processes of `updraft` in it. Nothing of it outlives close().
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import { type Simulator, startSimulator } from "../../src/endpoint/simulator.ts";
import type { Plan } from "./plan.ts";
import { type OwnRedis, startRedis } from "./redis.ts";
import { type FileRow, makeRows, TOLD_BY, toCsv } from "./rows.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
/** In the environment of all processes of a trial, by which they are found again. */
export const MARK = "UPDRAFT_TORTURE";
/** More than there are faults, and some that a busy machine adds: a row that ends otherwise than updated was given up too early. */
const ATTEMPTS = 10;
/** The endpoint is another machine in reality: what is tried gives way to it. */
const NICE = 5;
const LOGIN = "torture";
/** Half of a start is reading libraries: what is compiled once serves all trials. */
export const CACHE = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "updraft");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Proc {
  readonly name: string;
  readonly pid: number;
  readonly over: boolean;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

export interface Site {
  readonly folder: string;
  readonly file: readonly FileRow[];
  readonly simulator: Simulator;
  readonly redis: OwnRedis;
  /** `updraft run` of the file; `dataDir` is a name in the folder. */
  run(name: string, dataDir?: string): Proc;
  worker(name: string, redisUrl?: string): Proc;
  /** SIGTERM to every process that still lives; resolves with the exit codes of those that then ended. */
  end(): Promise<readonly (readonly [name: string, code: number | null])[]>;
  /** True when the endpoint has received so many requests; false when the process ended before that. */
  reached(requests: number, run: Proc): Promise<boolean>;
  close(): Promise<void>;
}

export async function openSite(plan: Plan, folder: string): Promise<Site> {
  mkdirSync(join(folder, "tmp"), { recursive: true });
  const file = makeRows(plan.seed, plan);
  const path = join(folder, "in.csv");
  writeFileSync(path, toCsv(file));
  const simulator = await startSimulator({
    ...{ seed: plan.seed, recordProperty: TOLD_BY, login: LOGIN, password: LOGIN, latency: "2-30" },
    ...{ share503: 0.05, resetAfterShare: 0.01, lateShare: 0.01, lateEnding: "silent", maxFaultsPerRow: 3 },
    // After the client has given up, and before its quiet period is over, with something left for a busy machine.
    lateMs: { from: plan.timeout * 1.1, to: plan.timeout * 1.4 },
  });
  const redis = await startRedis(join(folder, "redis"));
  const procs: Proc[] = [];
  const environment = (name: string, dataDir: string, redisUrl: string) => ({
    PATH: process.env.PATH,
    LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
    NODE_COMPILE_CACHE: CACHE,
    HOME: folder,
    TMPDIR: join(folder, "tmp"),
    CONNECTFI_BASE_URL: simulator.url,
    CONNECTFI_LOGIN: LOGIN,
    CONNECTFI_PASSWORD: LOGIN,
    REDIS_URL: redisUrl,
    UPDRAFT_DATA_DIR: join(folder, dataDir),
    UPDRAFT_KEY: "ab".repeat(32),
    UPDRAFT_LOG_FILE: join(folder, `${name}.log`),
    UPDRAFT_CONCURRENCY: "16",
    UPDRAFT_TIMEOUT: `${plan.timeout}ms`,
    UPDRAFT_ATTEMPTS: String(ATTEMPTS),
    [MARK]: folder,
  });
  const start = (name: string, args: readonly string[], dataDir = "data", redisUrl = redis.url): Proc => {
    const proc = startProc(folder, name, args, environment(name, dataDir, redisUrl));
    procs.push(proc);
    return proc;
  };
  return {
    folder,
    file,
    simulator,
    redis,
    run: (name, dataDir) => start(name, ["run", path, "--yes", "--json"], dataDir),
    worker: (name, redisUrl) => start(name, ["worker"], name, redisUrl),
    async end() {
      const living = procs.filter((proc) => !proc.over);
      for (const proc of living) proc.kill("SIGTERM");
      return Promise.all(living.map(async ({ name, ended }) => [name, (await ended).code] as const));
    },
    async reached(requests, run) {
      while (simulator.stats().requests < requests) {
        if (run.over) return false;
        await sleep(1);
      }
      return true;
    },
    async close() {
      for (const { pid } of procs) killGroup(pid);
      await Promise.all(procs.map(({ ended }) => ended));
      await redis.stop();
      await simulator.stop();
    },
  };
}

/** Its output goes into files of the folder, where it can be read when a trial has failed. */
export function startProc(folder: string, name: string, args: readonly string[], env: NodeJS.ProcessEnv): Proc {
  const files = ["out", "err"].map((kind) => join(folder, `${name}.${kind}`));
  const [out, err] = files.map((file) => openSync(file, "a"));
  // A group of its own: what it started ends with it when the trial is given up.
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", out, err],
  });
  for (const fd of [out, err]) if (fd !== undefined) closeSync(fd);
  const { pid } = child;
  if (pid === undefined) throw new Error(`updraft ${args[0]} cannot be started`);
  leaders.add(pid);
  setPriority(pid, NICE);
  const ended = once(child, "exit").then(([code]) => {
    const [stdout = "", stderr = ""] = files.map((file) => readFileSync(file, "utf8"));
    return { code: typeof code === "number" ? code : null, stdout, stderr };
  });
  return {
    name,
    pid,
    ended,
    kill: (signal) => void child.kill(signal),
    get over() {
      return isOver(child);
    },
  };
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Groups of processes that may live: they end with this process, however that ends. */
const leaders = new Set<number>();
process.once("exit", () => {
  for (const pid of leaders) killGroup(pid);
});

export function killGroup(pid: number): void {
  leaders.delete(pid);
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
