// A notice and where it goes in; taken there, by HTTP or by a program, or why not, out.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import type { Clock } from "./clock.ts";
import { signalGroup } from "./process-group.ts";
import { Aborter, makeHttpClient, type Reply } from "./send/http.ts";
import { SETTINGS } from "./settings/settings.ts";
import { backoff } from "./settle/backoff.ts";
import { faultName } from "./write/explain.ts";

const TRIES = 4;
const TRY_MS = 5_000;
/** Before the second try, at least: what restarts takes a moment. */
const WAIT_MS = 500;
/** One that has not taken a notice is down for so long: it gets one short try for each of the next, or a thousand files would wait for it. */
const DOWN_MS = 60_000;
const DOWN_TRY_MS = 1_000;
const COMMAND_MS = 10_000;
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** `t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>`. A receiver refuses what is old or does not match. */
export function sign(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}

/** Webhooks that are down, for all runs of this process: until when (monotonic clock). */
const down = new Map<string, number>();

/**
 * Posts it, up to four times, each signed anew. Redirects are not followed.
 * @returns null when it was taken, else why not
 */
export async function post(
  url: string,
  secret: string | null,
  body: string,
  clock: Clock,
  stop: AbortSignal,
): Promise<string | null> {
  const { origin, pathname, search } = new URL(url);
  const isDown = clock.now() < (down.get(url) ?? Number.NEGATIVE_INFINITY);
  const [most, patience] = isDown ? [1, DOWN_TRY_MS] : [TRIES, TRY_MS];
  const client = makeHttpClient(origin, 1, patience, clock);
  const aborter = new Aborter();
  const end = () => aborter.abort();
  stop.addEventListener("abort", end);
  try {
    for (let tries = 1; ; tries++) {
      const signature = secret === null ? {} : { "x-updraft-signature": sign(secret, body, seconds(clock)) };
      const headers = { "content-type": "application/json", "user-agent": "updraft", ...signature };
      const reply = await client.post(pathname + search, headers, Buffer.from(body), patience, () => true, aborter);
      const fault = faultOf(reply);
      if (fault === null) down.delete(url);
      else if (isPassing(reply)) down.set(url, clock.now() + DOWN_MS);
      if (fault === null || !isPassing(reply) || tries === most || stop.aborted) return fault;
      await clock.sleep(WAIT_MS + backoff(tries + 1, 0, 0, clock.random), stop);
      if (stop.aborted) return fault;
    }
  } finally {
    stop.removeEventListener("abort", end);
    await client.close();
  }
}

const seconds = (clock: Clock) => Math.floor(clock.wall() / 1_000);

function faultOf(reply: Reply): string | null {
  if (reply.kind === "silence")
    return reply.fault === "aborted" || reply.fault === "timeout" ? "no answer in time" : faultName(reply.fault);
  if (reply.http >= 200 && reply.http < 300) return null;
  const redirect = reply.http >= 300 && reply.http < 400 ? ", a redirect: name its target instead" : "";
  return `HTTP ${reply.http}${redirect}`;
}

function isPassing(reply: Reply): boolean {
  return reply.kind === "silence" || PASSING.has(reply.http);
}

/**
 * Runs a program with the notice on its standard input; what it writes is not kept. It ends with all it has started after 10 s.
 * @returns null when it ended with 0, else what it did
 */
export function tell(
  [program = "", ...args]: readonly string[],
  body: string,
  secret: string | null,
  stop: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve) => {
    const env = withoutSecrets(secret);
    const child = spawn(program, args, { stdio: ["pipe", "ignore", "ignore"], env, detached: true });
    let late = false;
    const end = () => {
      late = true;
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    };
    const timer = setTimeout(end, COMMAND_MS);
    stop.addEventListener("abort", end);
    const done = (how: string | null) => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      resolve(how);
    };
    child.once("error", (error) => done("code" in error ? String(error.code) : "it cannot be started"));
    child.once("exit", (code, signal) =>
      done(late ? "it did not end in time" : code === 0 ? null : `it ended with ${signal ?? code}`),
    );
    // It need not read.
    child.stdin.on("error", () => {});
    child.stdin.end(`${body}\n`);
  });
}

/** The program needs none of ours. @param secret that of a webhook, in whatever variable a job has it */
function withoutSecrets(secret: string | null): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== secret));
  for (const { env: name, envFile } of SETTINGS) if (envFile) delete env[name];
  return env;
}
