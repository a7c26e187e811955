// A folder in; a redis-server of a trial's own in it out, with an AOF, that can be killed, emptied and started again.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";

export interface OwnRedis {
  readonly url: string;
  readonly socket: string;
  readonly client: Redis;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again with what its AOF says; with `empty`, with nothing. */
  start(empty: boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(dir: string): Promise<OwnRedis> {
  const socket = join(dir, "s");
  let server: ChildProcess;
  const kill = () => void server.kill("SIGKILL");
  process.once("exit", kill);

  async function start(empty: boolean): Promise<void> {
    if (empty) rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    rmSync(socket, { force: true });
    const place = ["--port", "0", "--unixsocket", socket, "--dir", dir, "--logfile", "log", "--save", ""];
    const keep = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"];
    server = spawn("redis-server", [...place, ...keep], { stdio: "ignore" });
    await once(server, "spawn");
  }

  await start(true);
  const client = new Redis({ path: socket, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  client.on("error", () => {});
  await client.ping();
  const gone = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, "exit");
    kill();
    await exited;
  };
  return {
    url: `unix://${socket}`,
    socket,
    client,
    kill: gone,
    start,
    async stop() {
      client.disconnect();
      await gone();
      process.off("exit", kill);
    },
  };
}
