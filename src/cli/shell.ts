// The process as the commands see it: streams, environment, clock, its worker process, and the exit code they leave behind.
import { type Clock, systemClock } from "../clock.ts";
import type { Environment } from "../config.ts";
import { UpdraftError } from "../errors.ts";
import { spawnWorker } from "../send/spawn.ts";
import { printable } from "../write/explain.ts";

export interface Shell {
  readonly env: Environment;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & Partial<Pick<NodeJS.WriteStream, "isTTY" | "columns">>;
  readonly clock: Clock;
  readonly spawnWorker: typeof spawnWorker;
  /** What the process will exit with. */
  exitCode: number;
}

export function systemShell(): Shell {
  const { env, stdin, stdout, stderr } = process;
  for (const stream of [stdout, stderr]) {
    // `updraft … | head`: a reader that has seen enough does not end a run, nor change its exit code.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE")
        throw new UpdraftError("output-unwritable", { reason: error.code ?? "unknown" }, { cause: error });
    });
  }
  return { env, cwd: process.cwd(), stdin, stdout, stderr, clock: systemClock, spawnWorker, exitCode: 0 };
}

/** An error for people. Names of files and columns, and what was typed, may hold anything: nothing in them moves the cursor or adds a line. */
export function told(what: string, next: string): string {
  return `updraft: ${printable(what)}\n  ${printable(next)}\n`;
}

/** Resolves when everything written so far has left the process, or never will. */
export function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded || stream.errored) return resolve();
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
