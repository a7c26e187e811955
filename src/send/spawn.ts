// Settings in, a worker process of this run's own out: sending has a core to itself, and a crash takes no ledger with it.
import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Settings } from "../settings/settings.ts";

/** A worker that dies is started again after this. */
const RESTART_MS = 500;
/**
 * Most of a request's garbage is gone by the next collection of a young generation of this size; little of it is ever old. And
 * a run of some seconds is over before V8 has found out by itself which of its functions are worth compiling.
 */
const NODE_FLAGS = ["--max-semi-space-size=16", "--max-old-space-size=160", "--always-sparkplug"];

/** What the child is told, over its own channel: secrets are neither in arguments nor in the environment. */
export interface ChildOrder {
  readonly settings: Settings;
  /** Hex. */
  readonly key: string;
  readonly run: string | null;
}

/** The other message: end what is in flight, then the process. */
export const STOP = "stop";

export interface SpawnedWorker {
  /** Tells it for which run it works; until then it only warms up. */
  start(order: ChildOrder): void;
  /** Lets it end what is in flight; resolves when it is gone. May be called twice. */
  stop(): Promise<void>;
  /** Ends it at once: nothing it has can be saved any more. */
  kill(): void;
}

let warm: ChildProcess | null = null;

/**
 * Starts the process of the first worker before it is known what it will do: it reads its libraries while this one
 * reads its own. Where no worker is wanted in the end, it goes when this process does.
 */
export function warmUp(): void {
  warm ??= launch();
}

function launch(): ChildProcess {
  const script = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url));
  const child = fork(script, [], { execArgv: [...process.execArgv, ...NODE_FLAGS], serialization: "advanced" });
  // A process that cannot be started ends as well; what is told is its end.
  return child.on("error", () => {});
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** @param notice told when a worker ended by itself: one that cannot start must not be a run that stands still silently */
export function spawnWorker(clock: Clock, log: Logger, notice: (line: string) => void): SpawnedWorker {
  let order: ChildOrder | null = null;
  let stopping = false;

  function attend(started: ChildProcess): ChildProcess {
    if (order) started.send(order);
    return started.once("exit", (code, signal) => {
      if (stopping) return;
      log.warn({ code, signal }, "worker process ended, starting another");
      notice(`the worker process ended by itself (${signal ?? `exit code ${code}`}); another one is started`);
      void clock.sleep(RESTART_MS).then(() => {
        if (!stopping) child = attend(launch());
      });
    });
  }

  let child = attend(warm && isAlive(warm) ? warm : launch());
  warm = null;
  return {
    start(given) {
      order = given;
      child.send(given);
    },
    async stop() {
      stopping = true;
      if (!isAlive(child)) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      if (order === null) child.kill("SIGKILL");
      else if (child.connected) child.send(STOP);
      await gone;
    },
    kill() {
      stopping = true;
      child.kill("SIGKILL");
    },
  };
}
