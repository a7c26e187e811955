// `updraft explain <run> <row>`: one row of a run in; every attempt of it and how it ended, in words and without a value, out.
import { Command } from "commander";
import * as z from "zod";
import { loadLocalSettings } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { RowStory } from "../runs/inspect.ts";
import type { Status } from "../settle/outcome.ts";
import { printable } from "../write/explain.ts";
import { duration } from "../write/render.ts";
import type { Attempt } from "../write/story.ts";
import { addSettings, countOf, given } from "./options.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ file: z.string().min(1).optional(), json: z.boolean().default(false) });

const EXAMPLES = `
Examples:
  updraft explain 1f0c 412331
  updraft explain 1f0c 412331 --file /archive/customers.csv.gz

<row> is what the reports have as updraft_row. It needs no Redis, no credentials and no key, and shows no value of the row.
Exit codes: 0 it was told; 2 no such run or row, or the run is going on; 5 its ledger is damaged.`;

const MEANINGS: Readonly<Record<Status, string>> = {
  updated: "the endpoint took it",
  unchanged: "it was the same as last time, and not sent",
  rejected: "it was invalid, and never sent",
  failed: "it was not applied",
  unknown: "it may or may not have been applied",
  unsent: "the run ended before its turn",
};

export function explainCommand(shell: Shell): Command {
  const command = new Command("explain")
    .summary("tell what happened to one row")
    .description("Tells every attempt of one row, what came back and how long it waited, and how the row ended.")
    .argument("<run>", "name of the run, or the beginning of it")
    .argument("<row>", "number of the row: updraft_row of the reports")
    .option("--file <path>", "where the run's file is now, if it was moved, renamed or compressed")
    .option("--json", "print it as JSON on stdout, and nothing else");
  addSettings(command, ["dataDir", "jobs"]);
  return command.addHelpText("after", EXAMPLES).action(async (run: string, text: string) => {
    const { file = null, json } = flags.parse(command.opts());
    const row = countOf("<row>", text) ?? 0;
    const settings = loadLocalSettings(given(command, shell));
    const { explainRow } = await import("../runs/inspect.ts");
    const story = await explainRow({ run, file, settings }, row);
    shell.stdout.write(json ? `${JSON.stringify(story)}\n` : rendered(story));
    shell.exitCode = EXIT.ok;
  });
}

function rendered(story: RowStory): string {
  const { run, row, line, file, columns, attempts, untold } = story;
  const place = line === null ? "" : ` (line ${line})`;
  const names = (list: readonly string[]) => list.map(printable).join(", ") || "none";
  const lines = [
    `row ${row}${place}${file === null ? "" : ` of ${printable(file)}`}, run ${run}`,
    ...(columns === null ? [] : [`  columns with a value: ${names(columns.given)}`]),
    ...(columns === null || columns.empty.length === 0 ? [] : [`  empty: ${names(columns.empty)}`]),
    "",
    ...attempts.map((attempt, i) => `  ${told(attempt, i + 1)}`),
    ...(untold === 0 ? [] : [`  ${further(untold, attempts.length)}`]),
    ...(attempts.length + untold === 0 ? ["  no request was made"] : []),
    "",
    ...ending(story),
  ];
  return `${lines.join("\n")}\n`;
}

function told({ at, waited, came, latency }: Attempt, number: number): string {
  const wait = waited > 0 ? `, after a wait of ${duration(waited)}` : "";
  return `request ${number}  ${at}  ${came}, ${duration(latency)}${wait}`;
}

function further(untold: number, known: number): string {
  const count = `${untold} ${known > 0 ? "more " : ""}${untold === 1 ? "request" : "requests"}`;
  return `${count}, of which only the number is kept: sent with a token that had expired, broken off by a stop, or lost with a worker`;
}

function ending({ outcome, state }: RowStory): string[] {
  if (outcome === null) {
    const final = state === "cancelled" || state === "complete";
    return [
      final ? `unsent: ${MEANINGS.unsent}` : "no outcome yet: the run is not over, and goes on with the same command",
    ];
  }
  const { status, at, ambiguous, reasons } = outcome;
  const doubt = "an earlier request had got no answer: it may have taken effect as well";
  return [
    `${status}, ${at}: ${MEANINGS[status]}`,
    ...reasons.map(({ code, message }) => `  ${printable(message)} [${printable(code)}]`),
    ...(status === "updated" && ambiguous ? [`  ${doubt}`] : []),
  ];
}
