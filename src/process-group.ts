// A process that leads a group of its own in; a signal to it and to all that it has started, out.
import type { Clock } from "./clock.ts";

const LOOK_MS = 50;

/** False where none of them is left. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Resolves when all of them have ended, by themselves or, after `ms`, by SIGKILL. */
export async function endGroup(pid: number, ms: number, clock: Clock): Promise<void> {
  const until = clock.now() + ms;
  for (let left = signalGroup(pid, "SIGTERM"); left && clock.now() < until; left = signalGroup(pid, 0))
    await clock.sleep(LOOK_MS);
  signalGroup(pid, "SIGKILL");
}
