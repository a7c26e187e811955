// When schedules fire where the clock changes: what BullMQ does is what is told, around both changes and at any other time.
import { defaultRepeatStrategy } from "bullmq";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firesEver, nextTime } from "../../src/plan/job-times.ts";

const ZONE = "America/New_York";

/** The next three times after an instant, as UTC. */
function times(cron: string, after: string): string[] {
  const found: string[] = [];
  for (let at = Date.parse(after); found.length < 3; ) {
    at = nextTime(cron, ZONE, at) ?? Number.NaN;
    found.push(new Date(at).toISOString().slice(5, 16));
  }
  return found;
}

describe("a schedule", () => {
  test("that the clock leaves out in spring comes an hour later that day", () => {
    expect(times("30 2 * * *", "2026-03-07T12:00:00Z")).toEqual(["03-08T07:30", "03-09T06:30", "03-10T06:30"]);
  });

  test("at a time that comes twice in autumn fires once", () => {
    expect(times("30 1 * * *", "2026-10-31T12:00:00Z")).toEqual(["11-01T05:30", "11-02T06:30", "11-03T06:30"]);
  });

  test("of every hour fires every hour, in both", () => {
    expect(times("0 * * * *", "2026-03-08T06:30:00Z")).toEqual(["03-08T07:00", "03-08T08:00", "03-08T09:00"]);
    expect(times("0 * * * *", "2026-11-01T04:30:00Z")).toEqual(["11-01T05:00", "11-01T06:00", "11-01T07:00"]);
  });

  const zones = ["America/New_York", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "UTC"];
  // Clocks that change at midnight, by half an hour, by two.
  const others = [
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "America/Santiago",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Atlantic/Azores",
  ];
  const instant = fc.integer({ min: Date.parse("2024-01-01"), max: Date.parse("2034-01-01") });

  test("of every hour fires as often as ever, wherever the clock changes, and by how much", () => {
    const fired = (zone: string, after: string) => {
      let at = Date.parse(after);
      return Array.from({ length: 4 }, () => {
        at = nextTime("0 * * * *", zone, at) ?? Number.NaN;
        return new Date(at).toISOString().slice(11, 16);
      });
    };
    expect(fired("America/Santiago", "2027-09-05T02:30:00Z")).toEqual(["03:00", "04:00", "05:00", "06:00"]);
    expect(fired("Australia/Lord_Howe", "2026-10-03T13:45:00Z")).toEqual(["14:30", "16:00", "17:00", "18:00"]);
    expect(fired("Australia/Lord_Howe", "2027-04-03T13:45:00Z")).toEqual(["14:00", "15:30", "16:30", "17:30"]);
  });

  test("fires when BullMQ by itself would, where it knows the zone well", () => {
    const crons = [
      "30 2 * * *",
      "30 1 * * *",
      "*/20 * * * *",
      "0 0 * * 1-5",
      "15 3 1 * *",
      "0 0 29 2 *",
      "*/7 * * * * *",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...crons), fc.constantFrom(...zones), instant, (cron, timeZone, now) => {
        const next = nextTime(cron, timeZone, now);
        expect(next).toBe(defaultRepeatStrategy(now, { pattern: cron, tz: timeZone }));
        expect(next).toBeGreaterThan(now);
      }),
    );
  });

  test("of every day fires once on each day, wherever and whenever the clock changes", () => {
    const time = fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 3 }));
    const changes = fc.constantFrom(...zones, ...others).chain((zone) =>
      instant.map((at) => {
        const change = Temporal.Instant.fromEpochMilliseconds(at)
          .toZonedDateTimeISO(zone)
          .getTimeZoneTransition("next");
        return { zone, now: (change?.epochMilliseconds ?? at) - (at % (3 * 86_400_000)) };
      }),
    );
    fc.assert(
      fc.property(time, changes, ([minute, hour], { zone, now }) => {
        let at = now;
        const dates = Array.from({ length: 4 }, () => {
          at = nextTime(`${minute} ${hour} * * *`, zone, at) ?? Number.NaN;
          return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate();
        });
        const [first] = dates;
        expect(dates.map(String)).toEqual([0, 1, 2, 3].map((days) => String(first?.add({ days }))));
      }),
      { numRuns: 400 },
    );
  });

  test.each(["0 0 30 2 *", "0 0 31 4,6 *", "61 * * * *", "* * *"])(
    "that never fires is known before it is waited for: %s",
    (cron) => {
      expect(firesEver(cron)).toBe(false);
    },
  );
});
