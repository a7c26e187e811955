// A Redis and an endpoint in; every epoch that this process is set up for is served until it is told to stop.
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Contract } from "../endpoint/contract.ts";
import type { RedisHome } from "../queue/embedded.ts";
import { EPOCHS, type EpochRecord, endpointFingerprint, NEWS, readEpoch } from "../queue/epoch.ts";
import { HOLDS, makeHolds } from "../queue/holds.ts";
import { keyFingerprint, makeSealer } from "../queue/seal.ts";
import type { Settings } from "../settings/settings.ts";
import { MOST } from "./adapt.ts";
import { makeCondition } from "./condition.ts";
import { makeFlight, type Wish } from "./flight.ts";
import { makeHttpClient } from "./http.ts";
import { makeObserver, observed } from "./observe.ts";
import { type Serving, serveEpoch } from "./serve.ts";
import { makeSlots } from "./slots.ts";
import { makeTokens } from "./token.ts";

/** Epochs are announced; this is for announcements that were missed. */
const LOOK_MS = 2_000;
/**
 * Requests in flight may end in this time after a stop; then they are aborted. Of the 30 s after which SIGKILL may follow SIGTERM
 * it leaves enough for reports, notices and a Redis to end.
 */
const STOP_MS = 20_000;
/** And so much longer what is left may take to be given back: a Redis that is gone takes nothing back. */
const CLOSE_MS = 3_000;

export interface WorkerContext {
  readonly redis: RedisHome;
  readonly key: Buffer;
  readonly contract: Contract;
  readonly settings: Settings;
  /** Serve this run only; null for all. */
  readonly run: string | null;
  readonly clock: Clock;
  readonly log: Logger;
  notice(line: string): void;
}

/** Serves until `soft` fires and all batches are completed or given back; `hard` ends requests in flight. */
export async function runWorker(context: WorkerContext, soft: AbortSignal, hard: AbortSignal): Promise<void> {
  const { clock, contract, log, settings } = context;
  const redis = context.redis.connect("worker");
  const news = context.redis.connect("worker-news");
  const auto = settings.concurrency === "auto";
  const most = settings.concurrency === "auto" ? MOST : settings.concurrency;
  const http = makeHttpClient(settings.baseUrl, most, settings.timeout, clock);
  const mine = endpointFingerprint(settings);
  const served = new Map<string, Serving>();
  const close = () => {
    for (const serving of served.values()) serving.close();
  };
  const { timeout } = settings;
  const holds = makeHolds(redis, mine);
  const isAlive = async () => {
    const stale = tokens.current();
    return (await tokens.get(stale ?? undefined)).kind !== "unavailable";
  };
  const condition = makeCondition({ holds, endpoint: mine, timeout, clock, log, close, isAlive });
  const tokens = makeTokens(http, contract, settings, timeout, clock, (fault, sentAt, retryAfter) => {
    condition.loginFailed(fault, sentAt);
    if (retryAfter !== null && retryAfter.ms > 0) condition.askedToRest(retryAfter, sentAt, true);
  });
  const slots = makeSlots(most);
  let limit = most;
  let granted = Number.POSITIVE_INFINITY;
  const resize = () => slots.resize(Math.min(limit, granted));
  const adapted = (to: number) => {
    limit = to;
    resize();
  };
  // Logins are not observed: they tell nothing of updates.
  const updates = auto ? observed(http, makeObserver(clock, adapted)) : http;
  const sender = { http: updates, tokens, contract, condition, clock };
  const refused = new Set<string>();
  /** Of the epochs that are served; infinite where one has none. */
  const caps = new Map<string, number>();
  const flight = makeFlight(redis, mine, randomUUID(), clock, wish, (count) => {
    granted = count;
    resize();
  });
  const key = keyFingerprint(context.key);

  function wish(): Wish | null {
    const cap = Math.min(...caps.values());
    if (cap === Number.POSITIVE_INFINITY) return null;
    const rows = slots.rows();
    const atHand = rows.started + rows.waiting;
    const wanted = atHand === 0 ? 0 : Math.min(atHand + 1, limit);
    return { cap, wanted, used: rows.started, epochs: [...caps.keys()] };
  }

  async function take(epoch: string): Promise<void> {
    const known = served.get(epoch);
    if (known) return known.refresh();
    if (soft.aborted || refused.has(epoch)) return;
    const record = await readEpoch(redis, epoch);
    if (!record || soft.aborted || served.has(epoch) || (context.run !== null && record.run !== context.run)) return;
    const difference = differs(record, contract.name, mine, key);
    if (difference) {
      refused.add(epoch);
      log.warn({ epoch, difference }, "run not taken");
      return context.notice(`run ${record.run} is not for this worker: ${difference}`);
    }
    log.info({ epoch }, "serving");
    caps.set(epoch, record.maxInFlight ?? Number.POSITIVE_INFINITY);
    flight.look();
    const serving = serveEpoch({
      redis,
      record,
      sealer: makeSealer(context.key, epoch),
      sender,
      slots: slots.open(),
      log,
    });
    served.set(epoch, serving);
    void serving.done.finally(() => {
      served.delete(epoch);
      caps.delete(epoch);
    });
  }

  async function look(): Promise<void> {
    try {
      await condition.refresh();
      for (const epoch of new Set([...(await redis.smembers(EPOCHS)), ...served.keys()])) await take(epoch);
    } catch (error) {
      log.warn({ reason: error instanceof Error ? error.name : "unknown" }, "cannot look for runs");
    }
  }

  async function lookAlways(): Promise<void> {
    while (!soft.aborted) {
      await look();
      await clock.sleep(LOOK_MS, soft);
    }
  }

  const stopAll = () => {
    for (const serving of served.values()) serving.stop();
  };
  const abortAll = () => {
    for (const serving of served.values()) serving.abort();
  };
  soft.addEventListener("abort", stopAll, { once: true });
  hard.addEventListener("abort", abortAll, { once: true });
  news.on("message", (channel: string, message: string) => {
    if (channel === HOLDS) condition.hear(message);
    else void take(message).catch(() => {});
  });
  await news.subscribe(NEWS, HOLDS);
  void lookAlways();
  await new Promise((resolve) =>
    soft.aborted ? resolve(null) : soft.addEventListener("abort", resolve, { once: true }),
  );
  const ended = Promise.allSettled([...served.values()].map((serving) => serving.done)).then(async (all) => {
    await flight.close();
    return all;
  });
  const over = new AbortController();
  if ((await Promise.race([ended, clock.sleep(STOP_MS, over.signal)])) === undefined) {
    abortAll();
    const late = (await Promise.race([ended, clock.sleep(CLOSE_MS, over.signal)])) === undefined;
    if (late) context.notice("Redis does not answer: what is left comes back to other workers by itself");
  }
  over.abort();
  await http.close();
}

/** Why a worker must not take a run; null when it may. Rows of production are never sent to staging, nor the reverse. */
function differs(record: EpochRecord, contract: string, endpoint: string, key: string): string | null {
  if (record.contract !== contract) return `it is for the contract ${record.contract}, this worker has ${contract}`;
  if (record.endpoint !== endpoint) return "its base URL or login is another (CONNECTFI_BASE_URL, CONNECTFI_LOGIN)";
  if (record.key !== key) return "its batches are sealed with another key (UPDRAFT_KEY)";
  return null;
}
