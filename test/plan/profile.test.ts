import { describe, expect, test } from "vitest";
import { makeProfiler, sentenceOf } from "../../src/plan/profile.ts";
import { date, zip5 } from "../../src/plan/transforms.ts";
import { jobOf, objectRow, planOf } from "./support.ts";

const COLUMNS = ["customerId", "firstName", "dateOfBirth", "postalCode"];

function profileOf(records: readonly (readonly string[])[], plan = planOf({ columns: COLUMNS })) {
  const profiler = makeProfiler(plan.mapping, plan.customerId);
  for (const [at, cells] of records.entries()) profiler.add({ kind: "cells", row: at + 1, line: at + 2, cells });
  return profiler.profile();
}

describe("makeProfiler", () => {
  test("tells rows, customers, how full the columns are and how long their values", () => {
    const profile = profileOf([
      ["c1", "Jo", "", "07030"],
      ["c2", "Anna", "", "07030"],
      ["c1", "", "", "07030"],
      ["c3", "", "", ""],
    ]);
    expect(profile).toEqual({
      rows: 4,
      customers: 3,
      columns: [
        { name: "customerId", empty: 0, length: 2 },
        { name: "firstName", empty: 0.5, length: 3 },
        { name: "dateOfBirth", empty: 1, length: 0 },
        { name: "postalCode", empty: 0.25, length: 5 },
      ],
      findings: [],
    });
  });

  test("finds damage by column, with counts and the first rows, most of it first", () => {
    const records = Array.from({ length: 7 }, (_, at) => [`c${at}`, at === 2 ? "#N/A" : "Jo", "", "7030"]);
    const { findings } = profileOf(records);
    expect(findings).toEqual([
      { column: "postalCode", damage: "zeros-lost", count: 7, rows: [1, 2, 3, 4, 5] },
      { column: "firstName", damage: "formula-error", count: 1, rows: [3] },
    ]);
    expect(findings.map(sentenceOf)).toEqual([
      'column "postalCode": 7 values look like a ZIP code that has lost its leading zeros (rows 1, 2, 3, 4, 5, …); format the column as text before saving, or let a job\'s transform zip5() put them back',
      'column "firstName": 1 value looks like an error value of a spreadsheet (row 3); correct the formula that made it, and export the file anew',
    ]);
  });

  test("of dates in both orders the rarer are turned round, and in one order none", () => {
    const dates = (...all: string[]) => profileOf(all.map((date, at) => [`c${at}`, "", date, ""])).findings;
    expect(dates("13/02/1980", "02/03/1980", "25/12/1980")).toEqual([]);
    expect(dates("13/02/1980", "25/12/1980", "12/25/1980")).toEqual([
      { column: "dateOfBirth", damage: "date-turned", count: 1, rows: [3] },
    ]);
  });

  test("of a column's dates those with the year in front are told with the others, in one sentence", () => {
    const records = ["1990-31-12", "13/02/1980", "12/25/1980", "12/26/1980"].map((date, at) => [
      `c${at}`,
      "",
      date,
      "",
    ]);
    expect(profileOf(records).findings).toEqual([
      { column: "dateOfBirth", damage: "date-turned", count: 2, rows: [1, 2] },
    ]);
  });

  test("a ZIP code that a transform mends is not damaged, and what is not sent is not looked at", () => {
    const job = { ...jobOf({}), transforms: { postalCode: [zip5] } };
    expect(profileOf([["c1", "", "", "7030"]], planOf({ columns: COLUMNS, job })).findings).toEqual([]);
    expect(profileOf([["c1", "#N/A", "", ""]], planOf({ columns: COLUMNS, ignore: ["firstName"] }))).toMatchObject({
      columns: [{ name: "customerId" }, { name: "dateOfBirth" }, { name: "postalCode" }],
      findings: [],
    });
  });

  test("a column that is left out, and that a function of the job names, is looked at, and no other one", () => {
    const columns = ["customerId", "Town (old)", "note", "city"];
    const job = jobOf({ columns: { firstName: (record) => record["Town (old)"] ?? null } });
    const plan = planOf({ columns, job, ignore: columns.slice(1) });
    const { findings } = profileOf([["c1", "#N/A", "#N/A", "#N/A"]], plan);
    expect(findings).toMatchObject([{ column: "Town (old)", damage: "formula-error", count: 1 }]);
  });

  test("looks at texts and numbers of NDJSON, whatever its keys are called", () => {
    const plan = planOf({ columns: ["customerId", "firstName"], format: "ndjson" });
    const profiler = makeProfiler(plan.mapping, plan.customerId);
    profiler.add(objectRow({ customerId: "c1", firstName: "#REF!", toString: "#N/A" }));
    profiler.add(objectRow({ customerId: 2 }));
    expect(profiler.profile()).toMatchObject({ rows: 2, customers: 2, findings: [{ column: "firstName", count: 1 }] });
  });

  test("looks into nested NDJSON, and finds damage by its keys; a number that loses digits is none", () => {
    const address = { type: "PRIMARY", postal_code: 7030, city: "#N/A" };
    const rows = [
      objectRow({ customerId: "c1", addresses: [address, { ...address, type: "SECONDARY" }], mobile: 1e21 }),
      objectRow({ customerId: "c2", addresses: [], mobile: { phoneNumber: "1.23457E+11" } }),
    ];
    const profileOfNested = (job: Parameters<typeof jobOf>[0]) => {
      const columns = ["customerId", "addresses", "mobile"];
      const plan = planOf({ columns, format: "ndjson", job: jobOf(job) });
      const profiler = makeProfiler(plan.mapping, plan.customerId);
      for (const row of rows) profiler.add(row);
      return profiler.profile();
    };
    expect(profileOfNested({})).toMatchObject({
      columns: [{ empty: 0 }, { name: "addresses", empty: 0.5 }, { name: "mobile", empty: 0.5, length: 11 }],
      findings: [
        { column: "addresses", damage: "zeros-lost", count: 2, rows: [1] },
        { column: "addresses", damage: "formula-error", count: 2 },
        { column: "mobile", damage: "scientific", count: 1 },
      ],
    });
    const mended = { postalCode: [zip5], "secondary.postalCode": [zip5] };
    expect(profileOfNested({ transforms: mended }).findings).toHaveLength(2);
  });
});

describe("strict plans", () => {
  const plan = planOf({ columns: COLUMNS, refuse: ["formula-error", "scientific", "zeros-lost", "date-turned"] });
  const problems = (...cells: string[]) => {
    const planned = plan.plan({ kind: "cells", row: 1, line: 2, cells });
    return planned.kind === "rejection" ? planned.problems : null;
  };

  test("reject a row with damage, saying column, expected and got without the value", () => {
    expect(problems("c1", "#N/A", "", "")).toEqual([
      {
        column: "firstName",
        path: null,
        code: "formula-error",
        message: "expected a value, got an error value of a spreadsheet",
      },
    ]);
    expect(problems("c1", "Jo", "", "7030")?.[0]).toMatchObject({ column: "postalCode", code: "zeros-lost" });
  });

  test("tell what else is wrong with the row, but for the damaged column", () => {
    expect(problems("c1", "#N/A", "1990-02-31", "")).toMatchObject([
      { column: "firstName", code: "formula-error" },
      { column: "dateOfBirth", code: "calendar" },
    ]);
    expect(problems("c1", "", "", "7030")?.filter(({ column }) => column === "postalCode")).toHaveLength(1);
    const throws = () => {
      throw new Error();
    };
    const job = jobOf({ columns: { lastName: throws }, transforms: { dateOfBirth: [date("MM/DD/YYYY")] } });
    const cells = ["c1", "#N/A", "31.12", ""];
    const planned = planOf({ columns: COLUMNS, refuse: ["formula-error"], job }).plan({
      kind: "cells",
      row: 1,
      line: 2,
      cells,
    });
    expect(planned).toMatchObject({
      problems: [
        { column: "firstName", code: "formula-error" },
        { column: "dateOfBirth", code: "transform" },
      ],
    });
  });

  test("reject damage in nested NDJSON, once of each kind in a column", () => {
    const plan = planOf({ columns: ["customerId", "phones"], format: "ndjson", refuse: ["scientific"] });
    const planned = plan.plan(objectRow({ customerId: "c1", phones: [{ a: "1.2E+11" }, { a: "1.3E+11" }] }));
    expect(planned).toMatchObject({ kind: "rejection", problems: [{ column: "phones", code: "scientific" }] });
  });

  test("take rows without, and damage that is not refused", () => {
    expect(problems("c1", "MÃ¼ller", "", "")).toBeNull();
  });

  test("are another mapping, so that the file is another run", () => {
    expect(plan.fingerprint).not.toBe(planOf({ columns: COLUMNS }).fingerprint);
  });
});
