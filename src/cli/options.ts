// Declared settings in, flags of a command out; and back: what commander parsed in, what was given for each setting out.
import { type Command, Option } from "commander";
import * as z from "zod";
import type { Given } from "../config.ts";
import { UpdraftError } from "../errors.ts";
import type { MappingSettings } from "../plan/plan.ts";
import { SETTINGS, type Setting, type SettingName } from "../settings/settings.ts";
import type { Shell } from "./shell.ts";

const HEADING = "Settings:";

/** Settings of every command that sends the rows of one file. */
export const SENDING: readonly SettingName[] = [
  "baseUrl",
  "dataDir",
  "jobs",
  "redisUrl",
  "rate",
  "endpointRate",
  "concurrency",
  "maxInFlight",
  "window",
  "attempts",
  "timeout",
  "giveUpAfter",
  "stopAfter",
  "stopAfterSame",
  "canary",
  "changedOnly",
  "recheckAfter",
  "duplicates",
  "excel",
  "notifyWebhook",
  "notifyCommand",
  "logFile",
  "logLevel",
];

/** Settings of every command that reads a file that nothing is known of. A retry reads its file, and judges its rows, as its run did. */
export const READING: readonly SettingName[] = [
  "encoding",
  "delimiter",
  "quote",
  "escape",
  "comment",
  "noHeader",
  "columns",
  "dialect",
];

/** And how its rows are judged. */
export const JUDGING: readonly SettingName[] = ["strict", "strictText", "health"];

/** Adds the flags of these settings, and `--config`. None has a default of its own: flags only override. */
export function addSettings(command: Command, names: readonly SettingName[]): Command {
  for (const setting of SETTINGS) {
    if (setting.flag === null || !names.includes(setting.name)) continue;
    command.addOption(new Option(setting.flag, helpOf(setting)).helpGroup(HEADING));
  }
  const config = new Option(
    "--config <file>",
    "configuration file (UPDRAFT_CONFIG; default: updraft/config.json in the XDG configuration folder)",
  );
  return command.addOption(config.helpGroup(HEADING));
}

/** For `--help`: plain text, the environment variable and the default at the end. */
function helpOf({ effect, env, envFile, fallback }: Setting): string {
  const facts = [env, ...(envFile ? [`${env}_FILE`] : []), ...(fallback === null ? [] : [`default: ${fallback}`])];
  const sentence = effect.replace(/\.$/, "");
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)} (${facts.join("; ")})`.replaceAll("`", "");
}

/** What a person said about settings on this command's line, in the environment and by `--config`. */
export function given(command: Command, { env, cwd }: Shell): Given {
  const options = z.record(z.string(), z.unknown()).parse(command.opts());
  const flags: Partial<Record<SettingName, string>> = {};
  for (const { name, flag } of SETTINGS) {
    if (flag === null) continue;
    const option = new Option(flag);
    const value = options[option.attributeName()];
    if (typeof value === "string") flags[name] = value;
    // A flag that takes no value. Where it begins with no-, commander says true as long as it is not given.
    else if (value === !option.negate) flags[name] = "yes";
  }
  return { flags, env, cwd, configFile: typeof options.config === "string" ? options.config : undefined };
}

/** Options that every command that reads a file of rows has. */
const mappingOptions = z.object({
  set: z.array(z.string()).default([]),
  ignoreColumn: z.array(z.string()).default([]),
});

export function addMapping(command: Command): Command {
  return command
    .option("--set <property=value>", "give every row this property; repeatable (--set countryCodeA3=USA)", collect)
    .option("--ignore-column <name>", "leave this column out; repeatable", collect);
}

export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Throws `set-malformed` and `set-twice`; whether the properties exist is for the mapping to say. */
export function mappingOf(command: Command): MappingSettings {
  const options = mappingOptions.parse(command.opts());
  const set = new Map<string, string>();
  for (const text of options.set) {
    const equals = text.indexOf("=");
    // Its value may be a customer's: what is shown is that a part is missing, not the text.
    if (equals < 1) {
      throw new UpdraftError("set-malformed", { got: equals < 0 ? "a text without =" : "no property before =" });
    }
    const property = text.slice(0, equals).trim();
    if (set.has(property)) throw new UpdraftError("set-twice", { property });
    set.set(property, text.slice(equals + 1));
  }
  return { set: Object.fromEntries(set), ignoreColumns: options.ignoreColumn };
}

/** For flags that are no settings: whole numbers from 1. */
export function countOf(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new UpdraftError("flag-invalid", { flag, expected: "a whole number from 1", got: text.slice(0, 40) });
}
