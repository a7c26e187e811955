// Schedules in a real Redis: each time of a pattern is one call, however many processes ask, and however Redis is treated.
import { describe, expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { type Firings, openFirings } from "../../src/queue/firings.ts";
import { useRedis } from "../support/redis.ts";
import { fasterClock } from "./epochs.ts";
import { silent } from "./support.ts";

const redis = useRedis();

/** Every second, unless another pattern is given. */
async function open(given: { cron?: string; clock?: Clock } = {}) {
  const fired: number[] = [];
  const firings: Firings = await openFirings({
    ...{ redis: redis.connect(), name: "nightly-fedcba9876543210", cron: "* * * * * *", timeZone: "UTC" },
    ...{ clock: systemClock, log: silent },
    ...given,
    async fire(due) {
      fired.push(due);
    },
  });
  onTestFinished(() => firings.close());
  return { fired, firings };
}

describe("openFirings", () => {
  test("calls at each time of the pattern once, though two processes ask", async () => {
    const [one, other] = [await open(), await open()];
    await expect.poll(() => one.fired.length + other.fired.length).toBeGreaterThanOrEqual(3);
    const all = [...one.fired, ...other.fired].sort((a, b) => a - b);
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((due) => due % 1_000 === 0)).toBe(true);
    await one.firings.close();
    const before = other.fired.length;
    await expect.poll(() => other.fired.length).toBeGreaterThan(before + 1);
  });

  test("makes one call of all times that were missed, and knows when they were due", async () => {
    const first = await open();
    await first.firings.close();
    const due = first.firings.next() ?? 0;
    expect(due).toBeGreaterThan(0);
    // The next process comes when several seconds have passed.
    await expect.poll(() => systemClock.wall()).toBeGreaterThan(due + 2_500);
    const second = await open();
    await expect.poll(() => second.fired.length).toBeGreaterThanOrEqual(2);
    expect(second.fired[0]).toBeLessThanOrEqual(due + 1_000);
    expect(second.fired[1]).toBeGreaterThan(due + 2_000);
  });

  test("keeps to the pattern of the newest version of a job", async () => {
    const yearly = await open({ cron: "0 0 1 1 *" });
    expect(new Date(yearly.firings.next() ?? 0).toISOString()).toMatch(/^\d{4}-01-01T00:00:00.000Z$/);
    await yearly.firings.close();
    const other = await open();
    await expect.poll(() => other.fired.length).toBeGreaterThan(0);
  });

  test("goes on when Redis has lost all of it, and makes up for what was due meanwhile", async () => {
    const client = redis.connect();
    // A firing that is under way when Redis loses it is called again: there is time until the next.
    await expect.poll(() => systemClock.wall() % 2_000, { interval: 5 }).toBeLessThan(500);
    const { fired, firings } = await open({ cron: "*/2 * * * * *", clock: fasterClock(3) });
    const due = firings.next() ?? 0;
    await client.flushall();
    await expect.poll(() => fired.length).toBeGreaterThan(1);
    expect(fired[0]).toBe(due);
    expect(new Set(fired).size).toBe(fired.length);
  });
});
