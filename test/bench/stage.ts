// Options of the simulator in; an endpoint, a Redis, worker processes and runs against them, each a process of its own, out.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import * as z from "zod";
import { EXIT } from "../../src/errors.ts";
import { NEWS } from "../../src/queue/epoch.ts";
import { type Running, start, startScript } from "./processes.ts";

const MAIN = "../../src/cli/main.ts";
const LOOK_MS = 3;

const arrival = z.object({
  /** Milliseconds since the simulator started, and since 1970. */
  at: z.number(),
  wall: z.number(),
  endedAt: z.number().nullable(),
  ending: z.union([z.number(), z.string()]).nullable(),
  customerId: z.string().nullable(),
  fault: z.string().nullable(),
});
/** A request for an update, as the endpoint saw it. */
export type Arrival = z.infer<typeof arrival>;

const stats = z.object({
  requests: z.number(),
  maxInFlight: z.number(),
  logins: z.number(),
  byStatus: z.record(z.string(), z.number()),
  forgotten: z.number(),
});
export type Stats = z.infer<typeof stats>;

const count = z.number();
const summary = z.object({
  state: z.string(),
  counts: z.object({ updated: count, unchanged: count, rejected: count, failed: count, unknown: count, unsent: count }),
});
export type Summary = z.infer<typeof summary>;

export interface Stage extends AsyncDisposable {
  /** Starts so many more worker processes, and resolves when they listen for runs. */
  workers(count: number, args?: readonly string[]): Promise<void>;
  /** `updraft run`; it brings a worker process. */
  start(file: string, args: readonly string[]): Running;
  /** The same, to its end. */
  run(file: string, args: readonly string[]): Promise<Summary>;
  /** Oldest first. */
  arrivals(): Promise<Arrival[]>;
  stats(): Promise<Stats>;
  until(holds: (stats: Stats) => boolean): Promise<void>;
  /** What the simulator does wrong from now on. */
  faults(faults: Readonly<Record<string, unknown>>): Promise<void>;
}

/** @param parent what it needs on disk is made in here, and removed */
export async function openStage(parent: string, options: readonly string[]): Promise<Stage> {
  const folder = mkdtempSync(join(parent, "stage-"));
  // Until all of it stands; then it is the caller's.
  await using closing = new AsyncDisposableStack();
  closing.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const socket = join(folder, "s");
  const own = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "yes"];
  const server = closing.adopt(start("redis-server", own), (running) => running.stop());
  const simulate = ["simulate", "--port", "0", "--json", "--keep-customers", "no", ...options];
  const simulator = closing.adopt(startScript(MAIN, simulate), (running) => running.stop());
  const { url, login, password } = z
    .object({ url: z.string(), login: z.string(), password: z.string() })
    .parse(JSON.parse(await simulator.says(/\{.*\}/)));
  await server.says(/ready to accept connections/i);
  const redis = closing.adopt(new Redis({ path: socket }), (client) => client.disconnect());
  const env = {
    ...{ HOME: folder, UPDRAFT_DATA_DIR: join(folder, "data"), UPDRAFT_LOG_FILE: join(folder, "log") },
    ...{ CONNECTFI_BASE_URL: url, CONNECTFI_LOGIN: login, CONNECTFI_PASSWORD: password },
    ...{ REDIS_URL: `unix://${socket}`, UPDRAFT_KEY: randomBytes(32).toString("hex") },
  };
  const updraft = (args: readonly string[]) => opened.adopt(startScript(MAIN, args, env), (running) => running.stop());
  const begin = (file: string, args: readonly string[]) => updraft(["run", file, "--yes", "--json", ...args]);
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${url}/_sim/${path}`, init);
    if (!response.ok)
      throw new Error(`the simulator answered ${path} with ${response.status}: ${await response.text()}`);
    return response;
  };
  const askStats = async () => stats.parse(await (await ask("stats")).json());

  const opened = closing.move();
  return {
    async workers(count, args = []) {
      for (let n = 0; n < count; n += 1) updraft(["worker", ...args]);
      while (Number((await redis.pubsub("NUMSUB", NEWS))[1]) < count) await sleep(LOOK_MS);
    },
    start: begin,
    async run(file, args) {
      const { ok, rowsFailed, stopped } = EXIT;
      return summary.parse(JSON.parse((await begin(file, args).end(ok, rowsFailed, stopped)).stdout));
    },
    async arrivals() {
      if ((await askStats()).forgotten > 0) throw new Error("the simulator does not remember all requests");
      const text = await (await ask("requests")).text();
      return text.split("\n").flatMap((line) => (line === "" ? [] : [arrival.parse(JSON.parse(line))]));
    },
    stats: askStats,
    async until(holds) {
      while (!holds(await askStats())) await sleep(LOOK_MS);
    },
    async faults(faults) {
      const headers = { "content-type": "application/json" };
      await ask("faults", { method: "POST", headers, body: JSON.stringify(faults) });
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
