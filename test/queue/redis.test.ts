// A Redis that was given: how its address is read and shown, and what is said when it does not answer.
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openRedis } from "../../src/queue/embedded.ts";
import { connectRedis, pingWithin, redactUrl } from "../../src/queue/redis.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
let servers: Server[] = [];

afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
});

/** A server that does with each connection what it is told. */
async function listen(onConnection: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(onConnection);
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}

async function freePort(): Promise<number> {
  const port = await listen(() => {});
  const server = servers.pop();
  if (server !== undefined) await once(server.close(), "close");
  return port;
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable("it was expected to fail"),
    (error) => error,
  );
}

describe("redactUrl", () => {
  test("shows host, port and database", () => {
    expect(redactUrl("rediss://me:secret@redis.example:6380/2")).toBe("rediss://redis.example:6380/2");
    expect(redactUrl("redis://[::1]:6379")).toBe("redis://[::1]:6379");
    expect(redactUrl("unix:///run/redis.sock")).toBe("unix:/run/redis.sock");
    expect(redactUrl("/run/my redis.sock")).toBe("unix:/run/my redis.sock");
    expect(redactUrl({ socket: "/run/redis.sock" })).toBe("unix:/run/redis.sock");
  });

  test("never shows a piece of a password, however it is written", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9/?#@:%]{1,12}$/).map((text) => `Zq9${text}Zq9`);
    fc.assert(
      fc.property(secret, fc.boolean(), (password, withUser) => {
        const url = `redis://${withUser ? "user" : ""}:${password}@host:6379`;
        let shown: string;
        try {
          shown = redactUrl(url);
        } catch (error) {
          shown = inspect(error);
        }
        expect(shown).not.toContain("Zq9");
      }),
    );
  });

  test.each(["", "localhost:6379", "http://host", "redis://", "redis://host/name", "redis://host?db=1", "unix://x/y"])(
    "%j is refused as an address",
    (url) => {
      expect(() => redactUrl(url)).toThrow(expect.objectContaining({ code: "redis-url-invalid", exit: 2 }));
    },
  );
});

describe("a given Redis", () => {
  test("is used as it is, and left running", async () => {
    const home = await openRedis({ redisUrl: redis.url, dataDir: "/nonexistent", clock: systemClock });
    expect(home).toMatchObject({ embedded: false, address: `unix:${redis.socket}` });
    expect(await home.connect("test").set("a", "1")).toBe("OK");
    await home.close();
    expect(await redis.connect().get("a")).toBe("1");
    await pingWithin(redis.socket, 5_000, systemClock);
  });

  test("that refuses the connection is named without its password", async () => {
    const port = await freePort();
    const url = `redis://me:canary-password@127.0.0.1:${port}`;
    const error = await failure(openRedis({ redisUrl: url, dataDir: "/nonexistent", clock: systemClock }));
    expect(error).toMatchObject({
      code: "redis-unreachable",
      exit: 5,
      message: `Redis at redis://127.0.0.1:${port} does not answer: connection refused`,
    });
    expect(inspect(error, { depth: 9 })).not.toContain("canary");
  });

  test("that takes the connection and says nothing is given up when the time is over", async () => {
    const port = await listen((socket) => socket.on("error", () => {}));
    const error = await failure(pingWithin(`redis://127.0.0.1:${port}`, 200, systemClock));
    expect(error).toMatchObject({
      code: "redis-unreachable",
      message: expect.stringContaining("no answer within 0.2 s"),
    });
  });

  test("spoken to without the TLS it expects is told apart", async () => {
    const port = await listen((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.resetAndDestroy());
    });
    const error = await failure(pingWithin(`redis://127.0.0.1:${port}`, 5_000, systemClock));
    expect(error).toMatchObject({ code: "redis-unreachable", message: expect.stringContaining("rediss://") });
  });

  test("that refuses the password, or asks for one, says so and keeps it to itself", async () => {
    const admin = redis.connect();
    const port = await freePort();
    await admin.config("SET", "port", String(port));
    await admin.config("SET", "requirepass", "right");
    try {
      const refused = await failure(pingWithin(`redis://:canary-password@127.0.0.1:${port}`, 5_000, systemClock));
      expect(refused).toMatchObject({
        code: "redis-refused",
        exit: 5,
        message: `Redis at redis://127.0.0.1:${port} refused the login: wrong user or password`,
      });
      expect(inspect(refused, { depth: 9 })).not.toContain("canary");
      const asked = await failure(pingWithin(`redis://127.0.0.1:${port}`, 5_000, systemClock));
      expect(asked).toMatchObject({ code: "redis-refused", message: expect.stringContaining("asks for a password") });
      await pingWithin(`redis://:right@127.0.0.1:${port}`, 5_000, systemClock);
    } finally {
      await admin.config("SET", "requirepass", "");
      await admin.config("SET", "port", "0");
    }
  });

  test("that is too old or a cluster is refused with its version", async () => {
    const info = "redis_version:5.0.14\r\nredis_mode:cluster\r\nloading:0\r\n";
    const port = await listen((socket) => {
      socket.on("error", () => {});
      socket.on("data", (data) => {
        const hello = /HELLO/i.test(data.toString());
        const count = data.toString().match(/\*\d+\r\n\$/g)?.length ?? 1;
        const answer = /INFO/i.test(data.toString()) ? `$${info.length}\r\n${info}\r\n` : "+OK\r\n";
        socket.write(hello ? `-ERR unknown command 'HELLO'\r\n${"+OK\r\n".repeat(count - 1)}` : answer.repeat(count));
      });
    });
    expect(await failure(pingWithin(`redis://127.0.0.1:${port}`, 5_000, systemClock))).toMatchObject({
      code: "redis-unsupported",
      message: expect.stringContaining("5.0.14 (cluster)"),
    });
  });
});

describe("connectRedis", () => {
  test("an error Redis answers with does not carry what was sent", async () => {
    const client = connectRedis({ socket: redis.socket }, "test");
    const error = await failure(client.call("HSET", "key", "canary-value"));
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 9 })).not.toContain("canary");
    const copy = client.duplicate();
    expect(inspect(await failure(copy.call("HSET", "key", "canary-value")), { depth: 9 })).not.toContain("canary");
    client.disconnect();
    copy.disconnect();
  });
});
