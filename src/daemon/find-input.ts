// Where a scheduled job's rows come from in; the files to run now, the oldest first, out.
import { spawn } from "node:child_process";
import { access, constants, glob, stat } from "node:fs/promises";
import { sep } from "node:path";
import type { Clock } from "../clock.ts";
import type { Environment } from "../config.ts";
import type { MadeInput, Schedule } from "../plan/job.ts";
import { endGroup } from "../process-group.ts";
import { codeOf } from "./watch-folders.ts";

/** A command that is told to end has so long to do so by itself. */
const END_MS = 5_000;

export interface Found {
  readonly path: string;
  /** Another where its content may be another. */
  readonly mark: string;
}

/** Why there is nothing to run: one sentence without a full stop, and a word for notices; null where that is as it should be. */
export class NoInput extends Error {
  readonly reason: "no-input" | "no-new-input" | null;

  constructor(message: string, reason: NoInput["reason"] = "no-input") {
    super(message);
    this.reason = reason;
  }
}

export interface FindContext {
  /** For the command: without the secrets of this process. */
  readonly env: Environment;
  /** Was run to its end before, and has not changed since. */
  isDone(found: Found): boolean;
  /** Ends the command. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
}

/** Throws NoInput. */
export async function findInput(input: Schedule["input"], context: FindContext): Promise<string[]> {
  if ("command" in input) {
    await runCommand(input, context);
    const [made] = await look([input.file]);
    if (made === undefined) throw new NoInput(`the command made no file ${input.file}`);
    return [made.path];
  }
  const paths: string[] = [];
  for await (const path of glob(input.glob)) paths.push(path);
  const found = await look(paths);
  const newest = found.at(-1);
  if (newest === undefined) throw new NoInput(await whyNone(input.glob));
  const wanted = input.pick === "newest" ? [newest] : found;
  const left = wanted.filter((one) => !context.isDone(one));
  if (left.length === 0)
    throw input.pick === "newest"
      ? new NoInput(`${newest.path} was run before`, "no-new-input")
      : new NoInput("all files were run before", null);
  return left.map(({ path }) => path);
}

/** A folder that is missing, or that this user may not read, looks as one without files. */
async function whyNone(pattern: string): Promise<string> {
  const parts = pattern.split(sep);
  const first = parts.findIndex((part, at) => at === parts.length - 1 || /[*?[\]{}()!+@]/.test(part));
  const folder = parts.slice(0, first).join(sep) || sep;
  const fault = await access(folder, constants.R_OK | constants.X_OK).then(() => null, codeOf);
  return fault === null ? `no file matches ${pattern}` : `the folder ${folder} cannot be read (${fault})`;
}

/** Of those that are files: in the order of their last change, then of their names. */
export async function look(paths: readonly string[]): Promise<Found[]> {
  const seen = await Promise.all(
    paths.map(async (path) => {
      const info = await stat(path).catch(() => null);
      return info?.isFile() ? [{ path, at: info.mtimeMs, mark: `${info.ino}:${info.size}:${info.mtimeMs}` }] : [];
    }),
  );
  return seen.flat().sort((a, b) => a.at - b.at || (a.path < b.path ? -1 : 1));
}

/** What it writes goes nowhere: it may be a customer's. It ends with all it has started, or it would go on writing beside the next one. */
function runCommand({ command, folder: cwd }: MadeInput, { env, stop, clock }: FindContext): Promise<void> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: "ignore", detached: true });
    let ending: Promise<void> | null = null;
    const end = () => {
      if (child.pid !== undefined) ending = endGroup(child.pid, END_MS, clock);
    };
    if (stop.aborted) end();
    else stop.addEventListener("abort", end, { once: true });
    child.once("error", (error: NodeJS.ErrnoException) => {
      stop.removeEventListener("abort", end);
      reject(new NoInput(`the command ${program} cannot be started (${error.code ?? error.name})`));
    });
    child.once("exit", async (code, signal) => {
      stop.removeEventListener("abort", end);
      await ending;
      if (code === 0) resolve();
      else reject(new NoInput(`the command ${program} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}
