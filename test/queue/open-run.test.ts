// Opening a run: the unfinished one of a file goes on, a finished one is refused or applied anew, and nothing stays held.
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type OpenedRun, openRun } from "../../src/queue/open-run.ts";
import { useRedis } from "../support/redis.ts";
import { outcome, useFolder } from "./support.ts";

const redis = useRedis();
const folder = useFolder();
let opened: OpenedRun[] = [];

afterEach(async () => {
  for (const run of opened) await run.close();
  opened = [];
});

async function open(client: Redis, dataDir: string, again = false): Promise<OpenedRun> {
  const run = await openRun(client, dataDir, "id", again, systemClock);
  opened.push(run);
  return run;
}

async function runOnce(client: Redis, dataDir: string, state: string, again = false): Promise<string> {
  const run = await open(client, dataDir, again);
  run.ledger.begin(0);
  run.ledger.write([outcome(1), outcome(2)], [], { state, end: "2026-01-31T12:00:05.000Z" });
  await run.close();
  return run.run;
}

describe("openRun", () => {
  test("makes the run of a file that was never run", async () => {
    const dataDir = await folder.dir();
    const run = await open(redis.connect(), dataDir);
    expect(run).toMatchObject({ run: "id", dir: join(dataDir, "runs", "id"), answered: 0 });
  });

  test.each(["running", "interrupted", "blocked", "stopped"])("goes on with a run that is %s", async (state) => {
    const client = redis.connect();
    const dataDir = await folder.dir();
    await runOnce(client, dataDir, state);
    for (const again of [false, true]) {
      const run = await open(client, dataDir, again);
      expect(run).toMatchObject({ run: "id", answered: 2 });
      await run.close();
    }
  });

  test.each(["complete", "cancelled"])(
    "refuses a run that is %s, with where its report is, and holds nothing",
    async (state) => {
      const client = redis.connect();
      const dataDir = await folder.dir();
      await runOnce(client, dataDir, state);
      await expect(open(client, dataDir)).rejects.toMatchObject({
        code: "run-finished",
        exit: 2,
        fields: { run: "id", state, end: "2026-01-31T12:00:05.000Z", dir: join(dataDir, "runs", "id") },
      });
      expect(await client.keys("*")).toEqual([]);
    },
  );

  test("applies a finished file anew when asked, each time as a run of its own", async () => {
    const client = redis.connect();
    const dataDir = await folder.dir();
    expect(await runOnce(client, dataDir, "complete", true)).toBe("id");
    expect(await runOnce(client, dataDir, "interrupted", true)).toBe("id.2");
    expect(await runOnce(client, dataDir, "complete", true)).toBe("id.2");
    expect(await runOnce(client, dataDir, "complete", true)).toBe("id.3");
    await expect(open(client, dataDir)).rejects.toMatchObject({ code: "run-finished", fields: { run: "id.3" } });
  });

  test("is refused while another process holds the run, and leaves no folder behind", async () => {
    const client = redis.connect();
    const dataDir = await folder.dir();
    const other = { host: `not-${hostname()}`, pid: 7, since: "2026-01-31T12:00:05.000Z", boot: 0 };
    await client.set("updraft:holder:id", JSON.stringify(other));
    await expect(open(client, dataDir)).rejects.toMatchObject({ code: "run-held-by" });
    expect(() => mkdirSync(join(dataDir, "runs"))).not.toThrow();
  });

  test("is refused when the ledger is held through another Redis, and lets go of the run", async () => {
    const dataDir = await folder.dir();
    const client = redis.connect();
    const first = await open(client, dataDir);
    await client.flushall();
    await expect(open(client, dataDir)).rejects.toMatchObject({ code: "run-held" });
    expect(await client.keys("*")).toEqual([]);
    await first.holder.check();
  });

  test("lets go of the run when its ledger cannot be opened", async () => {
    const client = redis.connect();
    const dataDir = await folder.dir();
    mkdirSync(join(dataDir, "runs", "id"), { recursive: true });
    writeFileSync(join(dataDir, "runs", "id", "ledger.db"), "no ledger ".repeat(200));
    await expect(open(client, dataDir)).rejects.toMatchObject({ code: "ledger-broken" });
    expect(await client.keys("*")).toEqual([]);
  });
});
