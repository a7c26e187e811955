// Arguments of `updraft` in; a real process of it, or its program in this one, what it wrote and its exit code, out.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import type { Shell } from "../../src/cli/shell.ts";
import { systemClock } from "../../src/clock.ts";
import { condor } from "../../src/endpoint/condor.ts";
import type { Logger } from "../../src/log.ts";
import { openRedis } from "../../src/queue/embedded.ts";
import type { ChildOrder, SpawnedWorker } from "../../src/send/spawn.ts";
import { runWorker } from "../../src/send/worker.ts";

/** Where the program keeps its compiled code: told ahead, a process finds its first file there, too, and starts a fifth sooner. */
const COMPILED = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "updraft");

const MAIN = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The first line on stdout from now on. */
  line(): Promise<string>;
  readonly ended: Promise<Ended>;
}

interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export interface Cli {
  /** A new folder per test: home and working directory of every process. */
  readonly folder: string;
  start(args: readonly string[], options?: Options): Running;
  run(args: readonly string[], options?: Options): Promise<Ended>;
  /**
   * The same in this process, its worker too, in a fiftieth of the time: for a run that is only given, and for what a command
   * answers. Paths in `args` are absolute, none of them is `-`, and logs go to a file. `interrupt` stops it.
   */
  within(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** Lines for `sh`, as a person would type them, with `cwd` as the folder they stand in. */
  shell(lines: string, cwd: string): Promise<Ended>;
}

/** Call it at the top of a test file. What a test starts and does not end is killed after it. */
export function useCli(): Cli {
  let folder = "";
  let running: ChildProcess[] = [];
  const here = new Set<Promise<unknown>>();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "updraft-cli-"));
  });
  afterEach(async () => {
    for (const child of running) {
      const alive = child.exitCode === null && child.signalCode === null;
      const exited = alive ? once(child, "exit") : null;
      killGroup(child);
      await exited;
    }
    running = [];
    if (here.size > 0) interrupt();
    await Promise.allSettled(here);
    rmSync(folder, { recursive: true, force: true });
  });
  const begin = (program: string, args: readonly string[], cwd: string, { env = {}, input }: Options = {}): Running => {
    const child = spawn(program, args, {
      cwd,
      env: { PATH: process.env.PATH, HOME: folder, NODE_COMPILE_CACHE: COMPILED, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      // A process group of its own, so that workers it leaves behind end with the test.
      detached: true,
    });
    running.push(child);
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const lines = createInterface({ input: child.stdout });
    return {
      child,
      pid: child.pid ?? 0,
      line: async () => String((await once(lines, "line"))[0]),
      ended: once(child, "close").then(([code]) => ({ code: typeof code === "number" ? code : null, stdout, stderr })),
    };
  };
  const start = (args: readonly string[], options?: Options) =>
    begin(process.execPath, [MAIN, ...args], folder, options);
  return {
    get folder() {
      return folder;
    },
    start,
    run: (args, options) => start(args, options).ended,
    async within(args, env = {}) {
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
      const logs = { UPDRAFT_LOG_FILE: join(folder, "within.log") };
      const shell: Shell = {
        env: { HOME: folder, ...logs, ...env },
        cwd: folder,
        stdin: stdin.end(),
        stdout,
        stderr,
        clock: systemClock,
        spawnWorker: (_clock, log, notice) => workWithin(log, notice),
        exitCode: 0,
      };
      const told = Promise.all([text(stdout), text(stderr)]);
      const over = runProgram(shell, args);
      here.add(over);
      await over.finally(() => here.delete(over));
      stdout.end();
      stderr.end();
      const [out, err] = await told;
      return { code: shell.exitCode, stdout: out, stderr: err };
    },
    shell: (lines, cwd) => begin("sh", ["-c", lines], cwd).ended,
  };
}

/** Ctrl-C to what goes on in this process. */
export function interrupt(): void {
  process.emit("SIGINT");
}

/** What the process of a run's own worker does, without a process. */
export function workWithin(log: Logger, notice: (line: string) => void): SpawnedWorker {
  const [soft, hard] = [new AbortController(), new AbortController()];
  let working = Promise.resolve();
  async function work({ settings, key, run }: ChildOrder): Promise<void> {
    const redis = await openRedis({ ...settings, clock: systemClock });
    const about = {
      redis,
      key: Buffer.from(key, "hex"),
      contract: condor,
      settings,
      run,
      clock: systemClock,
      log,
      notice,
    };
    await runWorker(about, soft.signal, hard.signal);
    await redis.close();
  }
  return {
    start(order) {
      working = work(order);
    },
    stop() {
      soft.abort();
      return working;
    },
    kill: () => hard.abort(),
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}
