import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeMapping } from "../../src/plan/describe.ts";
import { type JobMapping, sketchDifferences, sketchJob } from "../../src/plan/job-mapping.ts";
import type { Transform } from "../../src/plan/transform.ts";
import { date, dialingCode, phoneNumber, spaces, usState, zip5 } from "../../src/plan/transforms.ts";
import { bodyOfCells, cellsRow, jobOf, objectRow, planObject, planOf, problemsOfCells, refusalOf } from "./support.ts";

const ADDRESS: Partial<JobMapping> = {
  columns: {
    customerId: "Cust ID",
    addressLine1: (record) => `${record.Street}  ${record.Apt}`,
    city: "Town",
    postalCode: "ZIP",
    phoneNumber: "Phone",
    countryDialingCode: "Phone",
  },
  constants: { countryCodeA3: "USA" },
  transforms: {
    addressLine1: [spaces],
    stateCode: [usState],
    postalCode: [zip5],
    phoneNumber: [phoneNumber("US")],
    countryDialingCode: [dialingCode("US")],
  },
  ignoreColumns: ["Street", "Apt", "Notes"],
};
const RECORD = {
  "Cust ID": "c1",
  Street: "1 Main St",
  Apt: "",
  Town: "Hoboken",
  State: "New Jersey",
  ZIP: "7030",
  Phone: "(215) 555-0100",
};
const fails = (kind: string): Transform => ({
  name: "mine",
  apply() {
    throw kind === "error" ? new TypeError("secret value") : "secret value";
  },
});
const problems = (record: Readonly<Record<string, string>>, job: Partial<JobMapping>) =>
  problemsOfCells(record, { job });

describe("a job's mapping", () => {
  it("columns by name, functions, constants and transforms make the body; other columns keep their own names", () => {
    expect(bodyOfCells({ ...RECORD, email: "a@b" }, { job: ADDRESS })).toEqual({
      customerId: "c1",
      email: "a@b",
      addresses: [
        {
          type: "PRIMARY",
          addressLine1: "1 Main St",
          city: "Hoboken",
          stateCode: "NJ",
          postalCode: "07030",
          countryCodeA3: "USA",
        },
      ],
      phones: [{ type: "MOBILE", phoneNumber: "2155550100", countryDialingCode: "1" }],
    });
  });

  it("is the same for NDJSON, in nested objects and lists too", () => {
    const flat = planObject({ ...RECORD, ZIP: 7030, Notes: [1] }, { job: ADDRESS }).body;
    expect(flat).toEqual(bodyOfCells(RECORD, { job: ADDRESS }));
    const entry = { addressLine1: "1 A St", city: "B", state: "n.j.", postalCode: 7030 };
    const list = [{ type: "PRIMARY", ...entry }];
    const job = { transforms: { stateCode: [usState], postalCode: [zip5] }, constants: { countryCodeA3: "USA" } };
    const addresses = [
      {
        type: "PRIMARY",
        addressLine1: "1 A St",
        city: "B",
        stateCode: "NJ",
        postalCode: "07030",
        countryCodeA3: "USA",
      },
    ];
    expect(planObject({ customerId: "c", addresses: list }, { job }).body).toEqual({ customerId: "c", addresses });
    expect(planObject({ customerId: "c", primary: entry }, { job }).body).toEqual({
      customerId: "c",
      addresses,
    });
    expect(
      planObject({ customerId: "c", addresses: [{ type: "PRIMARY", ...entry, postalCode: "x" }] }, { job }).problems,
    ).toEqual([
      {
        column: null,
        path: "/addresses/0/postalCode",
        code: "transform",
        message: 'transform "zip5" expected a ZIP code of 3 to 5 digits, or ZIP+4, got 1 character',
      },
    ]);
  });

  it("an empty cell leaves the property as it is, whatever the transforms; so does a function that gives nothing", () => {
    const job = {
      columns: { city: () => null, email: () => " " },
      transforms: { dateOfBirth: [date("MM/DD/YYYY")], city: [spaces] },
    };
    expect(bodyOfCells({ customerId: "c", dateOfBirth: " ", firstName: "A" }, { job })).toEqual({
      customerId: "c",
      firstName: "A",
    });
  });

  it("a value that a transform cannot read rejects the row with the transform's name, and says it once", () => {
    expect(problems({ ...RECORD, ZIP: "K1A 0B1", State: "Bavaria", Phone: "12" }, ADDRESS)).toEqual([
      {
        column: "State",
        path: "/addresses/0/stateCode",
        code: "transform",
        message: 'transform "US state" expected a state of the USA, by name or code, got 7 characters',
      },
      {
        column: "ZIP",
        path: "/addresses/0/postalCode",
        code: "transform",
        message: 'transform "zip5" expected a ZIP code of 3 to 5 digits, or ZIP+4, got 7 characters',
      },
      {
        column: "Phone",
        path: "/phones/0/phoneNumber",
        code: "transform",
        message: 'transform "phone number US" expected a phone number, got 2 characters',
      },
      {
        column: "Phone",
        path: "/phones/0/countryDialingCode",
        code: "transform",
        message: 'transform "dialing code US" expected a phone number, got 2 characters',
      },
    ]);
  });

  it.each([
    ["error", 'transform "mine" failed on it (TypeError), got 3 characters'],
    ["text", 'transform "mine" failed on it (string), got 3 characters'],
  ])("what a transform of one's own throws (%s) is not repeated", (kind, message) => {
    const transforms = { email: [fails(kind)] };
    expect(problems({ customerId: "c", email: "a@b" }, { transforms })).toEqual([
      { column: "email", path: "/email", code: "transform", message },
    ]);
  });

  it("a function or transform that gives a promise rejects the row, and what that is rejected with goes nowhere", async () => {
    const failing = () => Promise.reject(new Error("a value")) as unknown as string;
    const job = { columns: { firstName: failing }, transforms: { email: [{ name: "mine", apply: failing }] } };
    expect(problems({ customerId: "c", email: "a@b" }, job)).toMatchObject([
      { message: "the function of the job that gives it: it gives a promise, expected a text at once" },
      { message: 'transform "mine" cannot be used: it gives a promise, expected a text at once' },
    ]);
    // An unhandled rejection fails this file.
    await new Promise(setImmediate);
  });

  it("a function or transform that gives nothing, as without its return, rejects the row; null leaves the property as it is", () => {
    const job = (value: null | undefined) => {
      const nothing = () => value as null;
      return { columns: { firstName: nothing }, transforms: { lastName: [{ name: "mine", apply: nothing }] } };
    };
    const row = { customerId: "c", lastName: "Lee", email: "a@b" };
    expect(problems(row, job(undefined))).toMatchObject([
      { message: "the function of the job that gives it: it gives nothing, expected a text or null" },
      { message: 'transform "mine" cannot be used: it gives nothing, expected a text or null' },
    ]);
    expect(problems(row, job(null))).toEqual([]);
  });

  it("a function or transform that cuts an emoji in half rejects the row: half of it is no character", () => {
    const cut = (value = "") => value.slice(0, 4);
    const job = {
      columns: { firstName: ({ lastName }: Readonly<Record<string, string>>) => cut(lastName) },
      transforms: { lastName: [{ name: "mine", apply: cut }] },
    };
    const half = "it gives half of a surrogate pair, as of an emoji that was cut, expected whole characters";
    expect(problems({ customerId: "c", lastName: "Lee😀" }, job)).toMatchObject([
      { message: `the function of the job that gives it: ${half}` },
      { message: `transform "mine" cannot be used: ${half}` },
    ]);
    expect(problems({ customerId: "c", lastName: "Le😀n" }, job)).toEqual([]);
  });

  it("a function that throws, or asks for a column that is not there, rejects the row", () => {
    const throwing = { city: () => String(JSON.parse("{")) };
    expect(problems({ customerId: "c", email: "a@b" }, { columns: throwing })).toMatchObject([
      {
        column: null,
        path: "/addresses/0/city",
        message: "the function of the job that gives it: it failed (SyntaxError)",
      },
    ]);
    const asking = { firstName: (record: Readonly<Record<string, string>>) => `${record.Fist}` };
    expect(problems({ customerId: "c", First: "A" }, { columns: asking, ignoreColumns: ["First"] })).toMatchObject([
      { path: "/firstName", message: "the function of the job that gives it: the file has no column `Fist`" },
    ]);
  });

  it("a function finds a column as other parts of a job do, whatever its case; of two that are alike, by its very name", () => {
    const first = { firstName: (record: Readonly<Record<string, string>>) => `${record["First Name"]}` };
    const ignoreColumns = ["first_name", "FirstName", "First Name"];
    const named = (row: Readonly<Record<string, string>>) => ({ customerId: "c", ...row });
    const job = { columns: first, ignoreColumns };
    expect(bodyOfCells(named({ first_name: "Ann" }), { job })).toMatchObject({ firstName: "Ann" });
    const both = named({ first_name: "Ann", "First Name": "Bea" });
    expect(bodyOfCells(both, { job })).toMatchObject({ firstName: "Bea" });
    expect(problems(named({ first_name: "Ann", FirstName: "Bea" }), job)).toMatchObject([
      { message: "the function of the job that gives it: `First Name` may be `first_name` or `FirstName`" },
    ]);
    const columns = ["customerId", "first_name", "First Name"];
    const planned = planOf({ columns, format: "ndjson", job }).plan(objectRow(named({ first_name: "Ann" })));
    expect(planned).toMatchObject({ body: '{"customerId":"c","firstName":"Ann"}' });
  });

  it("what a function gives that is no text is refused where it stands", () => {
    const columns = { firstName: () => true as unknown as string, lastName: () => 5 as unknown as string };
    expect(problems({ customerId: "c", email: "a@b" }, { columns })).toEqual([
      { column: null, path: "/firstName", code: "type", message: "expected text, got true or false" },
    ]);
  });

  it("a function sees the texts of its row by the columns' names, and can list them", () => {
    const seen: unknown[] = [];
    const columns = {
      firstName: (record: Readonly<Record<string, string>>) => {
        seen.push({ ...record }, "A" in record, "B" in record);
        return record.A ?? null;
      },
    };
    const job = { columns, ignoreColumns: ["A"] };
    const plan = planOf({ columns: ["customerId", "A"], job });
    plan.plan(cellsRow(["c", " x "]));
    plan.plan(cellsRow(["d", ""]));
    expect(seen).toEqual([{ customerId: "c", A: "x" }, true, false, { customerId: "d", A: "" }, true, false]);
  });

  it("a customerId that is made counts as the customer everywhere", () => {
    const made = planOf({
      columns: ["Nr"],
      job: { columns: { customerId: ({ Nr }) => `csta_${Nr}` }, ignoreColumns: ["Nr"] },
    });
    expect([made.customerIdColumn, made.customerId(cellsRow(["7"]))]).toEqual([null, "csta_7"]);
    const upper: Transform = { name: "upper", apply: (value) => value.toUpperCase() };
    const changed = planOf({
      columns: ["Nr", "email"],
      job: { columns: { customerId: "Nr" }, transforms: { customerId: [upper] } },
    });
    expect(changed.customerId(cellsRow(["c7", "a@b"]))).toBe("C7");
    expect(changed.plan(cellsRow(["c7", "a@b"]))).toMatchObject({ customerId: "C7" });
    expect(
      planOf({ columns: ["Nr"], format: "ndjson", job: { columns: { customerId: "Nr" } } }).customerId(
        objectRow({ Nr: 7 }),
      ),
    ).toBe("7");
  });

  it("an error of the endpoint is placed in the column that gave the property", () => {
    const plan = planOf({ columns: Object.keys(RECORD), job: ADDRESS });
    const row = cellsRow(Object.values(RECORD));
    expect(plan.locate(row, "/addresses/0/postalCode")).toEqual({ column: "ZIP", property: "postalCode" });
    expect(plan.locate(row, "/addresses/0/addressLine1")).toEqual({ column: null, property: "addressLine1" });
  });

  it("flags count before the job: --set over a constant, --ignore-column over a column", () => {
    const job = { columns: { email: "Mail" }, constants: { countryCodeA3: "USA" } };
    const record = { customerId: "c", Mail: "a@b", addressLine1: "1", city: "B", state: "C", postalCode: "12345" };
    expect(bodyOfCells(record, { job, set: { country_code_a3: "CAN" }, ignore: ["mail"] })).toMatchObject({
      customerId: "c",
      addresses: [{ countryCodeA3: "CAN" }],
    });
  });

  it.each<[string, readonly string[], Partial<JobMapping>, string]>([
    [
      "job-column-missing",
      ["customerId", "Zip Code"],
      { columns: { postalCode: "Zipcoed" } },
      "customers.csv has no column Zipcoed, which job a maps to postalCode (did you mean `Zip Code`?)",
    ],
    [
      "job-constant-and-column",
      ["customerId", "State"],
      { constants: { stateCode: "NY" } },
      "customers.csv: column `State` gives stateCode, and job a gives every row the same",
    ],
    [
      "columns-same-property",
      ["customerId", "city", "Town"],
      { columns: { city: "Town" } },
      "customers.csv: two columns give the same property: `city` and `Town` both mean city",
    ],
    [
      "columns-same-property",
      ["customerId", "city"],
      { columns: { city: () => "x" } },
      "customers.csv: two columns give the same property: a function of the job and `city` both mean city",
    ],
    [
      "customer-id-missing",
      ["city"],
      { columns: { stateCode: () => "x" } },
      "customers.csv has no column for customerId: without it no customer can be updated",
    ],
    [
      "columns-unknown",
      ["customerId", "Street"],
      {},
      "customers.csv: columns that match no property: `Street` (did you mean `addressLine1`?)",
    ],
  ])("%s of %j stops before anything is sent", (code, columns, job, message) => {
    expect(refusalOf({ columns, job })).toMatchObject({ code, message });
  });

  it("warns of what no row can fill, in the words of the job", () => {
    const { warnings } = planOf({
      columns: ["customerId", "email"],
      job: { constants: { city: "Erie" }, columns: { "secondary.city": () => "York" } },
    });
    expect(warnings.filter((line) => !line.includes("deprecated") && !line.includes("required"))).toEqual(
      expect.arrayContaining([
        "the job's constant city has no effect: no column gives any part of the PRIMARY address",
      ]),
    );
    expect(warnings.some((line) => line.startsWith("no column gives secondary.stateCode"))).toBe(true);
    expect(warnings.some((line) => line.startsWith("no column gives secondary.city"))).toBe(false);
  });

  it("is described with its functions and transforms, one line for each property of a column", () => {
    const plan = planOf({ columns: ["Cust ID", "Phone", "Street", "Apt", "Town", "ZIP"], job: ADDRESS });
    expect(
      describeMapping(plan).map(({ column, use, property, transforms }) => [column, use, property, ...transforms]),
    ).toEqual([
      ["Cust ID", "sent", "customerId"],
      ["Phone", "sent", "phoneNumber", "phone number US"],
      ["Phone", "sent", "countryDialingCode", "dialing code US"],
      ["Street", "ignored", null],
      ["Apt", "ignored", null],
      ["Town", "sent", "city"],
      ["ZIP", "sent", "postalCode", "zip5"],
      [null, "function", "addressLine1", "spaces"],
      [null, "constant", "countryCodeA3"],
    ]);
  });
});

describe("changes", () => {
  it("tells what transforms changed in a row, by which, and nothing that stayed as it was", () => {
    const plan = planOf({ columns: Object.keys(RECORD), job: ADDRESS });
    const told = (record: Readonly<Record<string, string>>) =>
      plan
        .changes(cellsRow(Object.values(record)))
        .map(({ column, slot, before, after, by }) => [column, slot.label, before, after, ...by]);
    expect(told(RECORD)).toEqual([
      ["State", "stateCode", "New Jersey", "NJ", "US state"],
      ["ZIP", "postalCode", "7030", "07030", "zip5"],
      ["Phone", "phoneNumber", "(215) 555-0100", "2155550100", "phone number US"],
      ["Phone", "countryDialingCode", "(215) 555-0100", "1", "dialing code US"],
    ]);
    expect(told({ ...RECORD, Apt: "4", State: "", ZIP: "", Phone: "" })).toEqual([
      [null, "addressLine1", "1 Main St  4", "1 Main St 4", "spaces"],
    ]);
    expect(told({ ...RECORD, State: "NJ", ZIP: "x", Phone: "" })).toEqual([]);
    expect(
      plan.changes({ kind: "bad", row: 1, line: 2, code: "encoding", column: null, detail: "", raw: "", cells: null }),
    ).toEqual([]);
  });
});

describe("the fingerprint", () => {
  const of = (job?: Partial<JobMapping>) =>
    planOf({ columns: ["customerId", "City", "Town"], ignore: job?.columns ? [] : ["Town"], ...(job && { job }) })
      .fingerprint;

  it("without a job is what it was; a job that says nothing of columns changes nothing in it", () => {
    expect(of({ ignoreColumns: [] })).toBe(of());
  });

  it("changes with names, constants, transforms, their versions, and the text of functions", () => {
    const mine = (apply: Transform["apply"], version?: number): Transform => ({
      name: "m",
      apply,
      ...(version && { version }),
    });
    const all = [
      of(),
      of({ columns: { "secondary.city": "Town" } }),
      of({ columns: { lastName: "Town" } }),
      of({ columns: { lastName: "Town", firstName: () => "a" } }),
      of({ columns: { lastName: "Town", firstName: () => "b" } }),
      of({ constants: { stateCode: "NJ" } }),
      of({ constants: { stateCode: "NY" } }),
      of({ transforms: { city: [spaces] } }),
      of({ transforms: { city: [spaces, zip5] } }),
      of({ transforms: { city: [mine((value) => value)] } }),
      of({ transforms: { city: [mine((value) => `${value}`)] } }),
      of({ transforms: { city: [mine((value) => value, 1)] } }),
      of({ transforms: { city: [mine((value) => value, 2)] } }),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(of({ transforms: { city: [mine((value) => value, 1)] } })).toBe(
      of({ transforms: { city: [mine((value) => `${value}`, 1)] } }),
    );
  });
});

describe("sketchJob", () => {
  it("is the same for what makes the same updates, and tells where two differ", () => {
    const one = sketchJob(jobOf({ ...ADDRESS, ignoreColumns: ["B", "a"] }));
    expect(sketchDifferences(one, sketchJob(jobOf({ ...ADDRESS, ignoreColumns: ["A", "b"] })))).toEqual([]);
    const other = jobOf({
      columns: { ...ADDRESS.columns, city: "City", addressLine1: () => "" },
      constants: {},
      transforms: { ...ADDRESS.transforms, postalCode: [] },
      ignoreColumns: [],
    });
    expect(sketchDifferences(one, sketchJob(other))).toEqual([
      "columns.addressLine1",
      "columns.city",
      "constants.countryCodeA3",
      "transforms.postalCode",
      "ignoreColumns",
    ]);
  });

  it("holds no function, and survives being written as JSON", () => {
    const sketch = sketchJob(jobOf(ADDRESS));
    expect(JSON.parse(JSON.stringify(sketch))).toEqual(sketch);
    expect(JSON.stringify(sketch)).not.toContain("record.Street");
  });
});

describe("a plan with a job", () => {
  it("never throws for a row, and gives the same for the same row", () => {
    const plan = planOf({ columns: Object.keys(RECORD), job: ADDRESS });
    const cells = fc.array(fc.string({ unit: "binary", maxLength: 12 }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(cells, (values) => {
        const first = plan.plan(cellsRow(values));
        plan.plan(cellsRow(Object.values(RECORD)));
        expect(plan.plan(cellsRow(values))).toEqual(first);
      }),
    );
  });
});
