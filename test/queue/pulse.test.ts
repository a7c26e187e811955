// A coordinator's pulse: its status is in Redis while it lives, wishes are granted and told, silence is noticed, the end is clean.
import { describe, expect, test } from "vitest";
import type { Progress } from "../../src/events.ts";
import { startPulse } from "../../src/queue/pulse.ts";
import { GRANTED, type LiveState, readStatus, type Wish } from "../../src/queue/status.ts";
import { useRedis } from "../support/redis.ts";
import { fasterClock, RUN } from "./epochs.ts";
import { AT, silent } from "./support.ts";

const redis = useRedis();

const progress: Progress = {
  ...{ phase: "sending", read: 10, total: 20, underway: 4, rowsPerSecond: 2.345, secondsLeft: 4.2, limitedBy: "pace" },
  counts: { updated: 5, unchanged: 0, rejected: 1, failed: 0, unknown: 0, unsent: 0 },
};

function begin(finished = false, stops = false) {
  const client = redis.connect();
  let state: LiveState = "running";
  const granted: Wish[] = [];
  const notices: string[] = [];
  const stop = startPulse({
    ...{ redis: client, run: RUN, token: "mine", start: AT, clock: fasterClock(40), log: silent },
    coordinator: {
      epochs: [`${RUN}-1`, `${RUN}-2`],
      get state() {
        return state;
      },
      async grant(wish) {
        granted.push(wish);
        state = stops ? "stopped" : GRANTED[wish];
      },
    },
    progress: () => progress,
    finished: () => finished,
    notice: (line) => notices.push(line),
  });
  return { client, stop, granted, notices };
}

describe("startPulse", () => {
  test("tells how the run is, again and again, until it is stopped", async () => {
    const { client, stop } = begin();
    await expect
      .poll(() => readStatus(client, RUN))
      .toMatchObject({
        ...{ run: RUN, state: "running", epoch: `${RUN}-2`, start: new Date(AT).toISOString(), pid: process.pid },
        ...{ counts: progress.counts, read: 10, total: 20, rowsPerSecond: 2.3, secondsLeft: 4, limitedBy: "pace" },
      });
    await client.flushall();
    await expect.poll(() => readStatus(client, RUN)).not.toBeNull();
    await stop();
    expect(await client.keys("*")).toEqual([]);
  });

  test("grants what is wished, shows it, and tells the person at the run's screen", async () => {
    const { client, stop, granted, notices } = begin();
    await expect.poll(() => readStatus(client, RUN)).not.toBeNull();
    await client.set(`updraft:wish:${RUN}`, "pause");
    await expect.poll(async () => (await readStatus(client, RUN))?.state).toBe("paused");
    await client.set(`updraft:wish:${RUN}`, "resume");
    await expect.poll(async () => (await readStatus(client, RUN))?.state).toBe("running");
    expect(granted).toEqual(["pause", "resume"]);
    expect(notices).toEqual([expect.stringMatching(/^paused/), expect.stringMatching(/^resumed/)]);
    await stop();
  });

  test("of a run that stops by itself meanwhile shows that, and tells nobody that the wish was granted", async () => {
    const { client, stop, notices } = begin(false, true);
    await expect.poll(() => readStatus(client, RUN)).not.toBeNull();
    await client.set(`updraft:wish:${RUN}`, "pause");
    await expect.poll(async () => (await readStatus(client, RUN))?.state).toBe("stopped");
    expect(notices).toEqual([]);
    await stop();
  });

  test("leaves the clock of the run's pace for who goes on with it, and takes it along when the run is over", async () => {
    for (const finished of [false, true]) {
      const { client, stop } = begin(finished);
      await client.set(`updraft:pace:run:${RUN}`, "1");
      await stop();
      expect(await client.keys("*")).toEqual(finished ? [] : [`updraft:pace:run:${RUN}`]);
    }
  });

  test("does not grant what was wished of an earlier spell", async () => {
    const client = redis.connect();
    await client.set(`updraft:wish:${RUN}`, "cancel");
    const { stop, granted } = begin();
    await expect.poll(() => readStatus(client, RUN)).not.toBeNull();
    await stop();
    expect(granted).toEqual([]);
  });

  test("says when Redis is silent, and when it is back; and stops all the same while it is silent", async () => {
    const { client, stop, notices } = begin();
    await expect.poll(() => readStatus(client, RUN)).not.toBeNull();
    process.kill(redis.pid, "SIGSTOP");
    try {
      await expect.poll(() => notices).toEqual(["Redis does not answer: the run waits for it"]);
      process.kill(redis.pid, "SIGCONT");
      await expect.poll(() => notices).toHaveLength(2);
      expect(notices[1]).toBe("Redis answers again");
      process.kill(redis.pid, "SIGSTOP");
      await stop();
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
  });
});
