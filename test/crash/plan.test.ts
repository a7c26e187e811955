// What the seed of a trial decides, and the way to Redis that can be cut.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { KINDS, planTrial } from "./plan.ts";
import { startProxy } from "./proxy.ts";
import { makeRows, rowOf, toCsv } from "./rows.ts";
import { lineOf, resultTable, summarize } from "./table.ts";
import type { Result } from "./trial.ts";

const SIZE = { workers: 4, rows: 10_000, customers: 1_000, timeout: 700 };
const seeds = Array.from({ length: 60 }, (_, seed) => seed);

describe("a seed", () => {
  test("decides the trial: the same one, the same trial", () => {
    for (const kind of KINDS) expect(planTrial(kind, 7, SIZE)).toEqual(planTrial(kind, 7, SIZE));
    expect(makeRows(7, SIZE)).toEqual(makeRows(7, SIZE));
    expect(toCsv(makeRows(7, SIZE))).not.toBe(toCsv(makeRows(8, SIZE)));
  });

  test("spreads the instants over the run, and hits every worker in both ways", () => {
    for (const kind of KINDS) {
      const plans = seeds.map((seed) => planTrial(kind, seed, SIZE));
      const first = plans.map(({ instants }) => instants[0] ?? 0);
      expect(Math.min(...first)).toBeGreaterThanOrEqual(100);
      expect(Math.max(...first)).toBeLessThanOrEqual(9_500);
      expect(new Set(first).size).toBeGreaterThan(50);
      expect(new Set(plans.map(({ victim }) => victim)).size).toBe(SIZE.workers);
      expect(new Set(plans.map(({ other }) => other)).size).toBe(2);
    }
    const kills = seeds.map((seed) => planTrial("coordinator", seed, SIZE).instants);
    expect(new Set(kills.map(({ length }) => length))).toEqual(new Set([1, 2, 3]));
    for (const instants of kills) expect(instants).toEqual(instants.toSorted((a, b) => a - b));
  });

  test("makes a file in which every customer comes ten times, and no row is like another", () => {
    const rows = makeRows(3, SIZE);
    const times = Map.groupBy(rows, ({ customerId }) => customerId);
    expect([...times.values()].map(({ length }) => length)).toEqual(Array(1_000).fill(10));
    expect(new Set(rows.map(({ email }) => email)).size).toBe(10_000);
    for (const { row, email } of rows) expect(rowOf(email)).toBe(row);
    expect([rowOf(null), rowOf("other@example.com")]).toEqual([0, 0]);
  });
});

describe("the way to Redis", () => {
  /** An echo behind a proxy, and a client of it. */
  async function setUp() {
    const folder = mkdtempSync(join(tmpdir(), "updraft-proxy-"));
    const target = join(folder, "target");
    const echo = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(target);
    const proxy = await startProxy(join(folder, "proxy"), target);
    const clients: Socket[] = [];
    onTestFinished(async () => {
      for (const client of clients) client.destroy();
      await proxy.close();
      echo.close();
      rmSync(folder, { recursive: true });
    });
    const dial = () => {
      const client = connect(join(folder, "proxy")).on("error", () => {});
      clients.push(client);
      let heard = "";
      client.on("data", (data) => {
        heard += data.toString();
      });
      return { client, heard: () => heard };
    };
    return { proxy, dial };
  }

  test("passes what is sent, and when it is cut silently, passes it later", async () => {
    const { proxy, dial } = await setUp();
    const { client, heard } = dial();
    client.write("one");
    await expect.poll(heard).toBe("one");
    await proxy.cut(true);
    client.write(" two");
    const late = dial();
    late.client.write("new");
    // Another way to the same place is open: what is cut is heard of no sooner than what passes there.
    await new Promise((resolve) => setImmediate(resolve));
    expect([heard(), late.heard(), client.destroyed]).toEqual(["one", "", false]);
    await proxy.restore();
    await expect.poll(heard).toBe("one two");
    await expect.poll(late.heard).toBe("new");
  });

  test("closes and refuses connections when it is cut the other way", async () => {
    const { proxy, dial } = await setUp();
    const { client } = dial();
    await expect.poll(() => client.readyState).toBe("open");
    await proxy.cut(false);
    await expect.poll(() => client.destroyed).toBe(true);
    const refused = dial().client;
    await expect.poll(() => refused.destroyed).toBe(true);
    await proxy.restore();
    const { client: again, heard } = dial();
    again.write("again");
    await expect.poll(heard).toBe("again");
  });
});

describe("what is told", () => {
  const result = (seed: number, change: Partial<Result> = {}): Result => ({
    ...{ plan: planTrial("worker", seed, SIZE), violations: [], resent: seed, bound: 99, requests: 10_500 },
    ...{ seconds: 10 + seed, stood: 20, told: "killed worker-1" },
    ...change,
  });

  test("is a line a trial, with the way to repeat one that found something", () => {
    expect(lineOf(result(4))).toMatch(/^ok +worker +seed 4 .* resent 4 of 99 {2}killed worker-1$/);
    const lines = lineOf(result(4, { violations: ["1 row without an outcome in the ledger: 17"] }));
    expect(lines).toMatch(/^FAIL worker/);
    expect(lines).toContain("1 row without an outcome in the ledger: 17");
    expect(lineOf(result(4, { violations: ["x"] }), true)).toMatch(/^void worker/);
    expect(lines).toContain("npm run torture -- --kind worker --trials 1 --seed 4 --rows 10000 --timeout 700");
  });

  test("is a table of each kind that was tried", () => {
    const figures = summarize([result(1), result(2, { violations: ["x", "y"] }), result(9)]);
    expect(figures).toEqual([
      {
        ...{ kind: "worker", trials: 3, violations: 1 },
        ...{ resent: { median: 2, max: 9 }, seconds: { median: 12, max: 19 } },
      },
    ]);
    expect(resultTable(figures)).toMatch(/^\| worker +\| 3 +\| 1 +\| 2 +\| 9 +\| 12\.0 +\| 19\.0 +\|$/m);
  });
});
