// A folder in, a redis-server of our own that answers on a Unix socket in it out.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";

export interface ServerPlace {
  /** The server's folder, inside the data folder: AOF, log and pid. */
  readonly dir: string;
  readonly socket: string;
}

/** sockaddr_un has 108 bytes on Linux and 104 elsewhere, the closing zero included. */
const SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103;
const POLL_MS = 20;
const SILENCE_MS = 5_000;
/** A large AOF is read at about 100 MB/s; ours holds a window of rows and is far smaller. */
const START_MS = 60_000;
const STOP_MS = 15_000;

/** Whether the folder's server runs; leaves everything as it is. */
export async function isServing(dataDir: string): Promise<boolean> {
  // The folder was made by whoever started it.
  return existsSync(join(dataDir, "redis", "redis.pid")) && (await probe(placeServer(dataDir).socket)) !== "gone";
}

/** Makes the folders (mode 0700) and names the socket. Throws UpdraftError `data-dir-unwritable` or `disk-full`. */
export function placeServer(dataDir: string): ServerPlace {
  const dir = join(dataDir, "redis");
  makePrivate(dir);
  const socket = join(dir, "redis.sock");
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES) return { dir, socket };
  const name = createHash("sha256").update(dir).digest("hex").slice(0, 16);
  const short = join(tmpdir(), `updraft-${process.getuid?.() ?? 0}-${name}`);
  makePrivate(short);
  return { dir, socket: join(short, "redis.sock") };
}

/** A folder in /tmp may have been laid there by somebody else: it must be a real one, and ours. */
function makePrivate(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const stat = lstatSync(dir);
    if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid))
      throw new Error("not a folder of this user");
    if ((stat.mode & 0o777) !== 0o700) chmodSync(dir, 0o700);
  } catch (cause) {
    const full = cause instanceof Error && "code" in cause && cause.code === "ENOSPC";
    throw new UpdraftError(full ? "disk-full" : "data-dir-unwritable", { dir }, { cause });
  }
}

/** Returns when the server answers, started if need be. Call it under the start lock. */
export async function ensureServer(place: ServerPlace, clock: Clock): Promise<void> {
  if ((await probe(place.socket)) === "gone") await startServer(place, clock);
  const end = clock.now() + START_MS;
  let state = await probe(place.socket);
  while (state === "loading" && clock.now() < end) {
    await clock.sleep(POLL_MS);
    state = await probe(place.socket);
  }
  if (state === "ready") return;
  throw new UpdraftError("redis-unreachable", { address: `unix:${place.socket}`, why: `it is ${state}` });
}

async function startServer(place: ServerPlace, clock: Clock): Promise<void> {
  // Its socket may be gone (a cleaned /tmp) while it lives: two servers on one AOF would destroy it.
  await endServer(place, clock, (pid) => process.kill(pid, "SIGTERM"));
  rmSync(place.socket, { force: true });
  const server = spawn("redis-server", settingsOf(place), {
    cwd: place.dir,
    // A session of its own: a Ctrl-C in our terminal is not meant for it.
    detached: true,
    stdio: "ignore",
    // Not our environment: there are credentials in it, and /proc shows a process's environment for as long as it lives.
    env: { PATH: process.env.PATH, LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH },
  });
  let ended: string | null = null;
  server.once("exit", (code, signal) => {
    ended = lastWarning(place) ?? `it ended with ${signal ?? `exit code ${code}`}`;
  });
  try {
    await once(server, "spawn");
  } catch (cause) {
    throw new UpdraftError("redis-server-missing", {}, { cause });
  }
  server.unref();
  const end = clock.now() + START_MS;
  while ((await probe(place.socket)) === "gone") {
    const why = ended ?? (clock.now() > end ? `no socket after ${START_MS / 1_000} s` : null);
    if (why !== null) {
      throw new UpdraftError("redis-not-started", { dir: place.dir, log: join(place.dir, "redis.log"), why });
    }
    await clock.sleep(POLL_MS);
  }
}

function settingsOf(place: ServerPlace): string[] {
  const settings: Record<string, string> = {
    port: "0",
    unixsocket: place.socket,
    unixsocketperm: "700",
    dir: place.dir,
    pidfile: join(place.dir, "redis.pid"),
    logfile: join(place.dir, "redis.log"),
    appendonly: "yes",
    appendfsync: "everysec",
    // After a crash of the machine the last command may be half written; the rest is good.
    "aof-load-truncated": "yes",
    save: "",
    // Full memory must be an error: evicting keys would lose batches silently.
    "maxmemory-policy": "noeviction",
    "always-show-logo": "no",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Shuts it down in order, its AOF written. Call it under the start lock. */
export async function stopServer(place: ServerPlace, clock: Clock): Promise<void> {
  const shutDown = () => void ask(place.socket, "SHUTDOWN");
  await endServer(place, clock, shutDown);
  // On a full disk its pid file is empty: then its socket alone tells that it lives.
  if (pidOf(place) !== null || (await probe(place.socket)) === "gone") return;
  shutDown();
  const late = clock.now() + STOP_MS;
  while ((await probe(place.socket)) !== "gone" && clock.now() < late) await clock.sleep(POLL_MS);
}

async function endServer(place: ServerPlace, clock: Clock, end: (pid: number) => void): Promise<void> {
  const pid = pidOf(place);
  if (pid === null) return;
  end(pid);
  const late = clock.now() + STOP_MS;
  while (pidOf(place) === pid && clock.now() < late) await clock.sleep(POLL_MS);
}

/** The living server of this folder; null if there is none. A pid that now belongs to another process does not count. */
function pidOf(place: ServerPlace): number | null {
  try {
    const pid = Number(readFileSync(join(place.dir, "redis.pid"), "utf8"));
    if (!Number.isSafeInteger(pid) || pid <= 1) return null;
    process.kill(pid, 0);
    if (process.platform === "linux" && readlinkSync(`/proc/${pid}/cwd`) !== place.dir) return null;
    return pid;
  } catch {
    return null;
  }
}

type ServerState = "ready" | "loading" | "silent" | "gone";

async function probe(socket: string): Promise<ServerState> {
  const answer = await ask(socket, "PING");
  if (answer === null) return "gone";
  if (answer.startsWith("+PONG")) return "ready";
  return answer.startsWith("-LOADING") ? "loading" : "silent";
}

/** One command on a connection of its own: the first piece of the answer, empty after 5 s; null when nobody listens. */
function ask(socket: string, command: string): Promise<string | null> {
  return new Promise((resolve) => {
    const stream = connect(socket, () => stream.write(`${command}\r\n`));
    const end = (answer: string | null) => {
      stream.destroy();
      resolve(answer);
    };
    stream.setTimeout(SILENCE_MS, () => end(""));
    stream.once("data", (data) => end(data.toString("latin1")));
    stream.once("error", () => end(null));
    stream.once("close", () => end(null));
  });
}

/** Redis marks what it warns of with #; it speaks of files and settings there, never of data. */
function lastWarning(place: ServerPlace): string | null {
  try {
    const lines = readFileSync(join(place.dir, "redis.log"), "utf8").trimEnd().split("\n");
    const [, text] = lines.findLast((line) => / # /.test(line))?.split(/ # (.*)/) ?? [];
    return text ?? null;
  } catch {
    return null;
  }
}
