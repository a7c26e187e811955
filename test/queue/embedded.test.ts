// The Redis of a data folder: started once, shared, started again when it dies, stopped by the last that used it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { findRedis, openRedis, type RedisHome, visitRedis } from "../../src/queue/embedded.ts";

let dataDir: string;
let homes: RedisHome[];
let children: { kill(signal: NodeJS.Signals): Promise<void> }[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "updraft-embedded-"));
  homes = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) await child.kill("SIGKILL");
  for (const home of homes) await home.close();
  // A server that only killed processes used stays: the next user stops it.
  await (await openRedis({ redisUrl: null, dataDir, clock: systemClock })).close();
  expect(serverPid()).toBeNull();
  rmSync(dataDir, { recursive: true, force: true });
});

async function open(dir = dataDir): Promise<RedisHome> {
  const home = await openRedis({ redisUrl: null, dataDir: dir, clock: systemClock });
  homes.push(home);
  return home;
}

function serverPid(dir = dataDir): number | null {
  try {
    const pid = Number(readFileSync(join(dir, "redis", "redis.pid"), "utf8"));
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}

/** Another process that opens the same data folder, says "open", and closes when its standard input ends. */
function startUser() {
  const script = `
    import { systemClock } from ${JSON.stringify(new URL("../../src/clock.ts", import.meta.url).href)};
    import { openRedis } from ${JSON.stringify(new URL("../../src/queue/embedded.ts", import.meta.url).href)};
    const home = await openRedis({ redisUrl: null, dataDir: ${JSON.stringify(dataDir)}, clock: systemClock });
    const info = await home.connect("user").info("server");
    console.log(/process_id:(\\d+)/.exec(info)[1]);
    process.stdin.on("end", () => home.close()).resume();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = once(child, "exit");
  const opened = once(child.stdout, "data").then(([data]) => Number(data));
  const user = {
    /** Pid of the server it found or started. */
    opened,
    async close() {
      child.stdin.end();
      await gone;
    },
    async kill(signal: NodeJS.Signals) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await gone;
    },
  };
  children.push(user);
  return user;
}

describe("findRedis", () => {
  const find = async () => {
    const home = await findRedis({ redisUrl: null, dataDir, clock: systemClock });
    if (home) homes.push(home);
    return home;
  };

  test("starts no server and makes no folder where none runs", async () => {
    expect(await find()).toBeNull();
    expect(readdirSync(dataDir)).toEqual([]);
    await (await open()).close();
    expect(await find()).toBeNull();
    expect(serverPid()).toBeNull();
  });

  test("joins one that runs, and is not the one who stops it", async () => {
    const home = await open();
    await home.connect("one").set("key", "value");
    const found = await find();
    expect(await found?.connect("other").get("key")).toBe("value");
    await found?.close();
    expect(serverPid()).not.toBeNull();
  });

  test("stops one that only processes use which were killed", async () => {
    const user = startUser();
    await user.opened;
    await user.kill("SIGKILL");
    expect(serverPid()).not.toBeNull();
    await (await find())?.close();
    expect(serverPid()).toBeNull();
  });
});

describe("openRedis with a server of its own", () => {
  test("keeps commands durable, evicts nothing, opens no port, and shows its files to nobody else", async () => {
    const home = await open();
    const client = home.connect("test");
    const settings = Object.fromEntries(
      await Promise.all(
        ["appendonly", "maxmemory-policy", "port", "save"].map(async (name) => {
          const [key, value] = (await client.config("GET", name)) as string[];
          return [key, value];
        }),
      ),
    );
    expect(settings).toEqual({ appendonly: "yes", "maxmemory-policy": "noeviction", port: "0", save: "" });
    expect(statSync(join(dataDir, "redis")).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, "redis", "redis.sock")).mode & 0o777).toBe(0o700);
    expect(home).toMatchObject({ embedded: true, address: `unix:${join(dataDir, "redis", "redis.sock")}` });
    expect(await client.client("GETNAME")).toBe("updraft:test");
  });

  test("does not hand the server the environment, where credentials are", async () => {
    process.env.UPDRAFT_CANARY = "canary-in-the-environment";
    await open();
    delete process.env.UPDRAFT_CANARY;
    expect(readFileSync(`/proc/${serverPid()}/environ`, "latin1")).not.toContain("canary");
  });

  test("keeps what was written from one opening to the next", async () => {
    const first = await open();
    await first.connect("test").set("kept", "1");
    await first.close();
    expect(serverPid()).toBeNull();
    expect(await (await open()).connect("test").get("kept")).toBe("1");
  });

  test("is shared within a process, and stopped by the last that closes it", async () => {
    const [first, second] = await Promise.all([open(), open()]);
    await first.close();
    expect(await second.connect("test").ping()).toBe("PONG");
    await second.close();
    await second.close();
    expect(serverPid()).toBeNull();
  });

  test("processes that start at the same instant find one and the same server, and the last one stops it", async () => {
    const users = [startUser(), startUser(), startUser()];
    const pids = await Promise.all(users.map((user) => user.opened));
    expect(new Set(pids)).toEqual(new Set([serverPid()]));
    await Promise.all(users.slice(1).map((user) => user.close()));
    expect(serverPid()).toBe(pids[0]);
    await users[0]?.close();
    expect(serverPid()).toBeNull();
  });

  test("a process that is killed counts as a user no more", async () => {
    const killed = startUser();
    const pid = await killed.opened;
    const home = await open();
    await killed.kill("SIGKILL");
    expect(serverPid()).toBe(pid);
    await home.close();
    expect(serverPid()).toBeNull();
  });

  test("the server is in a session of its own, which a Ctrl-C on the terminal does not reach", async () => {
    await open();
    const pid = serverPid();
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const [, , group, session] = fields;
    expect([group, session]).toEqual([String(pid), String(pid)]);
  });

  test("a server that dies is started again with its data, for the clients that are connected", async () => {
    const home = await open();
    const client = home.connect("test");
    const other = home.connect("other");
    await client.set("kept", "1");
    await client.config("SET", "appendfsync", "always");
    await client.set("kept", "2");
    const pid = serverPid();
    if (pid === null) throw new Error("the server runs");
    const lost = once(client, "close");
    process.kill(pid, "SIGKILL");
    await lost;
    expect(await Promise.all([client.get("kept"), other.get("kept")])).toEqual(["2", "2"]);
    expect(serverPid()).not.toBe(pid);
  });

  test("BullMQ works on its clients, and goes on when the server was started again", async () => {
    const home = await open();
    const queue = new Queue("steps", { connection: home.connect("queue") });
    const seen: string[] = [];
    let wake = () => {};
    const worker = new Worker("steps", async (job) => void seen.push(job.name), { connection: home.connect("worker") });
    worker.on("completed", () => wake());
    worker.on("error", () => {});
    queue.on("error", () => {});
    const completed = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    let done = completed();
    await queue.add("before", {});
    await done;
    process.kill(serverPid() ?? 0, "SIGKILL");
    done = completed();
    await queue.add("after", {});
    await done;
    expect(seen).toEqual(["before", "after"]);
    await worker.close();
    await queue.close();
  });

  test("starts over a socket, a pid and a half-written command that a crash left behind", async () => {
    const first = await open();
    await first.connect("test").set("kept", "1");
    await first.close();
    const redis = join(dataDir, "redis");
    // Its server takes the pid file away first, and may not have come to this one.
    rmSync(join(redis, "redis.sock"), { force: true });
    writeFileSync(join(redis, "redis.sock"), "");
    writeFileSync(join(redis, "redis.pid"), String(process.pid));
    writeFileSync(join(redis, "appendonlydir", "appendonly.aof.1.incr.aof"), "*3\r\n$3\r\nSET\r\n$4\r\nla", {
      flag: "a",
    });
    expect(await (await open()).connect("test").get("kept")).toBe("1");
  });

  test("a server whose socket was deleted is ended before another works on its files", async () => {
    const killed = startUser();
    const pid = await killed.opened;
    await killed.kill("SIGKILL");
    rmSync(join(dataDir, "redis", "redis.sock"));
    await open();
    expect(serverPid()).not.toBe(pid);
    expect(
      existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.startsWith("S"),
    ).toBe(false);
  });

  test("a data folder whose path is too long for a socket gets one in a private folder elsewhere", async () => {
    const long = join(dataDir, "d".repeat(60), "e".repeat(60));
    const home = await open(long);
    const socket = home.address.replace("unix:", "");
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(107);
    expect(statSync(join(socket, "..")).mode & 0o777).toBe(0o700);
    expect(await home.connect("test").ping()).toBe("PONG");
    await home.close();
    rmSync(join(socket, ".."), { recursive: true });
  });

  test("a data folder that is a file is refused with its path", async () => {
    const file = join(dataDir, "file");
    writeFileSync(file, "");
    await expect(open(file)).rejects.toMatchObject({ code: "data-dir-unwritable", exit: 5 });
  });

  test("a damaged append only file is named by the error, and nothing is left running", async () => {
    const dir = join(dataDir, "damaged");
    mkdirSync(join(dir, "redis", "appendonlydir"), { recursive: true });
    writeFileSync(join(dir, "redis", "appendonlydir", "appendonly.aof.manifest"), "this is no manifest\n");
    const opening = open(dir);
    await expect(opening).rejects.toMatchObject({ code: "redis-not-started" });
    await expect(opening).rejects.toThrow(/manifest/i);
    expect(serverPid(dir)).toBeNull();
  });

  test("without redis-server on the PATH the ways out are named", async () => {
    const path = process.env.PATH;
    process.env.PATH = dataDir;
    try {
      await expect(open(join(dataDir, "other"))).rejects.toMatchObject({
        code: "redis-server-missing",
        next: expect.stringMatching(/apt-get install redis-server.*docker compose.*REDIS_URL/),
      });
    } finally {
      process.env.PATH = path;
    }
  });

  test("a folder of its own that others could read is closed to them", async () => {
    mkdirSync(join(dataDir, "redis"));
    chmodSync(join(dataDir, "redis"), 0o755);
    await open();
    expect(statSync(join(dataDir, "redis")).mode & 0o777).toBe(0o700);
  });
});

describe("visitRedis", () => {
  test("ends its own clients when it is closed, and leaves the server and all others as they are", async () => {
    const home = await open();
    const others = home.connect("others");
    const guest = await visitRedis(home, systemClock);
    const mine = guest.connect("mine");
    expect(await mine.ping()).toBe("PONG");
    await guest.close();
    expect(mine.status).toBe("end");
    expect(await others.client("LIST")).not.toContain("updraft:mine");
    expect(guest).toMatchObject({ address: home.address, embedded: true });
  });

  test("does not begin what would wait for a Redis that has gone", async () => {
    const home = await open();
    const pid = Number(/process_id:(\d+)/.exec(await home.connect("others").info("server"))?.[1]);
    const sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 50, signal);
    process.kill(pid, "SIGSTOP");
    try {
      const visiting = visitRedis(home, { ...systemClock, sleep });
      await expect(visiting).rejects.toMatchObject({
        code: "redis-unreachable",
        message: expect.stringMatching(/no answer within 5 s$/),
      });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await (await visitRedis(home, systemClock)).close();
  });
});
