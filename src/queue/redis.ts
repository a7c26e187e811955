// A Redis address and a role in, a connected ioredis client out, whose errors and names never show a password.

import { type RedisOptions as AllRedisOptions, Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";

/** A URL a person gave (`redis:`, `rediss:`, `unix:`), or the socket of the embedded server. */
export type RedisTarget = string | { readonly socket: string };

/** Told of each client that is made for a target, duplicates by BullMQ included. */
export type OnClient = (client: Redis) => void;

/** Replies in their usual shapes: BullMQ reads no others. */
type RedisOptions = Omit<AllRedisOptions, "replyMapping">;

/** The waits between attempts to reconnect: short, because an embedded server is started again within that time. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const OLDEST_VERSION = [6, 2] as const;

/**
 * A client that reconnects for ever; what is asked of it meanwhile waits (BullMQ needs both). `role` is its name in
 * CLIENT LIST. Throws UpdraftError `redis-url-invalid`; connecting itself happens in the background.
 */
export function connectRedis(target: RedisTarget, role: string, onClient: OnClient = () => {}): Redis {
  return makeClient({ ...optionsOf(target), connectionName: `updraft:${role}` }, onClient);
}

function makeClient(options: RedisOptions, onClient: OnClient): Redis {
  const settings: RedisOptions = {
    retryStrategy: (times) => Math.min(RETRY_FIRST_MS * 2 ** Math.min(times - 1, 10), RETRY_MAX_MS),
    connectTimeout: 5_000,
    ...options,
    maxRetriesPerRequest: null,
  };
  const client = new Redis(settings);
  // Without a listener ioredis prints the error; the reconnecting is what answers it.
  client.on("error", forgetArguments);
  const answerError = client.handleReconnection.bind(client);
  client.handleReconnection = (error, item) => {
    forgetArguments(error);
    answerError(error, item);
  };
  // BullMQ makes its blocking connection with this; it must behave as the others do.
  Object.defineProperty(client, "duplicate", {
    configurable: true,
    value: (override: Partial<RedisOptions> = {}) => makeClient({ ...client.options, ...override }, onClient),
  });
  onClient(client);
  return client;
}

/** ioredis hangs the command with all its arguments on an error: for AUTH the password, for others what was sent. */
function forgetArguments(error: Error): void {
  Reflect.deleteProperty(error, "command");
}

/** The address without user, password and parameters, for people and logs. */
export function redactUrl(target: RedisTarget): string {
  if (typeof target !== "string") return `unix:${target.socket}`;
  const url = parseUrl(target);
  if (url.protocol === "unix:") return `unix:${decodeURIComponent(url.pathname)}`;
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}

/**
 * Throws UpdraftError unless the server answers within `ms`: `redis-unreachable`, `redis-refused` for a wrong password,
 * `redis-unsupported` for a cluster or an old version.
 */
export async function pingWithin(target: RedisTarget, ms: number, clock: Clock): Promise<void> {
  const address = redactUrl(target);
  const patience = new AbortController();
  let lost: Error | null = null;
  const client = makeClient({ ...optionsOf(target), lazyConnect: true, retryStrategy: () => null }, () => {});
  client.on("error", (error) => {
    lost = error;
  });
  try {
    const asked = client.connect().then(() => client.info("server").catch(unlessForbidden));
    const info = await Promise.race([asked, clock.sleep(ms, patience.signal).then(() => null)]);
    if (info === null) throw new Error(`no answer within ${ms / 1_000} s`);
    checkVersion(info, address);
  } catch (error) {
    if (error instanceof UpdraftError) throw error;
    // "Connection is closed" says less than the error that closed it.
    throw problemOf(lost ?? error, address);
  } finally {
    patience.abort();
    client.disconnect();
  }
}

/** Whether it answers within `ms`. What is asked of a client whose Redis is gone waits, for as long as that takes. */
export async function answers(client: Redis, ms: number, clock: Clock): Promise<boolean> {
  const enough = new AbortController();
  const asked = client.ping().then(
    () => true,
    () => false,
  );
  const answered = await Promise.race([asked, clock.sleep(ms, enough.signal).then(() => false)]);
  enough.abort();
  return answered;
}

/** A managed Redis may forbid INFO to us: then its version stays unknown. */
function unlessForbidden(error: Error): string {
  if (error.message.startsWith("NOPERM")) return "";
  throw error;
}

function checkVersion(info: string, address: string): void {
  const version = /^redis_version:(\S+)/m.exec(info)?.[1];
  const mode = /^redis_mode:(\S+)/m.exec(info)?.[1] ?? "standalone";
  if (version === undefined) return;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const old = major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1]);
  if (old || mode === "cluster") throw new UpdraftError("redis-unsupported", { address, version, mode });
}

function problemOf(error: unknown, address: string): UpdraftError {
  const message = error instanceof Error ? error.message : "";
  if (/^(WRONGPASS|NOAUTH|NOPERM)|invalid password|AUTH/.test(message)) {
    return new UpdraftError("redis-refused", {
      address,
      why: message.startsWith("NOAUTH") ? "it asks for a password" : "wrong user or password",
    });
  }
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
  const why = code === null ? message : (REASONS[code] ?? code);
  return new UpdraftError("redis-unreachable", { address, why });
}

/** What a full disk or memory makes Redis answer to every write, as an error of the table; any other error as it is. */
export function asRefusal(error: unknown): unknown {
  const [, kind] = (error instanceof Error && /^(MISCONF|OOM) /.exec(error.message)) || [];
  if (kind === undefined) return error;
  const why = kind === "OOM" ? "its memory is full" : "it cannot write to its disk";
  return new UpdraftError("redis-full", { why }, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection closed at once (is it redis:// where rediss:// is meant, or the reverse?)",
  EHOSTUNREACH: "no route to it",
  ENOENT: "no such socket",
  ENOTFOUND: "unknown host name",
  ETIMEDOUT: "no answer",
};

function optionsOf(target: RedisTarget): RedisOptions {
  if (typeof target !== "string") return { path: target.socket };
  const url = parseUrl(target);
  if (url.protocol === "unix:") return { path: decodeURIComponent(url.pathname), ...loginOf(url) };
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    ...loginOf(url),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
  };
}

function loginOf(url: URL): RedisOptions {
  return {
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
  };
}

/** Nothing of an address that cannot be read is shown: the unreadable part may be a password. A bare path is a socket. */
function parseUrl(address: string): URL {
  const text = address.startsWith("/") ? `unix://${encodeURI(address)}` : address;
  const why = (reason: string) => new UpdraftError("redis-url-invalid", { why: reason });
  if (!URL.canParse(text)) throw why("it cannot be read as a URL");
  const url = new URL(text);
  if (/@/.test(url.pathname + url.search + url.hash))
    throw why("its password has /, ? or # in it: write them as %2F, %3F, %23");
  if (!["redis:", "rediss:", "unix:"].includes(url.protocol)) throw why(`unknown scheme ${url.protocol}`);
  if (url.search !== "" || url.hash !== "") throw why("parameters after ? or # are not supported");
  if (url.protocol === "unix:") {
    if (url.hostname !== "" || url.pathname.length < 2) throw why("a socket is written unix:///path/to/redis.sock");
    return url;
  }
  if (url.hostname === "") throw why("it names no host");
  if (!/^\/?\d{0,4}$/.test(url.pathname)) throw why("what follows the host must be the number of a database");
  return url;
}
