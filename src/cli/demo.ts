// `updraft demo`: nothing in; the samples sent through the whole path to a simulator that makes trouble, and where to look afterwards, out.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { loadLocalSettings, loadSettings } from "../config.ts";
import { EXIT } from "../errors.ts";
import { endRedis, removeLeftovers, type SimulatorProcess, startSimulatorProcess } from "./demo-parts.ts";
import { printSummary, type Session, withSession } from "./session.ts";
import type { Shell } from "./shell.ts";

const SAMPLE = join(import.meta.dirname, "..", "..", "samples", "customers.csv");

/** A little of everything that a real endpoint does on a bad day. */
const TROUBLE = ["--latency", "20-60", "--share503", "5%", "--reset-before-share", "1%"];
/** Slow enough to be watched. */
const RATE = "20/s";
/** Also how long a row waits after a reset: whether it took effect cannot be known sooner. */
const TIMEOUT = "2s";

/** In the demo's folder: a screen without it would show log lines between plain ones. */
const LOG = "demo.log";

const PROXIES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"];

const EXAMPLES = `
It needs no network, no settings and no credentials: everything runs on this machine, in a folder of its own.`;

export function demoCommand(shell: Shell): Command {
  const command = new Command("demo")
    .summary("see it work on samples, offline")
    .description("Sends samples/customers.csv to a simulator of the endpoint that fails now and then.");
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const dir = makeFolder(shell);
    const session = { logFile: join(dir, LOG), logLevel: "info" } as const;
    await removeLeftovers(join(dir, ".."), shell.clock);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // A second Ctrl-C ends this process at once: its Redis must not stay behind.
    const endAtOnce = () => endRedis(dir);
    process.once("exit", endAtOnce);
    shell.exitCode = await withSession(shell, session, false, async (parts) => {
      parts.screen.notice("starting a simulator of the endpoint: 5 % of requests get a 503, 1 % lose their connection");
      await using simulator = await startSimulatorProcess(TROUBLE);
      // Awaited here: the simulator is there until it has ended.
      return await sendSample(shell, dir, simulator, parts);
    });
    process.off("exit", endAtOnce);
  });
}

async function sendSample(
  shell: Shell,
  dir: string,
  { url, login, password }: SimulatorProcess,
  session: Session,
): Promise<number> {
  const { log, screen, stop } = session;
  // All traffic stays on this machine, whatever proxy the environment names.
  for (const name of PROXIES) delete process.env[name];
  const settings = loadSettings({
    flags: { baseUrl: url, dataDir: dir, rate: RATE, timeout: TIMEOUT, logFile: LOG },
    env: { CONNECTFI_LOGIN: login, CONNECTFI_PASSWORD: password, XDG_CONFIG_HOME: dir },
    cwd: dir,
  });
  const { runFile } = await import("../pipeline.ts");
  const mapping = { set: {}, ignoreColumns: [] };
  const summary = await runFile(
    { file: SAMPLE, job: "default", mapping, settings, limit: null, again: true, full: false },
    {
      confirm: async () => true,
      confirmRest: async () => true,
      progress: screen.progress,
      notice: screen.notice,
      log,
    },
    stop.soft,
  );
  screen.clear();
  const code = printSummary(shell, summary, false);
  if (code !== EXIT.ok && code !== EXIT.rowsFailed) return code;
  shell.stdout.write(
    "\nSome rows of the sample are wrong on purpose, so that the errors file has something to show.\n",
  );
  shell.stdout.write('The reports stay there until the next demo. Next: the README, "Your own file".\n');
  return EXIT.ok;
}

/** Beside the runs of this user, one per process, so that two demos do not meet. Of the settings only the data folder counts. */
function makeFolder({ env, cwd }: Shell): string {
  const { UPDRAFT_DATA_DIR, XDG_STATE_HOME, HOME } = env;
  const nowhere = join(import.meta.dirname, "no-config");
  const { dataDir } = loadLocalSettings({
    flags: {},
    env: { UPDRAFT_DATA_DIR, XDG_STATE_HOME, HOME, XDG_CONFIG_HOME: nowhere },
    cwd,
  });
  return join(dataDir, "demos", String(process.pid));
}
