// What a command has to say while it goes on, in; a bar that redraws itself, plain lines or JSON log lines on stderr, out.
import type { Clock } from "../clock.ts";
import type { Progress } from "../events.ts";
import type { Logger } from "../log.ts";
import { printable } from "../write/explain.ts";
import { percentDone, progressBar, progressLine, rowsDone } from "./progress.ts";

/** A stream that keeps its lines gets one this often, or at each tenth of the way, but no more than one per second. */
const EVERY_MS = 5_000;
const LEAST_MS = 1_000;
const STEP = 10;
const FALLBACK_WIDTH = 80;
const CLEAR = "\r\u001b[K";

/**
 * - `bar`: a terminal.
 * - `lines`: no terminal, and the logs go to a file of their own.
 * - `log`: stderr is where the logs go, so everything on it is a JSON line.
 * - `notices`: a terminal, while stdout is for a program (`--json`): no bar.
 */
export type ScreenMode = "bar" | "lines" | "log" | "notices";

export interface Screen {
  progress(progress: Progress): void;
  notice(line: string): void;
  /** Takes the bar away while a person is asked something. */
  ask<T>(question: () => Promise<T>): Promise<T>;
  /** Takes the bar away. May be called twice; what comes later draws it again. */
  clear(): void;
}

interface ScreenParts {
  readonly mode: ScreenMode;
  readonly stderr: Pick<NodeJS.WritableStream, "write"> & Partial<Pick<NodeJS.WriteStream, "columns">>;
  readonly log: Logger;
  readonly clock: Clock;
}

export function screenMode(
  terminal: boolean,
  json: boolean,
  logFile: string | null,
  term: string | undefined,
): ScreenMode {
  if (terminal && json) return "notices";
  if (terminal) return term === "dumb" ? "lines" : "bar";
  return logFile === null ? "log" : "lines";
}

export function makeScreen({ mode, stderr, log, clock }: ScreenParts): Screen {
  let drawn = "";
  let phase: Progress["phase"] | null = null;
  let said = Number.NEGATIVE_INFINITY;
  let step = 0;
  let asking = false;

  function due(progress: Progress): boolean {
    const now = clock.now();
    const reached = Math.floor(percentDone(progress) / STEP);
    if (progress.phase === phase && now - said < (reached > step ? LEAST_MS : EVERY_MS)) return false;
    phase = progress.phase;
    said = now;
    step = reached;
    return true;
  }
  const clear = () => {
    if (drawn !== "") stderr.write(CLEAR);
    drawn = "";
  };
  return {
    progress(progress) {
      if (asking) return;
      if (mode === "bar") {
        // One column is left free: a line that fills the last one makes some terminals wrap.
        const line = progressBar(progress, (stderr.columns || FALLBACK_WIDTH) - 1);
        if (line !== drawn) stderr.write(CLEAR + line);
        drawn = line;
      }
      if (!due(progress)) return;
      if (mode === "lines") stderr.write(`${progressLine(progress)}\n`);
      log.info(figures(progress), "progress");
    },
    notice(line) {
      const bar = drawn;
      clear();
      if (mode !== "log") stderr.write(`${printable(line)}\n`);
      if (bar !== "") stderr.write(bar);
      drawn = bar;
      log.info(line);
    },
    async ask(question) {
      clear();
      asking = true;
      try {
        return await question();
      } finally {
        asking = false;
      }
    },
    clear,
  };
}

/** What a log line says of it, without digits that mean nothing. */
function figures(progress: Progress): Readonly<Record<string, unknown>> {
  const { phase, total, counts, underway, rowsPerSecond, limitedBy } = progress;
  return {
    phase,
    done: rowsDone(progress),
    total,
    counts,
    underway,
    rowsPerSecond: Math.round(rowsPerSecond),
    limitedBy,
  };
}
