// The fields of a job that say which files `serve` runs, and when: a watched folder, a schedule.
import * as z from "zod";
import { parseDuration } from "../settings/amounts.ts";
import { isZone } from "../settings/time-window.ts";
import { command, field, read, text } from "./job-field.ts";
import { firesEver } from "./job-times.ts";

const folder = (name: string, effect: string) =>
  field(text.optional(), "a folder", `\`${name}\` beside the inbox`, effect);

const yesOrNo = (effect: string) =>
  field(z.boolean("true or false").default(false), "`true` or `false`", "`false`", effect);

const settle = read("a time from 100ms to 1h, such as 2s", (value) => {
  const ms = parseDuration(value);
  return ms !== undefined && ms >= 100 && ms <= 3_600_000 ? ms : undefined;
});

export const watch = z.strictObject(
  {
    inbox: field(text, "a folder", null, "Files put here are run, each once. Relative to the job file."),
    working: folder("working", "Where a file is while it is run; on the file system of the inbox."),
    outbox: folder("outbox", "Where the reports of each file go, in a folder of its name."),
    archive: folder("archive", "Where files go that were run."),
    refused: folder("refused", "Where files go that cannot be a run, each with a `.reason.json`."),
    poll: yesOrNo("Looks into the folder again and again, for network file systems that tell of no change."),
    done: yesOrNo("Takes a file only when an empty one of its name and `.done` after it stands beside it."),
    settle: field(
      settle.prefault("2s"),
      "a time from 100ms to 1h",
      "`2s`",
      "How long a file's size has to stay the same before it is taken.",
    ),
  },
  "{inbox, …}",
);

const found = "none: `command` and `file` are given";
const made = "none: `glob` is given";

const scheduleInput = z
  .strictObject(
    {
      glob: field(
        text.optional(),
        "a pattern of paths",
        found,
        "The files to run: `/exports/customers-*.csv`. Relative to the job file.",
      ),
      pick: field(
        z.enum(["newest", "all"], "newest or all").optional(),
        "`newest` or `all`",
        "`newest`",
        "Which of the files that match; all are run one after the other, the oldest first.",
      ),
      command: field(
        command.optional(),
        "a program and its arguments",
        made,
        "Makes the file; run in the folder of the job file. Where it ends with another code than 0, nothing is run.",
      ),
      file: field(text.optional(), "a path", made, "The file that the command made. Relative to the job file."),
    },
    "{glob, pick} or {command, file}",
  )
  .transform(({ glob, pick, command: words, file }, context) => {
    if (glob !== undefined && words === undefined && file === undefined)
      return { glob, pick: pick ?? ("newest" as const) };
    if (glob === undefined && pick === undefined && words !== undefined && file !== undefined)
      return { command: words, file };
    context.addIssue({ code: "custom", message: "either glob (and pick), or command and file" });
    return z.NEVER;
  });

const cron = read("a cron pattern that fires, such as 0 2 * * *", (value) => (firesEver(value) ? value : undefined));
const timeZone = read("a time zone such as America/New_York", (value) => (isZone(value) ? value : undefined));

export const schedule = z.strictObject(
  {
    cron: field(
      cron,
      "a cron pattern",
      null,
      "When the job runs: minute, hour, day of the month, month, day of the week; seconds may stand before them.",
    ),
    timeZone: field(timeZone.prefault("UTC"), "a time zone", "`UTC`", "Whose clock the pattern means."),
    input: field(scheduleInput, "`{glob, pick}` or `{command, file}`", null, "What is run."),
    missed: field(
      z.enum(["run-once", "skip"], "run-once or skip").default("run-once"),
      "`run-once` or `skip`",
      "`run-once`",
      "What becomes of times at which nothing served the job: one run as soon as something does, or none.",
    ),
  },
  "{cron, input, …}",
);
