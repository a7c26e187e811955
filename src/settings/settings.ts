// Every setting, declared once: how it is given, what it accepts and does. Validation, `--help` and the README's table are made from it.
import * as z from "zod";
import { ENCODINGS, parseEncoding } from "../open/encoding.ts";
import {
  baseUrl,
  COMMAND,
  parseCommand,
  parseKey,
  parseListen,
  parseRedisUrl,
  parseWebhook,
  WEBHOOK,
} from "./addresses.ts";
import { AGE, PACE, parseAge, parseDuration, parsePace, parseStopAfter } from "./amounts.ts";
import { readingSettings } from "./reading.ts";
import { docs, type SettingDoc, text, whole, wholeOr } from "./setting.ts";
import { parseWindow, type TimeWindow } from "./time-window.ts";

const window = z.string().transform((value, context): TimeWindow | null => {
  if (value.trim() === "none") return null;
  const result = parseWindow(value);
  if (typeof result !== "string") return result;
  context.addIssue({ code: "custom", message: result });
  return z.NEVER;
});

function yesOrNo(value: string): boolean | undefined {
  return value === "yes" ? true : value === "no" ? false : undefined;
}

/** What becomes of rows whose customer has several in one file. */
export type Duplicates = "in-order" | "last-wins" | "reject";

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
  jobs: path.nullable().default(null).register(docs, {
    flag: "--jobs <folder>",
    env: "UPDRAFT_JOBS",
    envFile: false,
    secret: false,
    fallback: "`jobs` beside the program's `src`",
    effect: "Folder of the jobs: one file each.",
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
    effect: "Most requests of this run per second, minute or hour, such as 50/s, over all workers.",
  }),
  endpointRate: rate.prefault("none").register(docs, {
    flag: "--endpoint-rate <pace>",
    env: "UPDRAFT_ENDPOINT_RATE",
    envFile: false,
    secret: false,
    effect: "Most requests to this endpoint and login, such as 50/s, over all runs and workers that share a Redis.",
  }),
  window: window.prefault("none").register(docs, {
    flag: "--window <hours>",
    env: "UPDRAFT_WINDOW",
    envFile: false,
    secret: false,
    effect:
      "Hours of the day in which rows are sent, with their time zone, such as 01:00-05:00 America/New_York; outside of them the run is paused.",
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
        "Stops the run when so many rows have failed or ended unknown since it was started or gone on with, or such a share of the last 1,000 that were answered (judged from 100 on): 100, 5% or 100,5%.",
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
  giveUpAfter: text("a time from 1s to 14d, such as 90s, 30m or 12h", (value) => {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= 1_000 && ms <= 14 * 86_400_000 ? ms : undefined;
  })
    .prefault("12h")
    .register(docs, {
      flag: "--give-up-after <time>",
      env: "UPDRAFT_GIVE_UP_AFTER",
      envFile: false,
      secret: false,
      fallback: "12h",
      effect: "How long a run waits for an endpoint that is out before it is stopped, the rest unsent; 1s to 14d.",
    }),
  parallelRuns: whole(1, 100).prefault("1").register(docs, {
    flag: "--parallel-runs <n>",
    env: "UPDRAFT_PARALLEL_RUNS",
    envFile: false,
    secret: false,
    effect:
      "Runs of one endpoint and login that `serve` lets go on at once, never two of one job; the others wait for their turn.",
  }),
  listen: text("an address such as 127.0.0.1:9464, auto or none", parseListen).prefault("auto").register(docs, {
    flag: "--listen <address>",
    env: "UPDRAFT_LISTEN",
    envFile: false,
    secret: false,
    effect:
      "Where `serve` answers `/healthz`, `/readyz` and `/metrics`; auto: 127.0.0.1:9464, or nowhere if that is taken.",
  }),
  changedOnly: text("yes or no", yesOrNo).prefault("no").register(docs, {
    flag: "--changed-only",
    env: "UPDRAFT_CHANGED_ONLY",
    envFile: false,
    secret: false,
    fallback: "no",
    effect:
      "Sends only rows that differ from what the endpoint has last accepted of that customer from the same job; the others end unchanged. --full overrides it.",
  }),
  recheckAfter: text(`${AGE}, or never`, (value) => (value === "never" ? null : parseAge(value)))
    .prefault("never")
    .register(docs, {
      flag: "--recheck-after <time>",
      env: "UPDRAFT_RECHECK_AFTER",
      envFile: false,
      secret: false,
      fallback: "never",
      effect: "With --changed-only: what was accepted longer ago than this is sent once more; from 1h, such as 30d.",
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
  strict: text("yes or no", yesOrNo).prefault("no").register(docs, {
    flag: "--strict",
    env: "UPDRAFT_STRICT",
    envFile: false,
    secret: false,
    fallback: "no",
    effect:
      "Rejects rows with a value that a spreadsheet has damaged: error values such as #N/A, numbers such as 1.23E+11, ZIP codes without their leading zeros, dates turned round; without it they are warned of.",
  }),
  strictText: text("yes or no", yesOrNo).prefault("no").register(docs, {
    flag: "--strict-text",
    env: "UPDRAFT_STRICT_TEXT",
    envFile: false,
    secret: false,
    fallback: "no",
    effect: "Rejects rows with text that looks encoded twice (MÃ¼ller); without it they are warned of.",
  }),
  health: z.enum(["warn", "stop", "off"], "warn, stop or off").prefault("warn").register(docs, {
    flag: "--health <how>",
    env: "UPDRAFT_HEALTH",
    envFile: false,
    secret: false,
    effect:
      "What a run of a job does, before anything is sent, about a file whose figures fall far outside those of the job's last 10 files: warn says so, stop refuses it, off does not look.",
  }),
  excel: text("yes or no", yesOrNo).prefault("no").register(docs, {
    flag: "--excel",
    env: "UPDRAFT_EXCEL",
    envFile: false,
    secret: false,
    fallback: "no",
    effect: "Begins the CSV reports with a byte order mark, so that Excel takes them for the UTF-8 that they are.",
  }),
  encoding: text(`${ENCODINGS.slice(0, -1).join(", ")}, ${ENCODINGS.at(-1)} or auto`, (value) =>
    value === "auto" ? null : parseEncoding(value),
  )
    .prefault("auto")
    .register(docs, {
      flag: "--encoding <name>",
      env: "UPDRAFT_ENCODING",
      envFile: false,
      secret: false,
      effect: `The file's encoding: ${ENCODINGS.join(", ")}; auto: it is recognised.`,
    }),
  ...readingSettings,
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
  notifyWebhook: text(WEBHOOK, parseWebhook).prefault("none").register(docs, {
    flag: "--notify <url>",
    env: "UPDRAFT_NOTIFY",
    envFile: true,
    secret: false,
    effect: "Gets a JSON notice when a run ends, has to wait for its endpoint, or goes on after that; or none.",
  }),
  notifyCommand: text(COMMAND, parseCommand).prefault("none").register(docs, {
    flag: "--notify-command <command>",
    env: "UPDRAFT_NOTIFY_COMMAND",
    envFile: false,
    secret: false,
    effect: "Is started with the same notice on its standard input; words, or a JSON list of them; or none.",
  }),
  notifySecret: text("at least 16 characters", (value) => (value.length >= 16 ? value : undefined))
    .nullable()
    .default(null)
    .register(docs, {
      flag: null,
      env: "UPDRAFT_NOTIFY_SECRET",
      envFile: true,
      secret: true,
      effect: "What notices to the webhook are signed with (HMAC-SHA256); without it they are not signed.",
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
