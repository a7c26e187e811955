// A URL, an address, a command or a key as people write it in; what it names, or that it cannot be one, out.
import { isAbsolute } from "node:path";
import * as z from "zod";

/** Where to answer questions about this process. */
export interface ListenAt {
  /** Null: nowhere. */
  readonly host: string | null;
  readonly port: number;
  /** A person named it: then there is no going on without. */
  readonly asked: boolean;
}

export function parseListen(value: string): ListenAt | undefined {
  if (value === "none") return { host: null, port: 0, asked: true };
  if (value === "auto") return { host: "127.0.0.1", port: 9464, asked: false };
  const [, six, host = six, port] = /^(?:\[([\da-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(value) ?? [];
  return host !== undefined && Number(port) <= 65_535 ? { host, port: Number(port), asked: true } : undefined;
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

export const baseUrl = z.string().transform((value, context): string => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const url = URL.parse(value.trim());
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
    return refuse("a URL such as https://api.example.com");
  if (url.username || url.password)
    return refuse("a URL without login and password in it (they have settings of their own)");
  if (url.search || url.hash) return refuse("a URL without ? and #");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return refuse("https:// (plain http:// is for this machine only: localhost, 127.0.0.1, [::1])");
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
});

/** What parseWebhook reads, for people. */
export const WEBHOOK =
  "a URL that begins with https:// (plain http:// is for this machine only) and has no login, password or # in it, or none";

/** Null: none. Some services put a secret into the path: it is never shown. */
export function parseWebhook(value: string): string | null | undefined {
  if (value === "none") return null;
  const url = URL.parse(value);
  if (!url || url.username || url.password || url.hash) return undefined;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)) ? url.href : undefined;
}

/** What parseCommand reads, for people. */
export const COMMAND =
  "a program and its arguments, such as /usr/local/bin/tell --team data, a JSON list of them, or none";

/** Null: none. Words, or where one has a space or a quote in it, a JSON list: no shell reads it, and quotes would be taken for text. */
export function parseCommand(value: string): readonly string[] | null | undefined {
  if (value === "none") return null;
  if (!value.startsWith("[")) return /^$|["']/.test(value) ? undefined : value.split(/\s+/);
  try {
    return z.tuple([z.string().min(1)], z.string()).parse(JSON.parse(value));
  } catch {
    return undefined;
  }
}

/** The same words as src/queue/redis.ts, which reads the address in full when it connects; a bare path is a socket. */
export function parseRedisUrl(value: string): string | undefined {
  if (isAbsolute(value)) return `unix://${value}`;
  const url = URL.parse(value);
  if (!url) return undefined;
  if (url.protocol === "unix:") return url.hostname === "" && url.pathname.length > 1 ? value : undefined;
  if ((url.protocol !== "redis:" && url.protocol !== "rediss:") || url.hostname === "") return undefined;
  return /^\/?\d{0,4}$/.test(url.pathname) ? value : undefined;
}

export function parseKey(value: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(value)) return Buffer.from(value, "hex");
  const key = /^[A-Za-z0-9+/_-]{43}=?$/.test(value) ? Buffer.from(value, "base64") : undefined;
  return key?.length === 32 ? key : undefined;
}
