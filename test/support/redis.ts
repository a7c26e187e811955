// A test file in; a real Redis of its own on a Unix socket out, empty before each test and gone afterwards.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";

export interface TestRedis {
  /** Path of the socket; `unix:` URL for what takes an address. */
  readonly socket: string;
  readonly url: string;
  /** The folder with its log and its AOF. */
  readonly dir: string;
  readonly pid: number;
  /** A client that is closed after the test; `maxRetriesPerRequest` is null, as BullMQ asks for. */
  connect(): Redis;
}

/**
 * Call it at the top of a test file or `describe`. The server is emptied before each test, so tests of one file must not
 * run concurrently. `args` go to redis-server, e.g. `["--appendonly", "yes"]` for what looks into the AOF.
 */
export function useRedis(args: readonly string[] = []): TestRedis {
  let server: ChildProcess | null = null;
  let dir = "";
  let clients: Redis[] = [];
  const kill = () => void server?.kill("SIGKILL");

  const connect = () => {
    const client = new Redis({ path: join(dir, "s"), maxRetriesPerRequest: null });
    client.on("error", () => {});
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "updraft-redis-"));
    const own = ["--port", "0", "--unixsocket", join(dir, "s"), "--dir", dir, "--save", "", "--logfile", "log"];
    server = spawn("redis-server", [...own, "--maxmemory-policy", "noeviction", ...args], { stdio: "ignore" });
    process.once("exit", kill);
    await Promise.race([once(server, "spawn"), once(server, "error").then(([error]) => Promise.reject(error))]);
    await connect().ping();
    await closeAll();
  });
  beforeEach(async () => {
    await connect().flushall();
  });
  const closeAll = async () => {
    for (const client of clients) client.disconnect();
    clients = [];
  };
  afterEach(closeAll);
  afterAll(async () => {
    if (server !== null && server.exitCode === null && server.signalCode === null) {
      const gone = once(server, "exit");
      kill();
      await gone;
    }
    process.off("exit", kill);
    await rm(dir, { recursive: true, force: true });
  });

  return {
    get socket() {
      return join(dir, "s");
    },
    get url() {
      return `unix://${join(dir, "s")}`;
    },
    get dir() {
      return dir;
    },
    get pid() {
      if (server?.pid === undefined) throw new Error("the server starts before the first test");
      return server.pid;
    },
    connect,
  };
}
