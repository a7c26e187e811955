// Hours of a day in a time zone: what they are written as, and when they open and close, whatever the zone's clock does.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isOpen, nextChange, parseWindow, type TimeWindow, windowText } from "../../src/settings/time-window.ts";

const NEW_YORK: TimeWindow = { from: "01:00", to: "05:00", timeZone: "America/New_York" };
const at = (text: string) => Date.parse(text);
const iso = (instant: number) => new Date(instant).toISOString();

/** The clock on the wall by the other way there is to read it. */
function wallMinutes(instant: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const [hour = "", minute = ""] = format.format(instant).split(":");
  return Number(hour) * 60 + Number(minute);
}

const zones = [
  ...["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"],
  ...["Africa/Casablanca", "Pacific/Apia", "America/Havana", "Asia/Beirut", "Antarctica/Troll", "Pacific/Kiritimati"],
];
const hour = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 })).map(
  (parts) => parts.map((part) => String(part).padStart(2, "0")).join(":"), // 01:30
);
const anyWindow = fc
  .record({
    from: hour,
    to: hour,
    timeZone: fc.oneof(fc.constantFrom(...zones), fc.constantFrom(...Intl.supportedValuesOf("timeZone"))),
  })
  .filter(({ from, to }) => from !== to);
const anyInstant = fc.oneof(
  fc.integer({ min: at("2005-01-01"), max: at("2035-01-01") }),
  // Around changes of the clock.
  fc
    .constantFrom("2026-03-08T06:59:00Z", "2026-11-01T05:30:00Z", "2011-12-30T10:00:00Z", "2026-03-29T00:59:59Z")
    .map(at),
);

describe("parseWindow", () => {
  test("reads two hours and a zone, over midnight too", () => {
    expect(parseWindow("01:00-05:00 America/New_York")).toEqual(NEW_YORK);
    expect(parseWindow(" 22:30 - 04:00  UTC ")).toEqual({ from: "22:30", to: "04:00", timeZone: "UTC" });
    expect(parseWindow("18:00-24:00 UTC")).toEqual({ from: "18:00", to: "24:00", timeZone: "UTC" });
  });

  test.each([
    ["01:00-01:00 UTC", /two different hours/],
    ["00:00-24:00 UTC", /two different hours/],
    ["01:00-05:00 Mars/Phobos", /a time zone that exists/],
    ["01:00-05:00 +02:00", /a time zone that exists/],
    ["25:00-05:00 UTC", /hours from 00:00/],
    ["1-5", /such as 01:00-05:00/],
    ["01:00-05:00", /such as 01:00-05:00/],
  ])("refuses %s with what was expected", (text, expected) => {
    expect(parseWindow(text)).toMatch(expected);
  });

  test("reads what windowText writes", () => {
    fc.assert(fc.property(anyWindow, (window) => void expect(parseWindow(windowText(window))).toEqual(window)));
  });
});

describe("isOpen", () => {
  test("is what the clock on the wall says, in every zone and at every instant", () => {
    fc.assert(
      fc.property(anyWindow, anyInstant, (window, instant) => {
        const [from, to] = [window.from, window.to].map(
          (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)),
        );
        if (from === undefined || to === undefined) throw new Error("both are there");
        const now = wallMinutes(instant, window.timeZone);
        expect(isOpen(window, instant)).toBe(from < to ? now >= from && now < to : now >= from || now < to);
      }),
      { numRuns: 500 },
    );
  });

  test("its first minute belongs to it, its last does not", () => {
    expect(
      ["05:59:59.999", "06:00:00", "09:59:59.999", "10:00:00"].map((t) => isOpen(NEW_YORK, at(`2026-01-15T${t}Z`))),
    ).toEqual([false, true, true, false]);
    expect(isOpen({ from: "18:00", to: "24:00", timeZone: "UTC" }, at("2026-01-15T23:59:59Z"))).toBe(true);
    expect(isOpen({ from: "18:00", to: "24:00", timeZone: "UTC" }, at("2026-01-16T00:00:00Z"))).toBe(false);
  });
});

describe("nextChange", () => {
  test("is the first instant at which it opens or closes, and until then nothing changes", () => {
    fc.assert(
      fc.property(anyWindow, anyInstant, fc.double({ min: 0, max: 1, noNaN: true }), (window, instant, share) => {
        const change = nextChange(window, instant);
        const before = isOpen(window, instant);
        expect(change).toBeGreaterThan(instant);
        expect(isOpen(window, change)).toBe(!before);
        expect(isOpen(window, change - 1)).toBe(before);
        expect(isOpen(window, instant + Math.floor((change - instant - 1) * share))).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  test("a window is an hour shorter where the clock goes on by one, and longer where it goes back", () => {
    const length = (day: string) => {
      const opens = nextChange(NEW_YORK, at(`${day}T00:00:00Z`));
      return (nextChange(NEW_YORK, opens) - opens) / 3_600_000;
    };
    expect(["2026-03-07", "2026-03-08", "2026-10-31", "2026-11-01"].map(length)).toEqual([4, 3, 4, 5]);
  });

  test("hours that come twice open twice, and hours that are left out do not come that day", () => {
    const twice = { from: "01:10", to: "01:20", timeZone: "America/New_York" };
    const first = nextChange(twice, at("2026-11-01T00:00:00Z"));
    const second = nextChange(twice, nextChange(twice, first));
    expect([first, second].map(iso)).toEqual(["2026-11-01T05:10:00.000Z", "2026-11-01T06:10:00.000Z"]);
    const never = { from: "02:10", to: "02:20", timeZone: "America/New_York" };
    expect(iso(nextChange(never, at("2026-03-08T00:00:00Z")))).toBe("2026-03-09T06:10:00.000Z");
    // It begins at the first instant that is in it.
    const half = { from: "02:30", to: "03:10", timeZone: "America/New_York" };
    expect(iso(nextChange(half, at("2026-03-08T00:00:00Z")))).toBe("2026-03-08T07:00:00.000Z");
  });
});
