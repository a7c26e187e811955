import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Transform } from "../../src/plan/transform.ts";
import {
  countryA3,
  date,
  dialingCode,
  digitsOnly,
  lowerCase,
  nameCase,
  phoneNumber,
  spaces,
  upperCase,
  usState,
  zip5,
} from "../../src/plan/transforms.ts";
import { US_STATES } from "../../src/plan/us-states.ts";

type Case = readonly [transform: Transform, value: string, expected: string | null];

const us = phoneNumber("US");
const code = dialingCode("US");
const american = date("MM/DD/YYYY");
const excel = date("Excel serial");

function applied({ apply }: Transform, value: string): string | null {
  try {
    return apply(value);
  } catch {
    return null;
  }
}

describe("each transform", () => {
  it.each<Case>([
    [spaces, "  12 \t Main\u00a0\u00a0St\n", "12 Main St"],
    [upperCase, "straße é", "STRASSE É"],
    [lowerCase, "A@B.Com", "a@b.com"],
    [digitsOnly, "215-555-0100", "2155550100"],
    [digitsOnly, "n/a", null],
    [digitsOnly, "2155550100.0", "2155550100"],
    [digitsOnly, "2.1555501E+09", null],
    [digitsOnly, "215-555-０１００", null],
    [us, "2155550100.0", "2155550100"],
    [us, "２１５\u00a0555-0100", "2155550100"],
    [us, "(000) 000-0000", null],
    [us, "2.1555501E+09", null],
    [zip5, "7030", "07030"],
    [zip5, "501", "00501"],
    [zip5, "07030", "07030"],
    [zip5, "07030-1234", "07030"],
    [zip5, "7030-1234", "07030"],
    [zip5, "07030-", "07030"],
    [zip5, "070301234", "07030"],
    [zip5, "70301234", "07030"],
    [zip5, "7030.0", "07030"],
    [zip5, "070301", null],
    [zip5, "12", null],
    [zip5, "K1A 0B1", null],
    [zip5, "7030.5", null],
    [zip5, "07030–1234", "07030"],
    [zip5, "\u00a07030\u00a01234", "07030"],
    [zip5, "00000", null],
    [zip5, "500", null],
    [zip5, "NaN", null],
    [us, "(215) 555-0100", "2155550100"],
    [us, "+1 215 555 0100", "2155550100"],
    [us, "1-215-555-0100", "2155550100"],
    [us, "215.555.0100 ext. 22", "2155550100"],
    [us, "+44 20 7946 0958", "2079460958"],
    [us, "12", null],
    [us, "call 215 555 0100", null],
    [us, "1-800-FLOWERS", null],
    [phoneNumber("DE"), "030 901820", "30901820"],
    [code, "(215) 555-0100", "1"],
    [code, "011 44 20 7946 0958", "44"],
    [code, "unknown", null],
    [american, "10/25/1978", "1978-10-25"],
    [american, "1/2/1978 0:00", "1978-01-02"],
    [american, "02/31/1978", "1978-02-31"],
    [american, "10/25/78", null],
    [american, "1978-10-25", null],
    [american, "10/25/1978 13:00", null],
    [american, "10/25/1978 12:00:00 AM", "1978-10-25"],
    [american, "10/25/1978 12:00 PM", null],
    [american, "02/29/2000", "2000-02-29"],
    [date("YYYY-MM-DD"), "1978-10-25T00:00:00.000Z", "1978-10-25"],
    [date("DD.MM.YYYY"), "25.10.1978", "1978-10-25"],
    [date("DD.MM.YYYY"), "25x10x1978", null],
    [date("YYYYMMDD"), "19781025", "1978-10-25"],
    [date("YYYYMMDD"), "1978105", null],
    [excel, "28788", "1978-10-25"],
    [excel, "28788.0", "1978-10-25"],
    [excel, "1", "1900-01-01"],
    [excel, "59", "1900-02-28"],
    [excel, "60", null],
    [excel, "61", "1900-03-01"],
    [excel, "2958465", "9999-12-31"],
    [excel, "2958466", null],
    [excel, "0", null],
    [excel, "10/25/1978", null],
    [usState, "New  Jersey", "NJ"],
    [usState, "nj", "NJ"],
    [usState, "N.J.", "NJ"],
    [usState, "Washington, D.C.", "DC"],
    [usState, "Bavaria", null],
    [usState, "Armed Forces Middle East", "AE"],
    [usState, "the Commonwealth of the Northern Mariana Islands", "MP"],
    [usState, "NJ1", null],
    [usState, "N/D", null],
    [usState, "constructor", null],
    [countryA3, "us", "USA"],
    [countryA3, "U.S.A.", "USA"],
    [countryA3, "United States of America", "USA"],
    [countryA3, "Cote d'Ivoire", "CIV"],
    [countryA3, "south korea", "KOR"],
    [countryA3, "the Bahamas", "BHS"],
    [countryA3, "Trinidad & Tobago", "TTO"],
    [countryA3, "St. Lucia", "LCA"],
    [countryA3, "Moldova", "MDA"],
    [countryA3, "Republic of the Congo", "COG"],
    [countryA3, "DR Congo", "COD"],
    [countryA3, "Congo", null],
    [countryA3, "NA", "NAM"],
    [countryA3, "N/A", null],
    [countryA3, "n.v.t", null],
    [countryA3, "__proto__", null],
    [countryA3, "Narnia", null],
    [countryA3, "", null],
    [nameCase, "MARY-ANN O'BRIEN", "Mary-Ann O'Brien"],
    [nameCase, "josé mcdonald iii", "José McDonald III"],
    [nameCase, "van der Berg", "van der Berg"],
    [nameCase, "MACY'S", "Macy's"],
    [nameCase, "42", "42"],
  ])("$0.name makes of $1: $2", (transform, value, expected) => expect(applied(transform, value)).toBe(expected));

  it("has a name of its own, and says what it can read", () => {
    const all = [
      spaces,
      upperCase,
      lowerCase,
      digitsOnly,
      zip5,
      us,
      code,
      american,
      excel,
      usState,
      countryA3,
      nameCase,
    ];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(all.filter(({ expected, version }) => expected === undefined || version === undefined)).toEqual([]);
  });

  it("whatever the text, gives a text or refuses it, and changes nothing more the second time", () => {
    const again = [spaces, upperCase, lowerCase, digitsOnly, zip5, usState, countryA3, nameCase];
    const texts = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[\d .()+-]{1,14}$/));
    fc.assert(
      fc.property(fc.constantFrom(...again), texts, (transform, value) => {
        const once = applied(transform, value);
        if (once !== null) expect(applied(transform, once)).toBe(once);
      }),
    );
  });
});

describe("zip5", () => {
  it("gives five digits or nothing", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\d.-]{0,12}$/), (value) => {
        expect(applied(zip5, value) ?? "00000").toMatch(/^\d{5}$/);
      }),
    );
  });

  it("knows each ZIP code by its number, with four digits more or without", () => {
    fc.assert(
      fc.property(fc.integer({ min: 501, max: 99_999 }), fc.integer({ min: 0, max: 9_999 }), (zip, plus) => {
        const [five, four] = [String(zip).padStart(5, "0"), String(plus).padStart(4, "0")];
        for (const text of [String(zip), five, `${zip}.0`, `${five}-${four}`, `${five}${four}`, `${zip}-${four}`])
          expect(zip5.apply(text)).toBe(five);
      }),
    );
  });
});

describe("phoneNumber and dialingCode", () => {
  it("know a number however it is written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2_000_000, max: 9_999_999 }), (line) => {
        const [a, b] = [String(line).slice(0, 3), String(line).slice(3)];
        for (const text of [`215${a}${b}`, `(215) ${a}-${b}`, `+1.215.${a}.${b}`, `1 215 ${a} ${b}`]) {
          expect(us.apply(text)).toBe(`215${line}`);
          expect(code.apply(text)).toBe("1");
        }
      }),
    );
  });

  it("refuse a country that has no numbers", () => {
    expect(() => phoneNumber("XX" as "US")).toThrow("no phone numbers are known of the country XX");
  });
});

describe("date", () => {
  const days = fc.date({ min: new Date("1900-03-01"), max: new Date("9999-12-31"), noInvalidDate: true });

  it("reads each day in each format", () => {
    fc.assert(
      fc.property(days, fc.constantFrom("MM/DD/YYYY", "DD.MM.YYYY", "YYYYMMDD", "DD-MM-YYYY"), (day, format) => {
        const iso = day.toISOString().slice(0, 10);
        const [year = "", month = "", date_ = ""] = iso.split("-");
        const text = format.replace("YYYY", year).replace("MM", month).replace("DD", date_);
        expect(date(format).apply(text)).toBe(iso);
      }),
    );
  });

  it("counts days as Excel does", () => {
    fc.assert(
      fc.property(days, (day) => {
        const serial = Math.floor(day.getTime() / 86_400_000) + 25_569;
        expect(excel.apply(String(serial))).toBe(day.toISOString().slice(0, 10));
      }),
    );
  });

  it.each(["MM/DD/YY", "MM/YYYY", "MM/MM/YYYY", "tomorrow"])("the format %s is refused", (format) => {
    expect(() => date(format)).toThrow("expected YYYY, MM and DD once each");
  });
});

describe("usState", () => {
  it("knows every code and name, and no two alike", () => {
    const all = Object.entries(US_STATES).flatMap(([short, names]) => [short, ...names].map((name) => [name, short]));
    expect(all.map(([name = ""]) => [name, usState.apply(name)])).toEqual(all);
  });
});
