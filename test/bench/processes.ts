// A script and its arguments in; a process of it out, with what it wrote and what it and its descendants cost. None outlives this one.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Cost, type Watch, watch } from "./watch.ts";

export interface Ended {
  readonly stdout: string;
  readonly code: number | null;
  /** From the start of the process to its end. */
  readonly wallMs: number;
  readonly costs: readonly Cost[];
}

export interface Running {
  /** What it wrote on stdout, once that matches; rejects if it ends before. */
  says(pattern: RegExp): Promise<string>;
  /** Rejects if it ends with an exit code that is not in `codes`, with what it wrote on stderr. */
  end(...codes: readonly number[]): Promise<Ended>;
  stop(): Promise<void>;
}

const watches = new Set<Watch>();
process.once("exit", () => {
  for (const one of watches) one.kill();
});

/** `name` is a file beside this one, or a path from here. Its environment is `env` and what finds programs, nothing else. */
export function startScript(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  return start(process.execPath, [fileURLToPath(new URL(name, import.meta.url)), ...args], env);
}

export function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const { PATH, LD_LIBRARY_PATH } = process.env;
  const began = performance.now();
  const child = spawn(program, args, {
    env: { PATH, ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid === undefined) throw new Error(`${program} cannot be started`);
  const cost = watch(child.pid);
  watches.add(cost);
  child.on("error", () => {});
  const out = collect(child, "stdout");
  const err = collect(child, "stderr");
  const ended = once(child, "close").then(() => {
    const wallMs = performance.now() - began;
    cost.stop();
    // An embedded Redis has ended before its user does; what is left of a process that was killed goes here.
    cost.kill();
    watches.delete(cost);
    return { stdout: out.text, code: child.exitCode, wallMs, costs: cost.costs };
  });
  return {
    async says(pattern) {
      for (;;) {
        const found = pattern.exec(out.text)?.[0];
        if (found !== undefined) return found;
        const more = await Promise.race([once(child.stdout, "data"), ended.then(() => null)]);
        if (more === null) throw new Error(`${program} ended before it said ${pattern}:\n${err.text.slice(-2_000)}`);
      }
    },
    async end(...codes) {
      const result = await ended;
      if (result.code !== null && codes.includes(result.code)) return result;
      throw new Error(
        `${program} ${args[0]} ended with ${result.code ?? child.signalCode}:\n${err.text.slice(-2_000)}`,
      );
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}

function collect(child: ChildProcess, name: "stdout" | "stderr"): { text: string } {
  const collected = { text: "" };
  child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
    collected.text += chunk;
  });
  return collected;
}
