// The right to coordinate a run: one living process over all machines, taken over from a dead one, given back at the end.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import type { Redis } from "ioredis";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type Holder, holdRun } from "../../src/queue/holder.ts";
import { useRedis } from "../support/redis.ts";

const KEY = "updraft:holder:run";
const SINCE = "2026-01-31T12:00:05.000Z";
const redis = useRedis();
let holders: Holder[] = [];
let processes: ChildProcess[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const holder of holders) await holder.release();
  for (const child of processes) child.kill("SIGKILL");
  holders = [];
  processes = [];
});

async function hold(client: Redis, clock = systemClock): Promise<Holder> {
  const holder = await holdRun(client, "run", clock);
  holders.push(holder);
  return holder;
}

/** What another process would have left in Redis. */
async function heldBy(client: Redis, host: string, pid: number): Promise<void> {
  await client.set(KEY, JSON.stringify({ host, pid, since: SINCE, boot: 0.25 }), "PX", 15_000);
}

describe("holdRun", () => {
  test("holds a run for some seconds at a time, and gives it back", async () => {
    const client = redis.connect();
    const holder = await hold(client);
    expect(JSON.parse((await client.get(KEY)) ?? "")).toMatchObject({ host: hostname(), pid: process.pid });
    expect(await client.pttl(KEY)).toBeGreaterThan(3_000);
    await holder.release();
    expect(await client.keys("*")).toEqual([]);
    await holder.release();
  });

  test("names the living process that holds the run, until that one is gone", async () => {
    const client = redis.connect();
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    processes.push(other);
    await once(other, "spawn");
    await heldBy(client, hostname(), other.pid ?? 0);
    await expect(hold(client)).rejects.toMatchObject({
      code: "run-held-by",
      exit: 2,
      fields: { run: "run", host: hostname(), pid: other.pid, since: SINCE },
    });
    const gone = once(other, "exit");
    other.kill("SIGKILL");
    await gone;
    await hold(client);
    expect(await client.get(KEY)).toContain(`"pid":${process.pid},`);
  });

  test("does not take a run from another machine, whatever runs here, until its hold has ended", async () => {
    const client = redis.connect();
    // The second has the id of no process of this machine.
    for (const pid of [process.pid, 2 ** 30]) {
      await heldBy(client, "another-machine", pid);
      await expect(hold(client)).rejects.toMatchObject({
        code: "run-held-by",
        fields: { host: "another-machine", pid },
      });
    }
    await client.del(KEY);
    await hold(client);
  });

  test("renews its hold while it lives", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const client = redis.connect();
    await hold(client);
    await client.pexpire(KEY, 5_000);
    vi.advanceTimersByTime(3_000);
    await expect.poll(() => client.pttl(KEY)).toBeGreaterThan(5_000);
  });
});

describe("a holder", () => {
  test("does not wait for a Redis that does not answer when it lets go", async () => {
    const holder = await hold(redis.connect());
    process.kill(redis.pid, "SIGSTOP");
    try {
      await holder.release();
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
  });

  test("takes its hold again where Redis lost it", async () => {
    const client = redis.connect();
    const holder = await hold(client);
    await client.flushall();
    await holder.check();
    expect(await client.get(KEY)).toContain(`"pid":${process.pid},`);
  });

  test("does not believe an answer that it slept over, and asks again", async () => {
    const client = redis.connect();
    let slept = 0;
    const holder = await hold(client, { ...systemClock, now: () => systemClock.now() + slept });
    const checked = holder.check();
    slept = 60_000;
    await Promise.all([
      expect(checked).rejects.toMatchObject({ code: "run-taken-over" }),
      heldBy(client, "another-machine", 7),
    ]);
  });

  test("knows that another has taken the run over, and leaves that one's hold alone", async () => {
    const client = redis.connect();
    const holder = await hold(client);
    await heldBy(client, "another-machine", 7);
    await expect(holder.check()).rejects.toMatchObject({ code: "run-taken-over", exit: 5 });
    await holder.release();
    expect(await client.get(KEY)).toContain("another-machine");
  });
});
