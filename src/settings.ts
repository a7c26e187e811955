// Every setting, declared once: how it is given, what it accepts and does. Validation, `--help` and the README's table are made from it.
import { isAbsolute } from "node:path";
import * as z from "zod";

/** A pace. `null` stands for no limit. */
export interface Rate {
  readonly perSecond: number;
}

/** What people are told of a setting. */
export interface SettingDoc {
  /** `--rate <pace>`; null where a flag would show a secret in the process list. */
  readonly flag: string | null;
  readonly env: string;
  /** Also taken from the file that `<env>_FILE` names; the way for secrets that come as mounted files. */
  readonly envFile: boolean;
  /** Refused in the configuration file, and its value never printed. */
  readonly secret: boolean;
  /** The default as people write it; null where there is none. */
  readonly fallback: string | null;
  readonly effect: string;
}

/** `fallback` is told here only where it is not a text that the schema itself starts from. */
const docs = z.registry<Omit<SettingDoc, "fallback"> & { readonly fallback?: string }>();

/** The issue's message is what was expected; the loader says what it got and where from. */
function text<T>(expected: string, read: (text: string) => T | undefined) {
  return z.string().transform((value, context): T => {
    const result = read(value.trim());
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });
}

const PER_SECOND: Readonly<Record<string, number>> = { s: 1, min: 1 / 60, h: 1 / 3600 };
const MAX_RATE = 100_000;

/** What parsePace reads, for people. */
export const PACE = `a pace such as 50/s, 3000/min or 10/h (at most ${MAX_RATE}/s), or none`;

export function parsePace(value: string): Rate | null | undefined {
  if (value === "none") return null;
  const [, count, unit = ""] = /^(\d{1,9}(?:\.\d{1,6})?) ?\/ ?(s|min|h)$/.exec(value) ?? [];
  const perSecond = Number(count) * (PER_SECOND[unit] ?? 0);
  return perSecond > 0 && perSecond <= MAX_RATE ? { perSecond } : undefined;
}

/** Rows per second as people write them: in the first unit that needs no fraction. */
export function paceText(perSecond: number | null): string {
  if (perSecond === null) return "none";
  for (const [unit, share] of Object.entries(PER_SECOND)) {
    const count = perSecond / share;
    const whole = Math.round(count);
    if (whole > 0 && Math.abs(count - whole) < 1e-9 * whole) return `${whole}/${unit}`;
  }
  return `${Number(perSecond.toPrecision(3))}/s`;
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ...{ ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
};

function parseDuration(value: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|min|h|d)$/.exec(value) ?? [];
  const ms = Number(count) * (MILLISECONDS[unit] ?? 0);
  return ms > 0 ? ms : undefined;
}

/** What parseAge reads, for people. */
export const AGE = "a time from 1h, such as 12h, 30d or 8w";
const HOURS: Readonly<Record<string, number>> = { h: 1, d: 24, w: 168 };

/** Milliseconds. */
export function parseAge(value: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6}) ?([hdw])$/.exec(value) ?? [];
  const hours = Number(count) * (HOURS[unit] ?? 0);
  return hours >= 1 ? hours * 3_600_000 : undefined;
}

function parseWhole(value: string, min: number, max: number): number | undefined {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}

function whole(min: number, max: number) {
  return text(`a whole number from ${min} to ${max}`, (value) => parseWhole(value, min, max));
}

/** Or the word that stands for what cannot be a number. */
function wholeOr<T>(min: number, max: number, word: string, meaning: T) {
  return text(`a whole number from ${min} to ${max}, or ${word}`, (value): number | T | undefined =>
    value === word ? meaning : parseWhole(value, min, max),
  );
}

/** When a run stops because of bad rows; null: never for this reason. */
export interface StopAfter {
  /** So many bad rows. */
  readonly rows: number | null;
  /** So many of a hundred. */
  readonly percent: number | null;
}

/** "100", "5%", or both, in either order. */
function parseStopAfter(value: string): StopAfter | undefined {
  if (value === "none") return { rows: null, percent: null };
  const parts = value.split(",").map((part) => part.trim());
  const [shares, counts] = [parts.filter((part) => part.endsWith("%")), parts.filter((part) => !part.endsWith("%"))];
  if (shares.length > 1 || counts.length > 1) return undefined;
  const [rows] = counts.map((count) => parseWhole(count, 1, 999_999_999));
  const [percent] = shares.map((share) => parsePercent(share));
  if (rows === undefined && counts.length > 0) return undefined;
  if (percent === undefined && shares.length > 0) return undefined;
  return { rows: rows ?? null, percent: percent ?? null };
}

function parsePercent(value: string): number | undefined {
  const percent = Number(/^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(value)?.[1]);
  return percent > 0 && percent <= 100 ? percent : undefined;
}

/** What becomes of rows whose customer has several in one file. */
export type Duplicates = "in-order" | "last-wins" | "reject";

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

const baseUrl = z.string().transform((value, context): string => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const url = URL.parse(value.trim());
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) return refuse("a URL that begins with https://");
  if (url.username || url.password)
    return refuse("a URL without login and password in it (they have settings of their own)");
  if (url.search || url.hash) return refuse("a URL without ? and #");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return refuse("https:// (plain http:// is for this machine only: localhost, 127.0.0.1, [::1])");
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
});

/** The same words as src/queue/redis.ts, which reads the address in full when it connects; a bare path is a socket. */
function parseRedisUrl(value: string): string | undefined {
  if (isAbsolute(value)) return `unix://${value}`;
  const url = URL.parse(value);
  if (!url) return undefined;
  if (url.protocol === "unix:") return url.hostname === "" && url.pathname.length > 1 ? value : undefined;
  if ((url.protocol !== "redis:" && url.protocol !== "rediss:") || url.hostname === "") return undefined;
  return /^\/?\d{0,4}$/.test(url.pathname) ? value : undefined;
}

function parseKey(value: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(value)) return Buffer.from(value, "hex");
  const key = /^[A-Za-z0-9+/_-]{43}=?$/.test(value) ? Buffer.from(value, "base64") : undefined;
  return key?.length === 32 ? key : undefined;
}

const rate = text(PACE, parsePace);
const path = text("a path", (value) => value || undefined);

/** What every command may need; all of it has a default. */
const localSettings = z.object({
  dataDir: path.register(docs, {
    flag: "--data-dir <folder>",
    env: "UPDRAFT_DATA_DIR",
    envFile: false,
    secret: false,
    fallback: "`$XDG_STATE_HOME/updraft`, else `~/.local/state/updraft`",
    effect: "Folder for ledgers, reports, the key and the embedded Redis.",
  }),
  redisUrl: text("redis://host:port/db, rediss://host:port/db or unix:///path/to/socket", parseRedisUrl)
    .nullable()
    .default(null)
    .register(docs, {
      flag: "--redis <url>",
      env: "REDIS_URL",
      envFile: true,
      secret: false,
      effect:
        "The Redis to use, shared by all workers; without it one is started on a socket in the data folder. A password belongs in the environment.",
    }),
  rate: rate.prefault("none").register(docs, {
    flag: "--rate <pace>",
    env: "UPDRAFT_RATE",
    envFile: false,
    secret: false,
    effect: "Most requests of this run per second, minute or hour, over all workers.",
  }),
  endpointRate: rate.prefault("none").register(docs, {
    flag: "--endpoint-rate <pace>",
    env: "UPDRAFT_ENDPOINT_RATE",
    envFile: false,
    secret: false,
    effect: "Most requests to this endpoint and login, over all runs and workers that share a Redis.",
  }),
  concurrency: wholeOr(1, 1000, "auto", "auto" as const)
    .prefault("64")
    .register(docs, {
      flag: "--concurrency <n>",
      env: "UPDRAFT_CONCURRENCY",
      envFile: false,
      secret: false,
      effect:
        "Requests in flight at once, per worker process; 1 to 1000, or auto: as many as the endpoint has use for.",
    }),
  maxInFlight: wholeOr(1, 100_000, "none", null).prefault("none").register(docs, {
    flag: "--max-in-flight <n>",
    env: "UPDRAFT_MAX_IN_FLIGHT",
    envFile: false,
    secret: false,
    effect:
      "Most requests in flight at once to this endpoint and login, over all workers that share a Redis; at least 1.",
  }),
  attempts: whole(1, 100).prefault("5").register(docs, {
    flag: "--attempts <n>",
    env: "UPDRAFT_ATTEMPTS",
    envFile: false,
    secret: false,
    effect: "Tries per row before it ends failed or unknown; 1 to 100.",
  }),
  timeout: text("a time from 100ms to 10m, such as 500ms, 10s or 2m", (value) => {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= 100 && ms <= 600_000 ? ms : undefined;
  })
    .prefault("5s")
    .register(docs, {
      flag: "--timeout <time>",
      env: "UPDRAFT_TIMEOUT",
      envFile: false,
      secret: false,
      fallback: "5s",
      effect:
        "How long a request may take before it counts as unanswered, and how long its row then rests; 100ms to 10m.",
    }),
  stopAfter: text("a number of rows such as 100, a share such as 5%, both as 100,5%, or none", parseStopAfter)
    .prefault("none")
    .register(docs, {
      flag: "--stop-after <limit>",
      env: "UPDRAFT_STOP_AFTER",
      envFile: false,
      secret: false,
      effect:
        "Stops the run when so many rows have failed or ended unknown since it was started or gone on with, or such a share of the last 1,000 that were answered (judged from 100 on).",
    }),
  stopAfterSame: wholeOr(1, 100_000, "none", null).prefault("50").register(docs, {
    flag: "--stop-after-same <n>",
    env: "UPDRAFT_STOP_AFTER_SAME",
    envFile: false,
    secret: false,
    effect: "Stops the run when so many rows one after the other fail or end unknown with the same code; or none.",
  }),
  canary: wholeOr(1, 1_000, "none", null).prefault("none").register(docs, {
    flag: "--canary <n>",
    env: "UPDRAFT_CANARY",
    envFile: false,
    secret: false,
    effect:
      "Sends the first n valid rows alone; stops if any of them failed or ended unknown, else asks on a terminal before it sends the others; 1 to 1000, or none.",
  }),
  giveUpAfter: text("a time from 1s to 30d, such as 90s, 30m or 12h", (value) => {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= 1_000 && ms <= 30 * 86_400_000 ? ms : undefined;
  })
    .prefault("12h")
    .register(docs, {
      flag: "--give-up-after <time>",
      env: "UPDRAFT_GIVE_UP_AFTER",
      envFile: false,
      secret: false,
      fallback: "12h",
      effect: "How long a run waits for an endpoint that is out before it is stopped, the rest unsent; 1s to 30d.",
    }),
  changedOnly: text("yes or no", (value) => (value === "yes" ? true : value === "no" ? false : undefined))
    .prefault("no")
    .register(docs, {
      flag: "--changed-only",
      env: "UPDRAFT_CHANGED_ONLY",
      envFile: false,
      secret: false,
      fallback: "no",
      effect:
        "Sends only rows that differ from what the endpoint has last accepted of that customer from the same job; the others end unchanged. yes or no; --full overrides it.",
    }),
  recheckAfter: text(`${AGE}, or never`, (value) => (value === "never" ? null : parseAge(value)))
    .prefault("never")
    .register(docs, {
      flag: "--recheck-after <time>",
      env: "UPDRAFT_RECHECK_AFTER",
      envFile: false,
      secret: false,
      fallback: "never",
      effect: "With changedOnly: what was accepted longer ago than this is sent once more; from 1h, such as 30d.",
    }),
  duplicates: z
    .enum(["in-order", "last-wins", "reject"], "in-order, last-wins or reject")
    .prefault("in-order")
    .register(docs, {
      flag: "--duplicates <how>",
      env: "UPDRAFT_DUPLICATES",
      envFile: false,
      secret: false,
      effect:
        "Rows of one customer in one file: in-order sends them one after the other, last-wins sends only the last valid one, reject sends none of them. The rows left out end rejected, each with the other row's number.",
    }),
  keep: text(`${AGE}, or forever`, (value) => (value === "forever" ? null : parseAge(value)))
    .prefault("forever")
    .register(docs, {
      flag: "--keep <time>",
      env: "UPDRAFT_KEEP",
      envFile: false,
      secret: false,
      fallback: "forever",
      effect:
        "When a run ends, finished runs and checks that ended longer ago than this are removed; from 1h, such as 90d.",
    }),
  key: text("32 bytes as 64 hexadecimal digits or base64", parseKey).nullable().default(null).register(docs, {
    flag: null,
    env: "UPDRAFT_KEY",
    envFile: true,
    secret: true,
    fallback: "`key` in the data folder, made on first use",
    effect: "Key that seals customer data in Redis; every worker of a Redis needs the same one.",
  }),
  logFile: path.nullable().default(null).register(docs, {
    flag: "--log-file <path>",
    env: "UPDRAFT_LOG_FILE",
    envFile: false,
    secret: false,
    effect:
      "File to append JSON logs to, made with mode 0600. Without it they go to stderr, unless that is a terminal.",
  }),
  logLevel: z.enum(["debug", "info", "warn", "error"], "debug, info, warn or error").prefault("info").register(docs, {
    flag: "--log-level <level>",
    env: "UPDRAFT_LOG_LEVEL",
    envFile: false,
    secret: false,
    effect: "Least severe lines to log: debug, info, warn or error.",
  }),
});

/** And what a command needs that talks to the endpoint; none of it has a default. */
const endpointSettings = z.object({
  baseUrl: baseUrl.register(docs, {
    flag: "--base-url <url>",
    env: "CONNECTFI_BASE_URL",
    envFile: false,
    secret: false,
    effect: "The endpoint, up to the path that stands before `/auth` and `/condor`; plain http for this machine only.",
  }),
  login: text("1 to 36 of the characters 0-9 a-z A-Z _", (value) =>
    /^[0-9a-zA-Z_]{1,36}$/.test(value) ? value : undefined,
  ).register(docs, {
    flag: null,
    env: "CONNECTFI_LOGIN",
    envFile: true,
    secret: true,
    effect: "Login at the endpoint.",
  }),
  password: z.string().min(1, "1 to 50 characters").max(50, "1 to 50 characters").register(docs, {
    flag: null,
    env: "CONNECTFI_PASSWORD",
    envFile: true,
    secret: true,
    effect: "Password at the endpoint.",
  }),
});

export const SCHEMAS = {
  local: localSettings,
  endpoint: z.object({ ...endpointSettings.shape, ...localSettings.shape }),
};

export type LocalSettings = Readonly<z.output<typeof localSettings>>;
export type Settings = Readonly<z.output<typeof SCHEMAS.endpoint>>;
export type SettingName = keyof Settings;

export interface Setting extends SettingDoc {
  readonly name: SettingName;
}

/** All settings in the order of the README's table. */
export const SETTINGS: readonly Setting[] = SCHEMAS.endpoint
  .keyof()
  .options.map((name) => ({ name, ...doc(SCHEMAS.endpoint.shape[name], name) }));

function doc(schema: z.ZodType, name: string): SettingDoc {
  const found = docs.get(schema);
  if (!found) throw new Error(`setting ${name} is not described`);
  const prefault = schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : null;
  return { ...found, fallback: found.fallback ?? prefault };
}
