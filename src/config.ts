// Flags, environment and configuration file in; checked and frozen settings, or one sentence saying which value is wrong, out.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type * as z from "zod";
import { UpdraftError } from "./errors.ts";
import type { JobSettings } from "./plan/job-field.ts";
import { nearest, normalise } from "./plan/nearest.ts";
import {
  type LocalSettings,
  SCHEMAS,
  SETTINGS,
  type Setting,
  type SettingName,
  type Settings,
} from "./settings/settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything a person can say about settings, unchecked. */
export interface Given {
  /** By setting name; undefined where the flag was not given. */
  readonly flags: Readonly<Partial<Record<SettingName, string | undefined>>>;
  readonly env: Environment;
  /** What the job of `--job` says, already checked. */
  readonly job?: JobSettings | undefined;
  /** `--config`. */
  readonly configFile?: string | undefined;
  /** Relative paths of flags and environment start here; those of the configuration file at its folder. */
  readonly cwd: string;
}

/** What a key of the configuration file may have been meant as. */
const KEYS = new Map(SETTINGS.filter(({ secret }) => !secret).map(({ name }) => [normalise(name), name]));

/** A value as text, and where it stands, for the error about it. */
interface Said {
  readonly value: string;
  readonly origin: string;
  readonly folder: string;
}

/** Settings for what talks to the endpoint: base URL and credentials must be given. */
export function loadSettings(given: Given): Settings {
  const said = merge(given);
  if (!said.has("baseUrl")) throw new UpdraftError("base-url-missing");
  if (!said.has("login") || !said.has("password")) {
    throw new UpdraftError("credentials-missing", {
      missing: said.has("login") ? "CONNECTFI_PASSWORD" : "CONNECTFI_LOGIN",
    });
  }
  const secret = given.job?.notifySecretEnv;
  if (secret !== undefined && !said.has("notifySecret")) throw new UpdraftError("job-secret-missing", { env: secret });
  return check(SCHEMAS.endpoint, said, given.job);
}

/** Settings for what stays on this machine (`check`): endpoint and credentials may be missing, and are not looked at. */
export function loadLocalSettings(given: Given): LocalSettings {
  return check(SCHEMAS.local, merge(given), given.job);
}

function check<T>(schema: z.ZodType<T>, said: ReadonlyMap<string, Said>, job: Given["job"]): Readonly<T> {
  const result = schema.safeParse(Object.fromEntries([...said].map(([name, { value }]) => [name, value])));
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  const setting = SETTINGS.find(({ name }) => name === issue?.path[0]);
  const found = setting && said.get(setting.name);
  if (!issue || !setting || !found) throw result.error;
  throw new UpdraftError("setting-invalid", {
    setting: found.origin,
    expected: issue.message,
    got: describe(setting, found.value),
    ways: ways({ ...setting, env: envOf(setting, job) }),
  });
}

/** Flag over job over environment over file over default; where each stands is kept. */
function merge(given: Given): Map<SettingName, Said> {
  const file = readConfigFile(given);
  const said = new Map<SettingName, Said>();
  for (const setting of SETTINGS) {
    const found =
      fromFlag(given, setting) ?? fromJob(given, setting) ?? fromEnvironment(given, setting) ?? file.get(setting.name);
    if (found) said.set(setting.name, found);
  }
  for (const name of ["dataDir", "jobs", "logFile"] as const) {
    const found = said.get(name);
    if (found?.value.trim()) said.set(name, { ...found, value: resolve(found.folder, found.value.trim()) });
  }
  const dialect = said.get("dialect");
  if (dialect && !/^\s*(?:\{|auto\s*$)/.test(dialect.value)) said.set("dialect", fromFile(dialect));
  if (!said.has("dataDir")) {
    const value = xdgFolder(given.env, "XDG_STATE_HOME", [".local", "state"]);
    said.set("dataDir", { value, origin: "dataDir", folder: given.cwd });
  }
  return said;
}

function fromFlag({ flags, cwd }: Given, setting: Setting): Said | undefined {
  const value = flags[setting.name];
  if (value === undefined || setting.flag === null) return undefined;
  const origin = flagName(setting.flag);
  if (hidesPassword(setting, value)) {
    throw new UpdraftError("secret-in-the-open", { where: origin, env: setting.env });
  }
  return { value, origin, folder: cwd };
}

function fromJob({ job, cwd }: Given, { name }: Setting): Said | undefined {
  const value = new Map(Object.entries(job ?? {})).get(name);
  return value === undefined ? undefined : { value, origin: `${name} of the job`, folder: cwd };
}

/** The variable that a setting is given in: a job may have its notices signed with a secret of its own. */
function envOf({ name, env }: Setting, job: Given["job"]): string {
  return (name === "notifySecret" && job?.notifySecretEnv) || env;
}

/** An empty variable counts as not set: that is what compose files and CI systems pass for one. */
function fromEnvironment({ env, cwd, job }: Given, setting: Setting): Said | undefined {
  const name = envOf(setting, job);
  const value = env[name] || undefined;
  const fileName = `${name}_FILE`;
  const path = (setting.envFile && env[fileName]) || undefined;
  if (value !== undefined && path !== undefined) {
    throw new UpdraftError("setting-twice", { one: name, other: fileName });
  }
  if (value !== undefined) return { value, origin: name, folder: cwd };
  if (path === undefined) return undefined;
  const text = readText(
    resolve(cwd, path),
    (reason) => new UpdraftError("secret-file", { env: fileName, path, reason }),
  );
  return { value: text.replace(/\r?\n$/, ""), origin: fileName, folder: cwd };
}

/** The text of the file that a value names. */
function fromFile({ value, origin, folder }: Said): Said {
  const file = resolve(folder, value.trim());
  return {
    value: readText(file, (reason) => new UpdraftError("dialect-file", { file, reason })),
    origin: `${origin} (${file})`,
    folder,
  };
}

function readConfigFile(given: Given): Map<SettingName, Said> {
  const named = given.configFile ?? (given.env.UPDRAFT_CONFIG || undefined);
  const file =
    named === undefined
      ? join(xdgFolder(given.env, "XDG_CONFIG_HOME", [".config"]), "config.json")
      : resolve(given.cwd, named);
  const json = readText(file, (reason) =>
    named === undefined && (reason === "ENOENT" || reason === "ENOTDIR")
      ? undefined
      : new UpdraftError("config-file", { file, reason }),
  );
  const said = new Map<SettingName, Said>();
  if (json === "" && named === undefined) return said;
  for (const [key, value] of Object.entries(parseObject(json, file))) {
    const setting = SETTINGS.find(({ name }) => name === key);
    if (!setting) {
      const near = nearest(key, KEYS);
      throw new UpdraftError("config-file-key", { file, key, hint: near ? `did you mean "${near}"? ` : "" });
    }
    if (setting.secret || (typeof value === "string" && hidesPassword(setting, value))) {
      throw new UpdraftError("secret-in-the-open", { where: `"${key}" in ${file}`, env: setting.env });
    }
    const text = typeof value === "boolean" ? (value ? "yes" : "no") : value;
    if (typeof text !== "string" && typeof text !== "number") {
      throw new UpdraftError("setting-invalid", {
        setting: `"${key}" in ${file}`,
        expected: "a text, a number, true or false",
        got: Array.isArray(value) ? "a list" : typeof value,
        ways: ways(setting),
      });
    }
    said.set(setting.name, { value: String(text), origin: `"${key}" in ${file}`, folder: resolve(file, "..") });
  }
  return said;
}

/** The parser's own message is not passed on: it quotes the text, and people put passwords where they do not belong. */
function parseObject(text: string, file: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UpdraftError("config-file", { file, reason: "it is not JSON" });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new UpdraftError("config-file", { file, reason: "expected a JSON object" });
}

function readText(path: string, refuse: (reason: string) => UpdraftError | undefined): string {
  try {
    // Some editors put a byte order mark before all they write.
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const refusal = refuse(error instanceof Error && "code" in error ? String(error.code) : "unreadable");
    if (refusal) throw refusal;
    return "";
  }
}

/** The XDG base directory specification: a relative path there is invalid and has to be ignored. */
function xdgFolder(env: Environment, variable: string, underHome: readonly string[]): string {
  const given = env[variable];
  const base = given && isAbsolute(given) ? given : join(env.HOME || homedir(), ...underHome);
  return join(base, "updraft");
}

function hidesPassword(setting: Setting, value: string): boolean {
  if (setting.name !== "redisUrl") return false;
  const url = URL.parse(value.trim());
  return (url?.password ?? "") !== "" || (url?.searchParams.has("password") ?? value.includes("password="));
}

/** `--rate`, UPDRAFT_RATE or "rate" in the configuration file. */
function ways({ name, flag, env, envFile, secret }: Setting): string {
  const all = [flag && flagName(flag), env, envFile && `${env}_FILE`, !secret && `"${name}" in the configuration file`];
  return all
    .filter((way) => way)
    .join(", ")
    .replace(/, (?=[^,]*$)/, " or ");
}

/** Of secrets, and of what may be one, the length alone; of URLs, which may hold one, nothing before the host. */
function describe(setting: Setting, value: string): string {
  // Some webhooks have their secret in the path, and a file of customers may be named where one of a dialect should be.
  if (setting.secret || setting.name === "notifyWebhook" || setting.name === "dialect")
    return `${value.length} characters`;
  const shown = value.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1…@").replace(/\?.*$/s, "?…");
  return `"${shown.length > 100 ? `${shown.slice(0, 100)}…` : shown}"`;
}

/** `--rate <pace>` → `--rate`. */
export function flagName(flag: string): string {
  return flag.split(" ")[0] ?? flag;
}
