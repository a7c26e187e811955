// What is about to be sent in; a person's yes or no out, asked once, and only where a person can answer.
import { createInterface } from "node:readline";
import { UpdraftError } from "../errors.ts";
import { thousands } from "../write/render.ts";

export interface Facts {
  readonly run: string;
  readonly host: string;
  countRows(): Promise<number>;
}

/** What it needs of the process's streams. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** On a terminal people confirm; a job that runs by itself, and `--yes`, go on. Throws `not-confirmed` for a no and for Ctrl-C. */
export async function confirm(
  terminal: Terminal,
  facts: Facts,
  { limit, yes }: { readonly limit: number | null; readonly yes: boolean },
  signal: AbortSignal,
): Promise<true> {
  if (yes || !isThere(terminal)) return true;
  const rows = await facts.countRows();
  if (signal.aborted) throw new UpdraftError("not-confirmed");
  const most = limit !== null && limit < rows ? `, at most ${thousands(limit)} of them` : "";
  if (await ask(terminal, `Send ${thousands(rows)} rows${most}, to ${facts.host}? [y/N] `, signal)) return true;
  throw new UpdraftError("not-confirmed");
}

/** As confirm, when the rows of a canary were all updated; false for a no and for Ctrl-C. */
export async function confirmRest(
  terminal: Terminal,
  { updated, countOthers }: { readonly updated: number; countOthers(): Promise<number> },
  yes: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (yes || !isThere(terminal)) return true;
  const rows = await countOthers();
  const others = rows === 1 ? "the other row" : `the other ${thousands(rows)} rows`;
  return ask(terminal, `${thousands(updated)} of ${thousands(updated)} updated: send ${others}? [y/N] `, signal);
}

function isThere({ stdin, stderr }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Whether the answer is yes; no for Ctrl-C, Ctrl-D, a terminal that went away, and once the signal is aborted. */
async function ask({ stdin, stderr }: Terminal, question: string, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const answer = await new Promise<string>((resolve) => {
    const lines = createInterface({ input: stdin, output: stderr });
    let typed = "";
    const giveUp = () => {
      stderr.write("\n");
      lines.close();
    };
    // While it reads, the terminal hands Ctrl-C to readline instead of sending a signal.
    lines.once("SIGINT", giveUp);
    signal.addEventListener("abort", giveUp, { once: true });
    lines.once("close", () => {
      signal.removeEventListener("abort", giveUp);
      resolve(typed);
    });
    lines.question(question, (line) => {
      typed = line;
      lines.close();
    });
  });
  return /^y(es)?$/i.test(answer.trim());
}
