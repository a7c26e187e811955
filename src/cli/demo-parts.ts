// What the demo starts and what it must not leave behind: a simulator in a process of its own, folders of demos that are over.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { placeServer, stopServer } from "../queue/redis-server.ts";

const MAIN = join(import.meta.dirname, `main${extname(import.meta.filename)}`);

const greeting = z.object({ url: z.string(), login: z.string(), password: z.string() });

export interface SimulatorProcess extends AsyncDisposable, z.output<typeof greeting> {}

/**
 * `updraft simulate` beside this process. In a session of its own, so that a Ctrl-C does not take the endpoint away while
 * requests in flight end; the channel between the two ends it with this process, even if that is killed.
 */
export async function startSimulatorProcess(flags: readonly string[]): Promise<SimulatorProcess> {
  const child = spawn(process.execPath, [MAIN, "simulate", "--json", ...flags], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    detached: true,
  });
  const exited = once(child, "exit");
  const end = async () => {
    if (child.connected) child.disconnect();
    await exited;
  };
  try {
    const told = greeting.parse(JSON.parse(await firstLine(child)));
    return { ...told, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error("the simulator has no output");
  for await (const line of createInterface({ input: stdout })) return line;
  throw new Error("the simulator ended before it listened");
}

/** Removes the folders of demos whose process is gone, and ends a Redis that one of them had to leave running. */
export async function removeLeftovers(demos: string, clock: Clock): Promise<void> {
  for (const name of namesIn(demos)) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || (pid !== process.pid && isAlive(pid))) continue;
    const dir = join(demos, name);
    await stopServer(placeServer(dir), clock);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Ends the Redis of a demo without waiting: for the instant in which its process exits. */
export function endRedis(dir: string): void {
  try {
    process.kill(Number(readFileSync(join(dir, "redis", "redis.pid"), "utf8")) || Number.NaN, "SIGTERM");
  } catch {
    // It is not running, which is what is wanted.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
