// Settings in; for everything a run needs, whether it is there and what to do where it is not, out.
import { existsSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { condor } from "../endpoint/condor.ts";
import { EXIT, UpdraftError } from "../errors.ts";
import { openRedis, type RedisHome } from "../queue/embedded.ts";
import { loadKey } from "../queue/seal.ts";
import { makeHttpClient } from "../send/http.ts";
import { makeTokens } from "../send/token.ts";
import type { LocalSettings, Settings } from "../settings/settings.ts";

export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do; null where nothing is. */
  readonly next: string | null;
  /** What a run would exit with because of it; 0 unless it failed. */
  readonly exit: number;
}

const NODE_MAJOR = 26;
const GIB = 2 ** 30;
/** A million rows take about 0.5 GB: ledger, reports and the embedded Redis. */
const SPACE_WARN = GIB;
const SPACE_FAIL = GIB / 10;
/** Waiting rows are timed by Redis and by us: a skew makes retries early or late by as much. */
const SKEW_WARN_MS = 2_000;
const SKEW_FAIL_MS = 60_000;

const ok = (name: string, found: string): Check => ({ name, status: "ok", found, next: null, exit: EXIT.ok });
const warn = (name: string, found: string, next: string): Check => ({
  name,
  status: "warn",
  found,
  next,
  exit: EXIT.ok,
});
const fail = (name: string, found: string, next: string, exit: number = EXIT.infrastructure): Check => ({
  name,
  status: "fail",
  found,
  next,
  exit,
});

/** A check that an error of our table ended. Others are mistakes in the program and go on. */
export function failed(name: string, error: unknown): Check {
  if (!(error instanceof UpdraftError)) throw error;
  return fail(name, error.message, error.next, error.exit);
}

export function checkNode(version: string): Check {
  const [major = 0] = version.split(".").map(Number);
  if (major >= NODE_MAJOR) return ok("node", version);
  return fail(
    "node",
    `expected ${NODE_MAJOR} or newer, got ${version}`,
    "start it as `npx updraft`, which brings its own Node",
    EXIT.usage,
  );
}

/** Makes the folder if need be, and writes to it. */
export function checkFolder(dataDir: string): Check[] {
  const probe = join(dataDir, `.doctor-${process.pid}`);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(probe, "probe", { mode: 0o600 });
    rmSync(probe);
  } catch (error) {
    const full = error instanceof Error && "code" in error && error.code === "ENOSPC";
    return [failed("data folder", new UpdraftError(full ? "disk-full" : "data-dir-unwritable", { dir: dataDir }))];
  }
  const mode = statSync(dataDir).mode & 0o777;
  const open = (mode & 0o077) !== 0;
  const folder = open
    ? warn("data folder", `${dataDir}, which others may read (mode ${mode.toString(8)})`, `run: chmod 700 ${dataDir}`)
    : ok("data folder", dataDir);
  return [folder, checkSpace(dataDir)];
}

function checkSpace(dataDir: string): Check {
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  const found = `${(free / GIB).toFixed(1)} GiB free`;
  const next = "make room, or choose another folder with --data-dir";
  if (free < SPACE_FAIL) return fail("disk space", found, next);
  return free < SPACE_WARN
    ? warn("disk space", found, `${next}: a million rows take about 0.5 GB`)
    : ok("disk space", found);
}

/** Nothing is made: a key file that is not there yet is as it should be. */
export function checkKey({ key, dataDir, redisUrl }: LocalSettings): Check {
  if (key) return ok("key", "given in the environment");
  const file = join(dataDir, "key");
  try {
    if (existsSync(file)) loadKey(null, dataDir);
  } catch (error) {
    return failed("key", error);
  }
  const found = existsSync(file) ? file : `${file}, made by the first run`;
  if (redisUrl === null) return ok("key", found);
  return warn("key", found, "fine for one machine; workers elsewhere need the same key: give it to all as UPDRAFT_KEY");
}

/** Connects (and starts the embedded server for that moment). */
export async function checkRedis({ redisUrl, dataDir }: LocalSettings, clock: Clock): Promise<Check[]> {
  let home: RedisHome;
  try {
    home = await openRedis({ redisUrl, dataDir, clock });
  } catch (error) {
    return [failed("redis", error)];
  }
  try {
    const client = home.connect("doctor");
    const info = await client.info().catch(() => "");
    const told = (field: string) => new RegExp(`^${field}:(.*?)\\r?$`, "m").exec(info)?.[1];
    const version = told("redis_version") ?? "version unknown";
    const where = `${version} at ${home.address}${home.embedded ? " (embedded)" : ""}`;
    return [ok("redis", where), checkEviction(told), checkPersistence(told), await checkSkew(client, clock)];
  } finally {
    await home.close();
  }
}

type Told = (field: string) => string | undefined;

function checkEviction(told: Told): Check {
  const policy = told("maxmemory_policy");
  if (policy === undefined) {
    return warn("redis memory", "INFO is not allowed", "make sure that maxmemory-policy is noeviction");
  }
  if (policy === "noeviction") return ok("redis memory", policy);
  const next = "set maxmemory-policy noeviction: an evicted key is a lost batch, and its rows are sent again";
  const limited = Number(told("maxmemory") ?? 0) > 0;
  return limited ? fail("redis memory", policy, next) : warn("redis memory", `${policy}, without a limit`, next);
}

/** A warning at most: the file and the ledger are the truth, Redis may be lost. */
function checkPersistence(told: Told): Check {
  const aof = told("aof_enabled");
  if (aof === "1") return ok("redis persistence", "append only file");
  const found = aof === undefined ? "unknown" : "no append only file";
  return warn(
    "redis persistence",
    found,
    "set appendonly yes; without it, rows on their way when Redis restarts are sent twice",
  );
}

async function checkSkew(client: Redis, clock: Clock): Promise<Check> {
  const asked = clock.wall();
  const [seconds, microseconds] = await client.time();
  const answered = clock.wall();
  const skew = Number(seconds) * 1000 + Number(microseconds) / 1000 - (asked + answered) / 2;
  const found = `${Math.abs(Math.round(skew))} ms ${skew < 0 ? "behind" : "ahead of"} this machine`;
  const next = "set both clocks by NTP: waiting rows are timed by them";
  if (Math.abs(skew) > SKEW_FAIL_MS) return fail("redis clock", found, next);
  return Math.abs(skew) > SKEW_WARN_MS ? warn("redis clock", found, next) : ok("redis clock", found);
}

/** A real login; the token is thrown away. */
export async function checkEndpoint(settings: Settings, clock: Clock): Promise<Check[]> {
  const { baseUrl, login, password, timeout } = settings;
  const { host } = new URL(baseUrl);
  const http = makeHttpClient(baseUrl, 1, timeout, clock);
  try {
    const result = await makeTokens(http, condor, { login, password }, timeout, clock).get();
    switch (result.kind) {
      case "token":
        return [ok("endpoint", baseUrl), ok("credentials", "accepted")];
      case "refused":
        return [
          ok("endpoint", baseUrl),
          failed("credentials", new UpdraftError("credentials-refused", { host, login })),
        ];
      case "unavailable":
        return [
          fail(
            "endpoint",
            `${baseUrl}: ${result.fault}`,
            "check the base URL, the network and the proxy settings; if they are right, the endpoint is down",
          ),
        ];
      default:
        throw new Error(`no such result: ${result satisfies never}`);
    }
  } finally {
    await http.close();
  }
}
