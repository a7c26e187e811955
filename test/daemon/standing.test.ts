import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Told } from "../../src/daemon/inbox.ts";
import { makeHerald } from "../../src/daemon/standing.ts";
import { passOn } from "../../src/daemon/told.ts";
import { silent } from "../queue/support.ts";
import { useWebhooks } from "../support/webhook.ts";

const hook = useWebhooks();
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "updraft-standing-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function heraldTo(notifyWebhook: string | null) {
  const settings = {
    notifyWebhook,
    notifyCommand: null,
    notifySecret: null,
    baseUrl: "https://api.example.com/v1",
    dataDir,
  };
  return makeHerald({ name: "schedule-nightly-e", job: "nightly", settings, clock: systemClock, log: silent });
}

const empty = (file: string) => ({ event: "refused", reason: "file-empty", file }) as const;
const silentRedis = (file: string) => ({ event: "waiting", reason: "redis-unreachable", file }) as const;
const shortOf = ({ event, reason, file }: Record<string, unknown>) => [event, reason, file].filter(Boolean).join(" ");

describe("a job of which no run begins", () => {
  test("is told of once for each file and reason, and when that is over, with nothing but names and codes", async () => {
    const { url, taken } = await hook();
    const herald = heraldTo(url);
    for (const night of [["a.csv"], ["a.csv"], ["/srv/b.csv"], [], []]) {
      for (const file of night) herald.worse(empty(file));
      herald.settled();
    }
    herald.worse(empty("a.csv"));
    await herald.end();
    expect(taken().map(shortOf)).toEqual([
      "refused file-empty a.csv",
      "refused file-empty b.csv",
      "recovered",
      "refused file-empty a.csv",
    ]);
    const counts = { updated: 0, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0 };
    expect(taken()[0]).toEqual({
      ...{
        version: 1,
        id: expect.any(String),
        sequence: 1,
        event: "refused",
        run: null,
        file: "a.csv",
        job: "nightly",
      },
      ...{ endpoint: "api.example.com", at: expect.any(String), since: expect.any(String), state: null },
      ...{ reason: "file-empty", summary: null, read: 0, counts },
    });
  });

  test("has recovered from a Redis or a disk as soon as a run begins, and not while another of its files is refused", async () => {
    const { url, taken } = await hook();
    const herald = heraldTo(url);
    for (let tries = 0; tries < 3; tries++) herald.worse(silentRedis("a.csv"));
    herald.begun();
    herald.settled();
    herald.worse(empty("b.csv"));
    herald.worse(silentRedis("c.csv"));
    herald.begun();
    herald.settled();
    herald.begun();
    await herald.end();
    expect(taken().map(shortOf)).toEqual([
      "waiting redis-unreachable a.csv",
      "recovered",
      "refused file-empty b.csv",
      "waiting redis-unreachable c.csv",
      "recovered",
    ]);
  });

  test("is not told of again by the next process, but by one where nobody has heard of it", async () => {
    const { url, taken } = await hook();
    for (let start = 0; start < 2; start++) {
      const herald = heraldTo(url);
      herald.worse(empty("a.csv"));
      herald.settled();
      await herald.end();
    }
    const deaf = await hook([404]);
    const third = heraldTo(deaf.url);
    third.worse(empty("b.csv"));
    await third.end();
    const fourth = heraldTo(url);
    fourth.worse(empty("b.csv"));
    await fourth.end();
    expect(taken().map(shortOf)).toEqual(["refused file-empty a.csv", "refused file-empty b.csv"]);
  });

  test("without a webhook and a command is told to nobody, and nothing is kept of it", async () => {
    const herald = heraldTo(null);
    herald.worse(empty("a.csv"));
    herald.settled();
    await herald.end();
    expect(() => rmSync(join(dataDir, "told"))).toThrow("ENOENT");
  });
});

describe("passOn", () => {
  test("tells of files that are refused and of what waits, but not of how a run ended, which that has told itself", async () => {
    const { url, taken } = await hook();
    const herald = heraldTo(url);
    const refused = (file: string, code: string): Told => ({
      ...{ kind: "refused", file, to: "/refused" },
      reason: { code, message: "", next: "", when: "", file, run: null },
    });
    const waiting = (code: string | null): Told => ({ kind: "waiting", file: "c.csv", message: "", ms: 0, code });
    const all: Told[] = [
      refused("a.csv", "file-empty"),
      refused("b.csv", "watch-run-stopped"),
      waiting("ENOSPC"),
      waiting("ENOSPC"),
      waiting(null),
      { kind: "begun", file: "c.csv" },
      { kind: "waiting", file: null, message: "", ms: 0, code: "watch-folder-unusable" },
      { kind: "back", file: null, folder: "/inbox" },
      waiting("EACCES"),
      { kind: "done", file: "c.csv", run: "r", summary: null, to: "/outbox" },
      waiting("EACCES"),
      refused("c.csv", "file-empty"),
      refused("d.csv", "file-empty"),
      { kind: "begun", file: "e.csv" },
    ];
    for (const what of all) passOn(what, herald);
    await herald.end();
    expect(taken().map(shortOf)).toEqual([
      "refused file-empty a.csv",
      "recovered",
      "waiting ENOSPC c.csv",
      "recovered",
      "waiting watch-folder-unusable",
      "recovered",
      "waiting EACCES c.csv",
      "recovered",
      "waiting EACCES c.csv",
      "refused file-empty c.csv",
      "refused file-empty d.csv",
      "recovered",
    ]);
  });
});
