// `updraft rows <file>`: a file in; the dialect it is written in, and each of its rows as it was understood, one JSON object a line, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { EXIT } from "../errors.ts";
import { encodingBy, toldBy } from "../settings/reading.ts";
import { printable } from "../write/explain.ts";
import { addSettings, countOf, given, READING } from "./options.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ limit: z.string().optional() });

const EXAMPLES = `
Examples:
  updraft rows customers.csv | head
  updraft rows customers.csv --limit 20 --delimiter ';'
  updraft rows customers.csv | jq -c 'select(.error)'          only the rows that cannot be read, and why

The first line is {"dialect", "columns"}: how the file is written, with the confidence (0 to 1) in what was recognised.
Then one line a row: {"row", "line", "values"}, or {"row", "line", "error", "cells"} with the cells as they were most likely meant.
What of the file is no row, such as lines above the table or behind it, is said on stderr.
It shows the file's content, needs no job, no column customerId, no endpoint and no Redis, and sends nothing.
Exit codes: 0 it was shown; 2 the file cannot be read at all.`;

export function rowsCommand(shell: Shell): Command {
  const command = new Command("rows")
    .summary("show what is read from a file, row by row")
    .description("Prints how the file is written and each of its rows as they are understood, one JSON object a line.")
    .argument("<file>", "CSV, NDJSON or JSON, plain or packed (gzip, zstd, zip), or .xlsx; - for standard input")
    .option("--limit <n>", "stop after so many rows");
  addSettings(command, ["dataDir", "encoding", ...READING]);
  return command.addHelpText("after", EXAMPLES).action(async (file: string) => {
    const limit = countOf("--limit", flags.parse(command.opts()).limit);
    const settings = loadLocalSettings(given(command, shell));
    const { rowLines } = await import("../rows.ts");
    const request = { file, told: toldBy(settings), encoding: encodingBy(settings), limit, settings };
    const say = (sentence: string) => void shell.stderr.write(`${printable(sentence)}\n`);
    for await (const lines of rowLines(request, say)) {
      if (!(await written(shell.stdout, lines))) break;
    }
    shell.exitCode = EXIT.ok;
  });
}

/** Waits until the reader has taken it, so that a file of any size is never held; false where nobody reads any more (`| head`). */
function written(stream: NodeJS.WritableStream, text: string): Promise<boolean> {
  return new Promise((resolve) => void stream.write(text, (error) => resolve(error == null)));
}
