// `updraft worker`: settings in; a process that sends rows of every run on its Redis until it is told to stop.
import { Command } from "commander";
import { loadSettings } from "../config.ts";
import { addSettings, given } from "./options.ts";
import { withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const EXAMPLES = `
Examples:
  updraft worker
  REDIS_URL=redis://redis:6379 UPDRAFT_KEY_FILE=/run/secrets/updraft-key updraft worker --concurrency 32

It takes rows of runs that have its own endpoint, login and key, and of no others. Pace, tries and timeout are the run's.
SIGTERM or Ctrl-C: what is in flight ends, the rest is given back for other workers; another Ctrl-C stops at once.`;

export function workerCommand(shell: Shell): Command {
  const command = new Command("worker")
    .summary("send rows for runs started elsewhere")
    .description("Sends rows of all runs that share its Redis, endpoint, login and key, until it is stopped.");
  addSettings(command, ["baseUrl", "dataDir", "redisUrl", "concurrency", "logFile", "logLevel"]);
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const settings = loadSettings(given(command, shell));
    await withSession(shell, settings, false, async ({ log, screen, stop }) => {
      const { work } = await import("../pipeline.ts");
      await work(settings, { notice: screen.notice, log }, stop.soft, stop.hard);
    });
  });
}
