// The process that `run` brings along: an order over the channel in, a worker of that run until the channel closes out.
import "../engine.ts";
import * as z from "zod";
import { systemClock } from "../clock.ts";
import { condor } from "../endpoint/condor.ts";
import { EXIT } from "../errors.ts";
import { type Logger, makeLogger } from "../log.ts";
import { openRedis } from "../queue/embedded.ts";
import { type ChildOrder, STOP } from "./spawn.ts";
import { runWorker } from "./worker.ts";

/** After a stop: the worker's own deadline for requests in flight, and some time to close. */
const LAST_MS = 30_000;

const soft = new AbortController();
const hard = new AbortController();
// The coordinator decides: a Ctrl-C reaches the whole process group, and rows in flight must be awaited.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => soft.abort());
// A coordinator that is gone, too: its rows in flight may end, and what is known of them is settled for the next one.
process.on("disconnect", () => soft.abort());
soft.signal.addEventListener("abort", () => {
  if (!started) process.exit();
  // A Redis that is gone as well must not keep this process.
  setTimeout(() => process.exit(EXIT.infrastructure), LAST_MS).unref();
});
let started = false;

process.on("message", (message) => {
  if (message === STOP) return soft.abort();
  started = true;
  const order = parse(message);
  const log = makeLogger({ ...order.settings, terminal: process.stderr.isTTY === true });
  serve(order, log).catch((err: unknown) => {
    log.error({ err }, "worker process failed");
    process.exit(EXIT.infrastructure);
  });
});

async function serve({ settings, key, run }: ChildOrder, log: Logger): Promise<void> {
  const redis = await openRedis({ redisUrl: settings.redisUrl, dataDir: settings.dataDir, clock: systemClock });
  const context = { redis, key: Buffer.from(key, "hex"), contract: condor, settings, run, clock: systemClock, log };
  await runWorker({ ...context, notice: () => {} }, soft.signal, hard.signal);
  await redis.close();
  process.exit();
}

/** The message comes from our own parent, by structured clone: its shape is checked, its settings are not read again. */
function parse(message: unknown): ChildOrder {
  return z
    .custom<ChildOrder>((m) => typeof m === "object" && m !== null && "settings" in m && "key" in m)
    .parse(message);
}
