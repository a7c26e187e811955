// `updraft doctor`: settings in; a line for everything a run needs, with what to do, and the exit code a run would meet, out.
import { Command } from "commander";
import * as z from "zod";
import { type Given, loadLocalSettings, loadSettings } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { LocalSettings } from "../settings/settings.ts";
import { printable } from "../write/explain.ts";
import type { Check } from "./doctor-checks.ts";
import { addSettings, given } from "./options.ts";
import type { Shell } from "./shell.ts";

const flags = z.object({ json: z.boolean().default(false) });

const EXAMPLES = `
It changes nothing but this: it makes the data folder, and starts the embedded Redis for a moment where no other is named.
Exit codes: 0 nothing failed (warnings may be there); 2 a setting is missing or wrong; 4 credentials refused; 5 anything else.`;

export function doctorCommand(shell: Shell): Command {
  const command = new Command("doctor")
    .summary("check Redis, credentials, disk and clocks")
    .description("Checks everything a run needs, and says what to do about what is missing.")
    .option("--json", "print the checks as JSON on stdout");
  addSettings(command, ["baseUrl", "dataDir", "redisUrl", "timeout"]);
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const { json } = flags.parse(command.opts());
    const checks = await diagnose(given(command, shell), shell);
    const code = exitCodeOfChecks(checks);
    shell.stdout.write(json ? `${JSON.stringify({ ok: code === EXIT.ok, checks })}\n` : renderChecks(checks));
    shell.exitCode = code;
  });
}

/** Wrong settings are found one at a time, as a run would; what does not depend on them is still looked at. */
async function diagnose(said: Given, { clock }: Shell): Promise<Check[]> {
  const { checkEndpoint, checkFolder, checkKey, checkNode, checkRedis, failed } = await import("./doctor-checks.ts");
  const checks = [checkNode(process.versions.node)];
  let local: LocalSettings;
  try {
    local = loadLocalSettings(said);
  } catch (error) {
    return [...checks, failed("settings", error)];
  }
  const folder = checkFolder(local.dataDir);
  checks.push(...folder, checkKey(local));
  // Without a folder the embedded server has no place to be: one failure is enough said.
  if (local.redisUrl !== null || folder.every(({ status }) => status !== "fail"))
    checks.push(...(await checkRedis(local, clock)));
  try {
    checks.push(...(await checkEndpoint(loadSettings(said), clock)));
  } catch (error) {
    checks.push(failed("settings", error));
  }
  return checks;
}

/** What has to be put right first: settings, then credentials, then the rest. */
function exitCodeOfChecks(checks: readonly Check[]): number {
  const codes = checks.map(({ exit }) => exit).filter((exit) => exit !== EXIT.ok);
  return codes.length === 0 ? EXIT.ok : Math.min(...codes);
}

function renderChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, found, next }) => [
    `${status.padEnd(4)}  ${name.padEnd(width)}  ${printable(found)}`,
    ...(next === null ? [] : [`${" ".repeat(width + 8)}${printable(next)}`]),
  ]);
  const bad = checks.filter(({ status }) => status === "fail").length;
  lines.push("", bad === 0 ? "Everything a run needs is there." : `${bad} of ${checks.length} checks failed.`);
  return `${lines.join("\n")}\n`;
}
