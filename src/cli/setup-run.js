// A command line in, its exit code and output out; a signal waits for the command to end, so that nothing is left half done.

import { spawn } from "node:child_process";
import { constants } from "node:os";

/** Something the person has to put right; printed as it is. */
export class SetupError extends Error {
  constructor(message, exitCode = 5) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The set-up was asked to stop: Ctrl-C, or a closed terminal. */
export class Interrupted extends Error {
  constructor(signal) {
    super(`stopped by ${signal}: run the same command again to go on`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
let stopped = null;
let child = null;
for (const signal of SIGNALS) {
  process.on(signal, () => {
    stopped = signal;
    if (child === null) return;
    if (child.shielded)
      process.stderr.write("set-up: stopping when apt-get has ended, so that no package is left half installed\n");
    else child.kill(signal);
  });
}

/**
 * Runs one command to its end. `shielded` puts it into a process group of its own, where a Ctrl-C on the terminal does
 * not reach it: a package manager that is cut off leaves the machine's package database to be repaired by hand. `always`
 * is for cleaning up: it runs after a signal too.
 */
export async function run([command, ...args], { shielded = false, always = false, ...options } = {}) {
  if (!always) stopHere();
  const started = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: shielded, ...options });
  child = Object.assign(started, { shielded });
  let output = "";
  for (const stream of [started.stdout, started.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => {
      // Only the end of it is ever shown.
      output = (output + text).slice(-20_000);
    });
  }
  try {
    const code = await new Promise((resolve, reject) => {
      started.once("error", reject);
      started.once("close", (exit, signal) => resolve(exit ?? 128 + constants.signals[signal]));
    });
    if (!always) stopHere();
    return { code, output };
  } finally {
    child = null;
  }
}

/** Throws once a signal has come; called wherever stopping leaves nothing half done. */
export function stopHere() {
  if (stopped !== null) throw new Interrupted(stopped);
}
