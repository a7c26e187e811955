// `updraft watch <folder>`: a folder and flags in; each file dropped there run once, one line for each on stdout, out.
import { resolve } from "node:path";
import { Command } from "commander";
import * as z from "zod";
import { loadSettings } from "../config.ts";
import { besides } from "../daemon/watch-folders.ts";
import { UpdraftError } from "../errors.ts";
import type { Watch } from "../plan/job.ts";
import { parseDuration } from "../settings/amounts.ts";
import { addJob, choose } from "./job-option.ts";
import { addMapping, addSettings, JUDGING, READING, SENDING } from "./options.ts";
import { withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({
  working: z.string().optional(),
  outbox: z.string().optional(),
  archive: z.string().optional(),
  refused: z.string().optional(),
  done: z.boolean().default(false),
  poll: z.boolean().default(false),
  settle: z.string().optional(),
});
type Flags = z.infer<typeof flags>;

const SETTLE = "a time from 100ms to 1h, such as 2s";
const SETTLE_MS = 2_000;

const EXAMPLES = `
Examples:
  updraft watch /srv/partner/inbox --rate 50/s
  updraft watch --job partner-upload                as the job says, in the folder that it watches
  updraft watch inbox --done                        takes a.csv when a.csv.done is there
  updraft watch /mnt/share/inbox --poll             a network file system, which tells of no changes

A file is taken when its size and time of change have stayed the same for --settle; names that begin with a dot or end
in .part, .tmp or ~ are left alone. While it is run it is in working/; its reports go to outbox/<file>/, it goes to
archive/, or with a .reason.json to refused/ where it cannot be run. SIGTERM or Ctrl-C: requests in flight end; the next
start goes on where this one stopped.`;

export function watchCommand(shell: Shell): Command {
  const command = new Command("watch")
    .summary("run each file that is dropped into a folder")
    .description(
      "Watches a folder and runs each file in it once it is complete, the oldest first, until it is stopped.",
    )
    .argument("[folder]", "the folder that files are dropped into (default: the one that the job watches)")
    .option("--working <folder>", "where a file is while it is run (default: working beside it)")
    .option("--outbox <folder>", "where reports go, in a folder per file (default: outbox beside it)")
    .option("--archive <folder>", "where files go that were run (default: archive beside it)")
    .option("--refused <folder>", "where files go that cannot be run (default: refused beside it)")
    .option("--done", "take a file only when <file>.done is there")
    .option("--poll", "look again and again, for network file systems")
    .option("--settle <time>", "how long a file must have stayed the same, 100ms to 1h (default: 2s)");
  addMapping(command);
  addJob(command);
  addSettings(command, [...SENDING, ...JUDGING, ...READING, "keep"]);
  return command.addHelpText("after", EXAMPLES).action(async (folder: string | undefined) => {
    const { job, mapping, given, showChanges, watch: ofJob } = await choose(command, shell);
    const settings = loadSettings(given);
    const watch = foldersOf(shell.cwd, folder, ofJob, flags.parse(command.opts()));
    await withSession(shell, settings, false, async ({ log, screen, stop }) => {
      const spawn = () => shell.spawnWorker(shell.clock, log, screen.notice);
      const worker = spawn();
      const { watchFolder } = await import("../daemon/watch-folder.ts");
      const tell = (line: string) => void shell.stdout.write(`${line}\n`);
      const request = { job, mapping, settings, showChanges };
      await watchFolder({ watch, request, worker, spawn, log, tell, notice: screen.notice }, stop.soft);
    });
  });
}

/** What the flags say, then the job, where it watches this folder; the job's other folders are not those of another inbox. */
function foldersOf(cwd: string, folder: string | undefined, ofJob: Watch | null, said: Flags): Watch {
  const { done, poll, settle, ...others } = said;
  const inbox = folder === undefined ? ofJob?.inbox : resolve(cwd, folder);
  if (inbox === undefined)
    throw new UpdraftError("flag-invalid", {
      flag: "[folder]",
      expected: "a folder, or with --job a job that watches one",
      got: "neither",
    });
  const named = Object.entries(others).map(([name, path]) => [name, resolve(cwd, String(path))] as const);
  return {
    ...(ofJob?.inbox === inbox ? ofJob : besides(inbox)),
    ...Object.fromEntries(named),
    inbox,
    done: done || ofJob?.done === true,
    poll: poll || ofJob?.poll === true,
    settle: settle === undefined ? (ofJob?.settle ?? SETTLE_MS) : settleOf(settle),
  };
}

function settleOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 100 && ms <= 3_600_000) return ms;
  throw new UpdraftError("flag-invalid", { flag: "--settle", expected: SETTLE, got: text.slice(0, 40) });
}
