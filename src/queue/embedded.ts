// Settings in, the Redis of this process out: the one that was given, or a server of our own per data folder.

import { join } from "node:path";
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { type Release, tryLock, waitForLock } from "./file-lock.ts";
import { answers, connectRedis, pingWithin, redactUrl } from "./redis.ts";
import { ensureServer, isServing, placeServer, type ServerPlace, stopServer } from "./redis-server.ts";

export interface RedisOptions {
  readonly redisUrl: string | null;
  readonly dataDir: string;
  readonly clock: Clock;
  /** Told when the embedded server died and cannot be started again; it is tried again with every reconnect. */
  readonly onTrouble?: (problem: UpdraftError) => void;
}

export interface RedisHome {
  /** For people: without user and password. */
  readonly address: string;
  readonly embedded: boolean;
  /** A client of its own for each role; `role` shows in CLIENT LIST. */
  connect(role: string): Redis;
  /** Ends all its clients; the last process that used an embedded server also stops that. May be called twice. */
  close(): Promise<void>;
}

const PATIENCE_MS = 5_000;
/** A client that is told to end has no more than this for it. */
const END_MS = 2_000;
/** Longer than another process needs to start or stop the server. */
const START_LOCK_MS = 90_000;

/** Throws UpdraftError `redis-*`, `data-dir-unwritable` or `disk-full`; for a given Redis within five seconds. */
export async function openRedis({ redisUrl, dataDir, clock, onTrouble }: RedisOptions): Promise<RedisHome> {
  if (redisUrl !== null) {
    await pingWithin(redisUrl, PATIENCE_MS, clock);
    return makeHome(
      redisUrl,
      false,
      async () => {},
      () => {},
      clock,
    );
  }
  const server = await useServer(placeServer(dataDir), clock);
  const revive = () => void server.revive().catch((error) => onTrouble?.(error));
  return makeHome({ socket: server.place.socket }, true, server.leave, revive, clock);
}

/** The Redis of these settings where one runs; null where it would have to be started. Throws as openRedis does. */
export async function findRedis(options: RedisOptions): Promise<RedisHome | null> {
  const { redisUrl, dataDir } = options;
  return redisUrl !== null || (await isServing(dataDir)) ? openRedis(options) : null;
}

/**
 * The same Redis for one of many users in a process: its `close` ends the clients that it made, and nothing else. Throws
 * `redis-unreachable` where it has gone since: whoever begins something would wait for it, and nobody know why.
 */
export async function visitRedis(home: RedisHome, clock: Clock): Promise<RedisHome> {
  const clients = new Set<Redis>();
  const connect = (role: string) => {
    const client = home.connect(role);
    clients.add(client);
    return client.once("end", () => clients.delete(client));
  };
  const guest = { ...home, connect, close: () => endAll(clients, clock) };
  const client = guest.connect("visit");
  if (await answers(client, PATIENCE_MS, clock)) {
    client.disconnect();
    return guest;
  }
  await guest.close();
  throw new UpdraftError("redis-unreachable", {
    address: home.address,
    why: `no answer within ${PATIENCE_MS / 1_000} s`,
  });
}

function makeHome(
  target: string | { socket: string },
  embedded: boolean,
  leave: () => Promise<void>,
  onLost: () => void,
  clock: Clock,
): RedisHome {
  const clients = new Set<Redis>();
  let closing: Promise<void> | null = null;
  const onClient = (client: Redis) => {
    clients.add(client);
    // Not "close": a client of a run that is over ends by itself, while others go on.
    client.on("reconnecting", () => {
      if (closing === null) onLost();
    });
    client.once("end", () => clients.delete(client));
  };
  const close = async () => {
    await endAll(clients, clock);
    await leave();
  };
  return {
    address: redactUrl(target),
    embedded,
    connect: (role) => {
      if (closing !== null) throw new Error("connect after close");
      return connectRedis(target, role, onClient);
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function endAll(clients: ReadonlySet<Redis>, clock: Clock): Promise<void> {
  const ended = [...clients].map((client) => new Promise((resolve) => client.once("end", resolve)));
  for (const client of clients) disconnect(client);
  // One that is told in the midst of connecting may never say that it ended; nothing is lost with it.
  const patience = new AbortController();
  await Promise.race([Promise.all(ended), clock.sleep(END_MS, patience.signal)]);
  patience.abort();
}

/** One that waits to connect again has no connection to end, and told to it would never say that it is at its end. */
function disconnect(client: Redis): void {
  if (client.status === "reconnecting") {
    client.options.retryStrategy = () => null;
    client.once("connect", () => client.disconnect());
  } else client.disconnect();
}

/**
 * Joins the users of the folder's server. Each holds a shared lock on one file: a process that is killed loses it with its
 * life, so whoever can lock that file alone is the last.
 */
async function useServer(place: ServerPlace, clock: Clock) {
  const users = join(place.dir, "users.lock");
  let own: Release | null = null;
  await underStartLock(place, clock, async () => {
    await ensureServer(place, clock);
    own = tryLock(users, "shared");
  });
  let reviving: Promise<void> | null = null;
  return {
    place,
    /** Many clients lose their connection at once: one of them starts the server, for all. */
    revive(): Promise<void> {
      reviving ??= underStartLock(place, clock, () => ensureServer(place, clock)).finally(() => {
        reviving = null;
      });
      return reviving;
    },
    async leave(): Promise<void> {
      await reviving?.catch(() => {});
      await underStartLock(place, clock, async () => {
        own?.();
        const alone = tryLock(users, "exclusive");
        if (alone === null) return;
        await stopServer(place, clock);
        alone();
      });
    },
  };
}

async function underStartLock(place: ServerPlace, clock: Clock, act: () => Promise<void>): Promise<void> {
  const lock = join(place.dir, "start.lock");
  const release = await waitForLock(lock, START_LOCK_MS, clock);
  if (release === null) {
    const why = `another process has held ${lock} for ${START_LOCK_MS / 1_000} s`;
    throw new UpdraftError("redis-not-started", { dir: place.dir, log: join(place.dir, "redis.log"), why });
  }
  try {
    await act();
  } finally {
    release();
  }
}
