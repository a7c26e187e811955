// What is shown of a run: how far it is, how long it will take, and what keeps it from being faster.
import { describe, expect, test } from "vitest";
import type { Progress } from "../../src/events.ts";
import type { Coordinator } from "../../src/queue/coordinator.ts";
import { progressOf } from "../../src/queue/progress.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { outcome, useFolder } from "./support.ts";

const folder = useFolder();

interface Given {
  readonly rows?: number;
  readonly read?: number;
  readonly finished?: boolean;
  readonly answered?: number;
  readonly coordinator?: Partial<Coordinator>;
  readonly limit?: number | null;
}

async function progress(given: Given): Promise<Progress> {
  const { rows = 100, read = 50, finished = false, answered = 40, limit = null } = given;
  const ledger = folder.keep(openLedger(await folder.dir()));
  ledger.write(Array.from({ length: answered }, (_, i) => outcome(i + 1)));
  const coordinator: Coordinator = {
    put() {},
    rest() {},
    answer() {},
    room: async () => {},
    drain: async () => {},
    end: async () => {},
    grant: async () => {},
    halt() {},
    close: () => {},
    closedBy: null,
    keepTo() {},
    shut: false,
    ...{
      state: "running",
      stopped: null,
      blocked: null,
      over: false,
      stopping: new AbortController().signal,
      underway: 10,
      retrying: 0,
      windowFull: false,
      rate: null,
      rowsPerSecond: 20,
      firstOpen: () => null,
      epochs: [],
    },
    ...given.coordinator,
  };
  const carrying = { read, finished, done: Promise.resolve() };
  return progressOf({ rows }, ledger, carrying, coordinator, limit);
}

describe("progressOf", () => {
  test("tells what is read, answered and under way, and how long the rest will take at this speed", async () => {
    expect(await progress({})).toEqual({
      phase: "sending",
      read: 50,
      total: 100,
      counts: { updated: 40, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0 },
      underway: 10,
      rowsPerSecond: 20,
      secondsLeft: 3,
      limitedBy: "reading",
    });
  });

  test.each<[string, Given, number]>([
    ["the reader tells", {}, 100],
    ["the rows that were read, once all are", { finished: true, read: 64 }, 64],
    ["the rows that were read, where they are more than was thought", { read: 300 }, 300],
    ["the limit, where there is one", { limit: 60 }, 60],
    ["no more than the file has, where the limit is higher", { limit: 1_000 }, 100],
    ["at least what an earlier spell answered", { rows: 1, read: 0 }, 40],
  ])("expects as many rows as %s", async (_, given, total) => {
    const found = await progress(given);
    expect(found.total).toBe(total);
    expect(found.secondsLeft).toBeGreaterThanOrEqual(0);
  });

  test("does not know how long it will take while nothing is answered", async () => {
    expect((await progress({ coordinator: { rowsPerSecond: 0 } })).secondsLeft).toBeNull();
  });

  test.each<[Progress["limitedBy"], string, Given]>([
    ["pace", "it goes at its rate", { coordinator: { rate: 20 } }],
    ["reading", "it goes below its rate with room in the window", { coordinator: { rate: 40 } }],
    ["retries", "many rows are tried again", { coordinator: { retrying: 6, windowFull: true } }],
    ["endpoint", "the window is full", { coordinator: { windowFull: true, retrying: 5 } }],
    ["endpoint", "all is read", { finished: true }],
    ["paused", "a person paused it", { coordinator: { state: "paused" } }],
    ["window", "it is outside of its time window", { coordinator: { state: "paused", shut: true } }],
  ])("says that %s limits it when %s", async (limitedBy, _, given) => {
    expect((await progress(given)).limitedBy).toBe(limitedBy);
  });
});
