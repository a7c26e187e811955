import fc from "fast-check";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { clockTime, percentDone, progressBar, progressLine } from "../../src/cli/progress.ts";
import { makeScreen, screenMode } from "../../src/cli/screen.ts";
import type { Clock } from "../../src/clock.ts";
import type { Progress } from "../../src/events.ts";

function at(changes: Partial<Progress> = {}): Progress {
  return {
    phase: "sending",
    read: 50_000,
    total: 100_000,
    counts: { updated: 45_000, unchanged: 0, rejected: 12, failed: 3, unknown: 0, unsent: 0 },
    underway: 128,
    rowsPerSecond: 1_234.5,
    secondsLeft: 65,
    limitedBy: "pace",
    ...changes,
  };
}

describe("the progress bar", () => {
  test("shows rows, outcomes that are not the usual one, speed, time left and what limits it", () => {
    expect(progressBar(at(), 140)).toBe(
      " 45 % [###########.............]  45,015/100,000 rows  12 rejected, 3 failed  1,235 rows/s  1:05 left  limit: pace",
    );
  });

  test("gives up the least needed facts first where there is no room", () => {
    expect(progressBar(at(), 80)).toBe(
      " 45 % [######........]  45,015/100,000 rows  12 rejected, 3 failed  1,235 rows/s",
    );
    expect(progressBar(at(), 30)).toBe(" 45 %  45,015/100,000 rows");
  });

  const anything = fc.record({
    phase: fc.constantFrom("sending", "reporting"),
    read: fc.nat(),
    total: fc.nat(),
    updated: fc.nat(),
    failed: fc.nat(),
    rowsPerSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
    secondsLeft: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
  });

  test("never is wider than the terminal, whatever the figures", () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 0, max: 250 }), ({ updated, failed, ...rest }, width) => {
        const counts = { ...at().counts, updated, failed };
        expect(progressBar(at({ ...rest, counts } as Partial<Progress>), width).length).toBeLessThanOrEqual(width);
      }),
    );
  });

  test("says 100 % only when every row is done, because the total is an estimate", () => {
    const done = (updated: number) => percentDone(at({ counts: { ...at().counts, updated, rejected: 0, failed: 0 } }));
    expect([done(0), done(99_999), done(100_000), done(100_500)]).toEqual([0, 99, 100, 100]);
    expect(percentDone(at({ total: 0 }))).toBe(0);
  });

  test("tells time as people read it", () => {
    expect([clockTime(0), clockTime(59.2), clockTime(65), clockTime(3_700)]).toEqual([
      "0:00",
      "1:00",
      "1:05",
      "1:01:40",
    ]);
  });

  test("counts rows passed over while the reports are written", () => {
    expect(progressLine(at({ phase: "reporting", read: 20_000 }))).toBe("20 %  20,000/100,000 rows  writing reports");
  });
});

describe("the screen", () => {
  function screenOf(mode: Parameters<typeof makeScreen>[0]["mode"]) {
    let now = 0;
    const written: string[] = [];
    const logged: { msg: string; done?: number }[] = [];
    const clock: Clock = { now: () => now, wall: () => now, sleep: async () => {}, random: () => 0.5 };
    const log = pino({ base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) });
    const stderr = { columns: 60, write: (text: string) => written.push(text) > 0 };
    const screen = makeScreen({ mode, stderr, log, clock });
    return { screen, written, logged, later: (ms: number) => (now += ms) };
  }

  test.each([
    [true, false, null, "xterm", "bar"],
    [true, false, "log", "xterm", "bar"],
    [true, false, null, "dumb", "lines"],
    [true, true, null, "xterm", "notices"],
    [false, false, null, "xterm", "log"],
    [false, true, null, "xterm", "log"],
    [false, false, "log", "xterm", "lines"],
  ] as const)("terminal %s, --json %s, log file %s, TERM %s: %s", (terminal, json, logFile, term, mode) => {
    expect(screenMode(terminal, json, logFile, term)).toBe(mode);
  });

  test("a bar is redrawn in place, makes room for a notice and is gone at the end", () => {
    const { screen, written } = screenOf("bar");
    screen.progress(at());
    screen.progress(at());
    screen.notice("resuming");
    screen.clear();
    screen.clear();
    const bar = progressBar(at(), 59);
    expect(written).toEqual([`\r\u001b[K${bar}`, "\r\u001b[K", "resuming\n", bar, "\r\u001b[K"]);
  });

  test("where stderr carries the logs everything on it is a log line", () => {
    const { screen, written, logged } = screenOf("log");
    screen.progress(at());
    screen.notice("resuming");
    expect(written).toEqual([]);
    expect(logged.map(({ msg }) => msg)).toEqual(["progress", "resuming"]);
    expect(logged[0]?.done).toBe(45_015);
  });

  test("plain lines come every five seconds, or at a tenth of the way but not within a second", () => {
    const { screen, written, later } = screenOf("lines");
    const done = (updated: number) => screen.progress(at({ counts: { ...at().counts, updated } }));
    done(1_000);
    done(2_000);
    expect(written).toHaveLength(1);
    later(999);
    done(50_000);
    expect(written).toHaveLength(1);
    later(1);
    done(50_000);
    expect(written).toHaveLength(2);
    later(4_999);
    done(50_001);
    expect(written).toHaveLength(2);
    later(1);
    done(50_002);
    expect(written).toHaveLength(3);
  });

  test("for a program that reads stdout a terminal shows notices only", () => {
    const { screen, written } = screenOf("notices");
    screen.progress(at());
    screen.notice("resuming");
    expect(written).toEqual(["resuming\n"]);
  });
});
