// `updraft pause`, `resume`, `cancel <run>` and `rate <run> <pace>`: a run's name in; the run as it was asked for, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import type { Wish } from "../queue/status.ts";
import type { Answer } from "../runs/control.ts";
import { PACE, paceText, parsePace } from "../settings/amounts.ts";
import { addSettings, given } from "./options.ts";
import { printSummary, withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ file: z.string().min(1).optional() });

const NEEDS = `
<run> is the run's name, or as much of its beginning as no other run has: updraft runs lists them. It works from any machine
that reaches the Redis, and needs no credentials and no key.`;

export function pauseCommand(shell: Shell): Command {
  return controlCommand(shell, { kind: "pause" })
    .summary("stop sending rows of a run for a while")
    .description("Holds a run that is going on: requests in flight end, nothing more is sent until it is resumed.")
    .addHelpText("after", `${NEEDS} The process of the run stays, and waits.`);
}

export function resumeCommand(shell: Shell): Command {
  return controlCommand(shell, { kind: "resume" })
    .summary("go on with a run that was paused")
    .description("Lets a paused run go on. A run that no process goes on with is resumed by running its file again.")
    .addHelpText("after", NEEDS);
}

export function cancelCommand(shell: Shell): Command {
  return controlCommand(shell, { kind: "cancel" })
    .summary("end a run for good; what was not sent is listed")
    .description(
      "Ends a run: requests in flight end, and all rows that were not sent end unsent. They are listed in a file of their " +
        "own, which can be run later.",
    )
    .option("--file <path>", "where the run's file is now, if no process goes on with the run and the file was moved")
    .addHelpText(
      "after",
      `${NEEDS}
A run that no process goes on with is ended by this command itself, in the data folder that has its ledger. That needs the
key, where UPDRAFT_KEY was set for the run.

Exit code 0: the run is cancelled. The process of the run itself ends with 3.`,
    );
}

export function rateCommand(shell: Shell): Command {
  const command = newCommand("rate")
    .argument("<pace>", PACE)
    .summary("change the rate of a run that is going on")
    .description("Changes how many requests per second, minute or hour a run may send, over all its workers.")
    .addHelpText(
      "after",
      `${NEEDS}

Examples:
  updraft rate 1f0c 20/s
  updraft rate 1f0c none

It holds until the process of the run ends: run again, it has the rate of its command line. The rate of the endpoint, which
all its runs share, stays as it is.`,
    );
  return command.action(async (run: string, pace: string) => {
    const rate = parsePace(pace.trim());
    if (rate === undefined)
      throw new UpdraftError("flag-invalid", { flag: "<pace>", expected: PACE, got: pace.slice(0, 40) });
    await ask(shell, command, run, { kind: "rate", rate: rate?.perSecond ?? null });
  });
}

function controlCommand(shell: Shell, wish: Exclude<Wish, { kind: "rate" }>): Command {
  const command = newCommand(wish.kind);
  return command.action((run: string) => ask(shell, command, run, wish));
}

function newCommand(name: Wish["kind"]): Command {
  const command = new Command(name).argument("<run>", "name of the run, or the beginning of it");
  return addSettings(command, [
    "dataDir",
    ...(name === "cancel" ? (["jobs", "excel"] as const) : []),
    "redisUrl",
    "logFile",
    "logLevel",
  ]);
}

async function ask(shell: Shell, command: Command, run: string, wish: Wish): Promise<void> {
  const { file = null } = flags.parse(command.opts());
  const settings = loadLocalSettings(given(command, shell));
  const { askRun } = await import("../runs/control.ts");
  await withSession(shell, settings, false, async ({ log, screen }) => {
    const { progress, notice } = screen;
    const answer = await askRun({ run, wish, file, settings }, { log, progress, notice });
    screen.clear();
    if (typeof answer.now === "object") printSummary(shell, answer.now, false);
    else shell.stdout.write(`${sentence(answer, answer.now, wish)}\n`);
    shell.exitCode = EXIT.ok;
  });
}

function sentence({ run, already }: Answer, now: Exclude<Answer["now"], object>, wish: Wish): string {
  if (wish.kind === "rate" && now !== "ended")
    return `The rate of run ${run} is ${already ? "" : "now "}${paceText(wish.rate)}${already ? " already" : ""}.`;
  switch (now) {
    case "running":
      return already ? `Run ${run} is not paused.` : `Run ${run} goes on.`;
    case "waiting":
      return `Run ${run} goes on, and waits for its endpoint to answer again.`;
    case "paused":
      if (wish.kind === "resume") return `Run ${run} goes on by itself when its window opens.`;
      return `Run ${run} is paused${already ? " already" : ""}: updraft resume ${run} lets it go on.`;
    case "stopped":
      return `Run ${run} is stopping by itself: updraft status ${run} tells why, where its data folder is.`;
    case "cancelled":
      return `Run ${run} is cancelled${already ? " already" : ""}: its process ends it and writes its report.`;
    case "ended":
      return `Run ${run} ended before it heard of this: updraft status ${run} tells how, where its data folder is.`;
    default:
      return now satisfies never;
  }
}
