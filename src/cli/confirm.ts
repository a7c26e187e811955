// The host and the number of rows in; a person's yes or no out, asked once, and only where a person can answer.
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
  if (yes || !terminal.stdin.isTTY || !terminal.stderr.isTTY) return true;
  const rows = await facts.countRows();
  if (signal.aborted) throw new UpdraftError("not-confirmed");
  const most = limit !== null && limit < rows ? `, at most ${thousands(limit)} of them` : "";
  const answer = await ask(terminal, `Send ${thousands(rows)} rows${most}, to ${facts.host}? [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  throw new UpdraftError("not-confirmed");
}

/** The answer; empty for Ctrl-C, Ctrl-D and a terminal that went away. */
function ask({ stdin, stderr }: Terminal, question: string): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: stdin, output: stderr });
    let answer = "";
    // While it reads, the terminal hands Ctrl-C to readline instead of sending a signal.
    lines.once("SIGINT", () => {
      stderr.write("\n");
      lines.close();
    });
    lines.once("close", () => resolve(answer));
    lines.question(question, (line) => {
      answer = line;
      lines.close();
    });
  });
}
