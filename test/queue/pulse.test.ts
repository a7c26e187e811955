// A coordinator's pulse: its status is in Redis while it lives, wishes are granted and told, silence is noticed, the end is clean.
import { describe, expect, test } from "vitest";
import type { Progress } from "../../src/events.ts";
import type { Coordinator } from "../../src/queue/coordinator.ts";
import { holdKey } from "../../src/queue/fence.ts";
import { startPulse } from "../../src/queue/pulse.ts";
import { GRANTED, readStatus, type Wish } from "../../src/queue/status.ts";
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
  let shown: Pick<Coordinator, "state" | "rate"> = { state: "running", rate: 10 };
  const granted: Wish[] = [];
  const notices: string[] = [];
  const stop = startPulse({
    ...{ redis: client, run: RUN, token: "mine", start: AT, clock: fasterClock(40), log: silent },
    coordinator: {
      epochs: [`${RUN}-1`, `${RUN}-2`],
      get state() {
        return shown.state;
      },
      get rate() {
        return shown.rate;
      },
      async grant(wish) {
        granted.push(wish);
        if (stops) shown = { ...shown, state: "stopped" };
        else shown = wish.kind === "rate" ? { ...shown, rate: wish.rate } : { ...shown, state: GRANTED[wish.kind] };
      },
    },
    progress: () => progress,
    finished: () => finished,
    notice: (line) => notices.push(line),
  });
  return { client, stop, granted, notices };
}

/** Time goes so fast that a Redis on a busy machine is silent for long. */
const ofWishes = (notices: readonly string[]) => notices.filter((line) => !line.startsWith("Redis "));

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
    const wish = (wished: Wish) => client.set(`updraft:wish:${RUN}`, JSON.stringify(wished));
    const shown = async () => {
      const status = await readStatus(client, RUN);
      return [status?.state, status?.rate];
    };
    await wish({ kind: "pause" });
    await expect.poll(shown).toEqual(["paused", 10]);
    // A run that is paused has the new rate when it goes on.
    await wish({ kind: "rate", rate: 0.5 });
    await expect.poll(shown).toEqual(["paused", 0.5]);
    await wish({ kind: "resume" });
    await expect.poll(shown).toEqual(["running", 0.5]);
    await wish({ kind: "rate", rate: null });
    await expect.poll(shown).toEqual(["running", null]);
    expect(granted.map(({ kind }) => kind)).toEqual(["pause", "rate", "resume", "rate"]);
    expect(ofWishes(notices)).toEqual([
      expect.stringMatching(/^paused/),
      "the rate is now 30/min, as asked for",
      expect.stringMatching(/^resumed/),
      "the rate is now none, as asked for",
    ]);
    await stop();
  });

  test("of a run that stops by itself meanwhile shows that, and tells nobody that the wish was granted", async () => {
    const { client, stop, notices } = begin(false, true);
    await expect.poll(() => readStatus(client, RUN)).not.toBeNull();
    await client.set(`updraft:wish:${RUN}`, JSON.stringify({ kind: "pause" }));
    await expect.poll(async () => (await readStatus(client, RUN))?.state).toBe("stopped");
    expect(ofWishes(notices)).toEqual([]);
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

  test("leaves it for another process that has taken the run over, too", async () => {
    const { client, stop } = begin(true);
    await client.mset(`updraft:pace:run:${RUN}`, "1", holdKey(RUN), "another");
    await stop();
    expect(await client.exists(`updraft:pace:run:${RUN}`)).toBe(1);
  });

  test("does not grant what was wished of an earlier spell", async () => {
    const client = redis.connect();
    await client.set(`updraft:wish:${RUN}`, JSON.stringify({ kind: "cancel" }));
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
      const [silence, answer] = ["Redis does not answer: the run waits for it", "Redis answers again"];
      await expect.poll(() => notices.at(-1)).toBe(silence);
      process.kill(redis.pid, "SIGCONT");
      await expect.poll(() => notices.at(-1)).toBe(answer);
      process.kill(redis.pid, "SIGSTOP");
      await stop();
      // By turns: on a busy machine a Redis may seem silent that is not stopped.
      expect(notices).toEqual(notices.map((_, i) => (i % 2 === 0 ? silence : answer)));
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
  });
});
