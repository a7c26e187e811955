// Settings in; the log, the screen and the signals of one command out, and its summary printed at the end.
import { type Logger, makeLogger } from "../log.ts";
import type { LocalSettings } from "../settings/settings.ts";
import { renderSummary } from "../write/render.ts";
import { exitCodeOf, type Summary } from "../write/summary.ts";
import { makeScreen, type Screen, screenMode } from "./screen.ts";
import type { Shell } from "./shell.ts";
import { onStop, type Stop } from "./signals.ts";

export interface Session {
  readonly log: Logger;
  readonly screen: Screen;
  readonly stop: Stop;
}

/** Runs `work` with what a command needs around it. The signals are given back and the bar is gone when it ends, however it ends. */
export async function withSession<T>(
  shell: Shell,
  settings: Pick<LocalSettings, "logFile" | "logLevel">,
  json: boolean,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const terminal = shell.stderr.isTTY === true;
  const log = makeLogger({ ...settings, terminal });
  const mode = screenMode(terminal, json, settings.logFile, shell.env.TERM);
  const screen = makeScreen({ mode, stderr: shell.stderr, log, clock: shell.clock });
  const stop = onStop((line) => screen.notice(line));
  try {
    return await work({ log, screen, stop });
  } catch (err) {
    if (settings.logFile !== null) log.error({ err }, "ended with an error");
    throw err;
  } finally {
    screen.clear();
    stop.release();
  }
}

/** `--json`: the summary for a program; otherwise the text for a person. Returns the exit code. */
export function printSummary(shell: Shell, summary: Summary, json: boolean): number {
  shell.stdout.write(json ? `${JSON.stringify(summary)}\n` : renderSummary(summary));
  return exitCodeOf(summary);
}
