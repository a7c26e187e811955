import { describe, expect, test } from "vitest";
import { compareHealth, type Health, healthTable } from "../../src/plan/health.ts";

const usual: Health = {
  rows: 100_000,
  customers: 99_000,
  columns: { email: { empty: 0.02, length: 22 }, zip: { empty: 0, length: 5 } },
  damages: {},
};
const before = [usual, { ...usual, rows: 101_420 }, { ...usual, rows: 98_211 }];
const outside = (now: Partial<Health>, past: readonly Health[] = before) =>
  compareHealth({ ...usual, ...now }, past).flatMap(({ figure, outside: far }) => (far ? [figure] : []));

describe("compareHealth", () => {
  test("finds nothing outside in a file like those before", () => {
    expect(outside({})).toEqual([]);
    expect(outside({ rows: 150_000 })).toEqual([]);
    expect(outside({ rows: 70_000 })).toEqual([]);
  });

  test.each<[string, Partial<Health>, string]>([
    ["half of the rows", { rows: 50_000 }, "rows"],
    ["twice the rows", { rows: 200_000 }, "rows"],
    ["the same few customers again and again", { customers: 300 }, "customers, about"],
    [
      "a column that came empty",
      { columns: { ...usual.columns, email: { empty: 0.9, length: 22 } } },
      'column "email", empty',
    ],
    ["a column that is gone", { columns: { email: { empty: 0.02, length: 22 } } }, 'column "zip", empty'],
    ["values cut short", { columns: { ...usual.columns, zip: { empty: 0, length: 2.5 } } }, 'column "zip", characters'],
    ["damage that there was none of", { damages: { "formula-error": 0.05 } }, "damaged values (formula-error)"],
  ])("finds %s", (_, now, figure) => {
    expect(outside(now)).toEqual([figure]);
  });

  test("says nothing until three files came before, and looks at the last ten", () => {
    expect(compareHealth({ ...usual, rows: 1 }, before.slice(1))).toEqual([]);
    const many = [...before, ...Array.from({ length: 10 }, () => ({ ...usual, rows: 10 }))];
    expect(outside({ rows: 12 }, many)).toEqual([]);
  });

  test("a few rows more or less are nothing, ten are something", () => {
    const few = before.map((one) => ({ ...one, rows: 3, customers: 3 }));
    expect(outside({ rows: 12, customers: 12 }, few)).toEqual([]);
    expect(outside({ rows: 13, customers: 12 }, few)).toEqual(["rows"]);
    const zip = { empty: 0, length: 5 };
    const other = {
      columns: { email: { empty: 1, length: 0 }, zip: { empty: 0, length: 9 } },
      damages: { scientific: 1 },
    };
    expect(outside({ rows: 9, customers: 9, ...other }, few)).toEqual([]);
    const rare = { email: { empty: 0.99995, length: 60 }, zip };
    const seldom = before.map((one) => ({ ...one, columns: { email: { empty: 0.99995, length: 22 }, zip } }));
    expect(outside({ columns: rare }, seldom)).toEqual([]);
    expect(outside({ rows: 9, customers: 9, columns: { zip } }, few)).toEqual(['column "email", empty']);
  });

  test("is not misled by columns called like what objects have", () => {
    expect(outside({ columns: { ...usual.columns, constructor: { empty: 1, length: 0 } } })).toEqual([]);
  });
});

describe("healthTable", () => {
  test("puts the figures side by side, rows and customers always, others where they are far outside", () => {
    const compared = compareHealth(
      { ...usual, rows: 120, columns: { ...usual.columns, zip: { empty: 0.25, length: 5 } } },
      before,
    );
    expect(healthTable(compared, 3)).toEqual([
      "                     this file  the last 3 files",
      "rows                 120        98,211 to 101,420  far outside",
      "customers, about     99,000     99,000",
      'column "zip", empty  25.0 %     0.0 %              far outside',
    ]);
  });
});
