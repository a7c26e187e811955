// The command line in; the command it names run, errors told in one sentence, and the process's exit code, out.
import { Console } from "node:console";
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import * as z from "zod";
import { EXIT, UpdraftError } from "../errors.ts";
import { describeError } from "../log.ts";
import { checkCommand } from "./check.ts";
import { cancelCommand, pauseCommand, rateCommand, resumeCommand } from "./control.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { jobsCommand } from "./jobs.ts";
import { pruneCommand } from "./prune.ts";
import { retryCommand } from "./retry.ts";
import { rowsCommand } from "./rows.ts";
import { runCommand } from "./run.ts";
import { runsCommand } from "./runs.ts";
import { serveCommand } from "./serve.ts";
import { flushed, type Shell, systemShell, told } from "./shell.ts";
import { simulateCommand } from "./simulate.ts";
import { statusCommand } from "./status.ts";
import { verifyCommand } from "./verify.ts";
import { watchCommand } from "./watch.ts";
import { workerCommand } from "./worker.ts";

/** In the order of `--help`. What a command needs beyond its flags it imports when it runs: `--help` stays quick. */
const COMMANDS: readonly ((shell: Shell) => Command)[] = [
  runCommand,
  checkCommand,
  rowsCommand,
  watchCommand,
  serveCommand,
  jobsCommand,
  runsCommand,
  statusCommand,
  pauseCommand,
  resumeCommand,
  rateCommand,
  cancelCommand,
  retryCommand,
  explainCommand,
  verifyCommand,
  pruneCommand,
  workerCommand,
  simulateCommand,
  demoCommand,
  doctorCommand,
];

const EXAMPLES = `
First steps:
  updraft demo                     see it work, offline, on samples
  updraft check customers.csv      what a run would reject, without sending anything
  updraft doctor                   is everything set up?
  updraft run customers.csv        send it

updraft <command> --help tells everything about one command.`;

function makeProgram(shell: Shell): Command {
  const program = new Command("updraft")
    .description(
      "Carries a file of customer changes to the connectFi update endpoint, at its pace, and answers for every row.",
    )
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addHelpText("after", EXAMPLES);
  for (const make of COMMANDS) program.addCommand(make(shell));
  const writers = {
    writeOut: (text: string) => void shell.stdout.write(text),
    writeErr: (text: string) => void shell.stderr.write(text),
  };
  for (const command of [program, ...program.commands]) {
    command
      .helpOption("-h, --help", "print help")
      .exitOverride()
      .configureOutput({ ...writers, outputError: (text, write) => write(usageError(text, command)) });
  }
  return program;
}

/** commander's "error: unknown option '--rat'\n(Did you mean --rate?)" in the form of all our errors. */
function usageError(text: string, command: Command): string {
  const [, what = "", hint] = /^error: ([\s\S]*?)(?:\n\(Did (you mean .*)\))?$/.exec(text.trim()) ?? ["", text.trim()];
  const name = command.parent === null ? "" : ` ${command.name()}`;
  return told(what, hint === undefined ? `see: updraft${name} --help` : `did ${hint}`);
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** What a person reads of an error, and the exit code it means. */
function tell(error: unknown, debug: boolean): { readonly text: string; readonly exit: number } {
  if (error instanceof CommanderError) {
    return { text: "", exit: error.exitCode === 0 ? EXIT.ok : EXIT.usage };
  }
  if (error instanceof UpdraftError) return { text: told(error.message, error.next), exit: error.exit };
  // What failed while all was being closed says less than what went wrong before.
  if (error instanceof SuppressedError) return tell(error.suppressed, debug);
  const details = debug ? `${JSON.stringify(describeError(error), null, 2)}\n` : "";
  const kind = error instanceof Error ? error.name : typeof error;
  const next = debug
    ? "please report it with the lines below, which hold no data of the file"
    : "please report it; --log-level debug adds the details";
  return {
    text: `${told(`a mistake in the program itself stopped it (${kind}); a run can be continued with the same command`, next)}${details}`,
    exit: EXIT.infrastructure,
  };
}

function end(shell: Shell, words: readonly string[], error: unknown): void {
  const debug = words.some(
    (word, at) => word === "--log-level=debug" || (word === "debug" && words[at - 1] === "--log-level"),
  );
  const { text, exit } = tell(error, debug || shell.env.UPDRAFT_LOG_LEVEL === "debug");
  shell.exitCode = exit;
  if (text) shell.stderr.write(text);
}

/** Never rejects: what went wrong is told on stderr, and in the shell's exit code. */
export async function runProgram(shell: Shell, words: readonly string[]): Promise<void> {
  try {
    await makeProgram(shell).parseAsync(words, { from: "user" });
  } catch (error) {
    end(shell, words, error);
  }
}

/** The whole of the process, to its exit. */
export async function main(): Promise<void> {
  const shell = systemShell();
  const words = process.argv.slice(2);
  const { stdout, stderr } = process;
  // What job files print. On stdout it would spoil what programs read there.
  globalThis.console = new Console(stderr);
  process.once("uncaughtException", async (error) => {
    // Where stderr is full as well, the exit code is all that can be told.
    process.once("uncaughtException", () => process.exit(shell.exitCode));
    end(shell, words, error);
    await flushed(stderr);
    process.exit(shell.exitCode);
  });
  await runProgram(shell, words);
  await Promise.all([flushed(stdout), flushed(stderr)]);
  process.exit(shell.exitCode);
}
