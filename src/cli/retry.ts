// `updraft retry <run>`: a run that has ended and flags in; those of its rows sent again that did not end well, one summary
// of all its rows on stdout and an exit code, out.
import { Command } from "commander";
import * as z from "zod";
import { loadSettings } from "../config.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import type { Retry } from "../runs/retry.ts";
import { RETRIABLE, type Retriable } from "../settle/retry.ts";
import { thousands } from "../write/render.ts";
import { confirm, confirmRest } from "./confirm.ts";
import { givenOfRun } from "./job-option.ts";
import { addSettings, collect, SENDING } from "./options.ts";
import { printSummary, withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({
  only: z.array(z.string()).default([]),
  superseded: z.boolean().default(false),
  file: z.string().min(1).nullable().default(null),
  yes: z.boolean().default(false),
  json: z.boolean().default(false),
});

const EXAMPLES = `
Examples:
  updraft retry 1f0c                        every row that ended failed, unknown, rejected or unsent
  updraft retry 1f0c --only unknown
  updraft retry 1f0c --file /archive/customers.csv.gz

<run> is the run's name, or as much of its beginning as no other run has. The retry is a run of its own, <run>.r1, with a
report on all rows of the file. Rows whose customer has a later row that was updated are left out and listed. A retry that
was stopped half way goes on where it stopped when the same command is given again.

Exit codes: as of updraft run; 0 also where there is nothing to retry.`;

export function retryCommand(shell: Shell): Command {
  const command = new Command("retry")
    .summary("send rows of a run again that did not end updated")
    .description("Sends the rows of a run again that ended failed, unknown, rejected or unsent, from the same file.")
    .argument("<run>", "name of the run, or the beginning of it")
    .option("--only <outcome>", `only rows that ended so: ${RETRIABLE.join(", ")}; repeatable`, collect)
    .option("--superseded", "also rows whose customer has a later row that was updated: it is undone by them")
    .option("--file <path>", "where the run's file is now, if it was moved, renamed or compressed")
    .option("--yes", "do not ask before sending")
    .option("--json", "print the summary as JSON on stdout, and nothing else");
  addSettings(command, SENDING);
  return command.addHelpText("after", EXAMPLES).action(async (run: string) => {
    const { only, superseded, file, yes, json } = flags.parse(command.opts());
    const wanted = only.map(outcomeOf);
    const settings = loadSettings(await givenOfRun(command, shell, run));
    shell.exitCode = await withSession(shell, settings, json, async ({ log, screen, stop }) => {
      const { openRetry } = await import("../runs/retry.ts");
      await using closing = new AsyncDisposableStack();
      const asked = { run, only: wanted, superseded, file, settings };
      const retry = closing.adopt(await openRetry(asked, stop.soft), (opened) => opened.close());
      for (const line of leftOutLines(retry)) screen.notice(line);
      if (retry.rows === 0 && !retry.begun) {
        const line = `nothing to retry: ${whyNothing(retry)}`;
        if (json) screen.notice(line);
        else shell.stdout.write(`${line}\n`);
        return EXIT.ok;
      }
      const host = new URL(settings.baseUrl).host;
      const facts = { run: retry.run, host, countRows: async () => retry.rows };
      await confirm(shell, facts, { limit: null, yes }, stop.soft);
      const { runFile } = await import("../pipeline.ts");
      if (stop.soft.aborted) throw new UpdraftError("not-confirmed");
      await retry.make();
      screen.notice(`${thousands(retry.rows)} rows of run ${retry.of} are retried, as run ${retry.run}`);
      const { job, limit } = retry.origin;
      const { mapping } = retry;
      const summary = await runFile(
        { file: retry.file, job, mapping, settings, limit, again: false, full: false, retry },
        {
          confirm: async () => {},
          confirmRest: (facts, signal) => screen.ask(() => confirmRest(shell, facts, yes, signal)),
          progress: screen.progress,
          notice: screen.notice,
          log,
          worker: shell.spawnWorker(shell.clock, log, screen.notice),
        },
        stop.soft,
      );
      screen.clear();
      return printSummary(shell, summary, json);
    });
  });
}

function outcomeOf(text: string): Retriable {
  const known = RETRIABLE.find((one) => one === text);
  if (known !== undefined) return known;
  const expected = `one of ${RETRIABLE.join(", ")}`;
  throw new UpdraftError("flag-invalid", { flag: "--only", expected, got: text.slice(0, 40) });
}

function leftOutLines({ leftOut: { count, first }, run, rows }: Retry): string[] {
  if (count === 0) return [];
  const more = count - first.length;
  const rest = rows === 0 ? [] : [`  all of them are in superseded.csv of run ${run}`];
  return [
    `left out, because a later row of the same customer stands: ${thousands(count)} ${count === 1 ? "row" : "rows"} (--superseded sends them too)`,
    ...first.map(
      ({ row, line, by }) => `  row ${row} (line ${line}): row ${by.row} (line ${by.line}) ended ${by.status}`,
    ),
    ...(more > 0 ? [`  and ${thousands(more)} more`] : []),
    ...rest,
  ];
}

function whyNothing({ of, only, leftOut }: Retry): string {
  if (leftOut.count > 0) return `of run ${of} all rows in question are left out`;
  return `no row of run ${of} ended ${only.join(", ").replace(/, (?=[^,]*$)/, " or ")}`;
}
