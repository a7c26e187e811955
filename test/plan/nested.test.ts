import { describe, expect, it } from "vitest";
import { objectRow, planObject, planOf } from "./support.ts";

const ADDRESS = { addressLine1: "1 A St", city: "Erie", stateCode: "PA", postalCode: "16501", countryCodeA3: "USA" };

describe("a row of NDJSON", () => {
  it("may have flat keys, named as columns are", () => {
    expect(planObject({ "Customer ID": "c", first_name: " Jessie ", "secondary.city": null }).body).toEqual({
      customerId: "c",
      firstName: "Jessie",
    });
  });

  it("gives the same bytes as the same row of CSV, whatever the order of its keys", () => {
    const record = { customerId: "c", ...ADDRESS, email: "a@b", landlinePhone: "215555" };
    const columns = Object.keys(record);
    const csv = planOf({ columns }).plan({ kind: "cells", row: 1, line: 1, cells: Object.values(record) });
    const reversed = Object.fromEntries(Object.entries(record).reverse());
    expect(planOf({ columns, format: "ndjson" }).plan(objectRow(reversed))).toEqual(csv);
  });

  it("may have the endpoint's own shape, its entries sent in the row's order", () => {
    const row = {
      customerId: "c",
      addresses: [
        { ...ADDRESS, type: "SECONDARY", addressLine2: "" },
        { countryCodeA3: "USA", postal_code: 501, state: "PA", city: " York ", addressLine1: "2", type: "PRIMARY" },
      ],
      phones: [{ type: "MOBILE", phoneNumber: 2155550100, countryDialingCode: "01" }],
    };
    expect(planObject(row).problems).toMatchObject([{ path: "/addresses/1/postalCode", code: "pattern" }]);
    row.addresses[1] = { ...ADDRESS, type: "PRIMARY", city: " York ", addressLine2: "" };
    expect(planObject(row).body).toEqual({
      customerId: "c",
      addresses: [
        { type: "SECONDARY", ...ADDRESS },
        { type: "PRIMARY", ...ADDRESS, city: "York" },
      ],
      phones: [{ type: "MOBILE", phoneNumber: "2155550100", countryDialingCode: "01" }],
    });
  });

  it("may nest what a dotted name would flatten", () => {
    const { city, stateCode, ...rest } = ADDRESS;
    const row = {
      customerId: "c",
      secondary: { ...rest, city, state: stateCode },
      addresses: { primary: ADDRESS },
      mobilePhone: { phoneNumber: "215555" },
      landlinePhone: "615555",
    };
    expect(planObject(row).body).toEqual({
      customerId: "c",
      addresses: [
        { type: "PRIMARY", ...ADDRESS },
        { type: "SECONDARY", ...ADDRESS },
      ],
      phones: [
        { type: "MOBILE", phoneNumber: "215555" },
        { type: "LANDLINE", phoneNumber: "615555" },
      ],
    });
  });

  it.each([
    null,
    "",
    " ",
    [],
    [null],
    [{}],
    [{ type: "PRIMARY" }],
    [{ type: "PRIMARY", city: null, postalCode: "" }],
    {},
  ])("that gives %j for addresses leaves them as they are", (addresses) =>
    expect(planObject({ customerId: "c", email: "a@b", addresses }).body).toEqual({ customerId: "c", email: "a@b" }),
  );

  it("sends a whole number as its digits", () => {
    expect(planObject({ customerId: 12, phoneNumber: 2155550100 }).body).toEqual({
      customerId: "12",
      phones: [{ type: "MOBILE", phoneNumber: "2155550100" }],
    });
  });

  it("has constants filled into the entries it nests", () => {
    const { countryCodeA3, ...rest } = ADDRESS;
    const set = { countryCodeA3 };
    const row = { customerId: "c", addresses: [{ type: "PRIMARY", ...rest }] };
    expect(planObject(row, { set }).body).toEqual({ customerId: "c", addresses: [{ type: "PRIMARY", ...ADDRESS }] });
    const given = (value: string) => ({
      customerId: "c",
      addresses: [{ type: "PRIMARY", ...ADDRESS, countryCodeA3: value }],
    });
    expect(planObject(given("USA"), { set }).problems).toEqual([]);
    expect(planObject(given("CAN"), { set }).problems).toMatchObject([
      { code: "given-twice", path: "/addresses/0/countryCodeA3" },
    ]);
  });

  it("cannot say otherwise than a constant in a nested object", () => {
    const planned = planObject(
      { customerId: "c", primary: { ...ADDRESS, state: "NJ" } },
      { set: { countryCodeA3: "CAN" } },
    );
    expect(planned.problems.map(({ path, code }) => `${path} ${code}`)).toEqual([
      "/primary/countryCodeA3 given-twice",
      "/primary/state given-twice",
    ]);
  });

  it("takes nothing from the row before it", () => {
    const plan = planOf({ columns: ["customerId", "email", "addresses", "phoneNumber"], format: "ndjson" });
    const addresses = [{ type: "PRIMARY", ...ADDRESS }];
    expect(plan.plan(objectRow({ customerId: "c", addresses, phoneNumber: "123456" })).kind).toBe("update");
    expect(plan.plan(objectRow({ customerId: "c", addresses, remarks: "x" })).kind).toBe("rejection");
    expect(plan.plan(objectRow({ customerId: "d", email: "a@b" }))).toMatchObject({
      body: '{"customerId":"d","email":"a@b"}',
    });
  });
});

describe("JSON of the wrong kind", () => {
  it.each([
    ["email", true, "type", "expected text on both sides of an @, got true or false"],
    ["firstName", ["a"], "type", "expected text, got a list"],
    ["firstName", { a: 1 }, "type", "expected text, got an object"],
    ["firstName", 1.5, "number", "expected text, got a number that is not whole (line 1, character 46)"],
    ["customerId", 2 ** 53, "number", "expected text, got a number too large to be exact (line 1, character 15)"],
    ["gender", 1, "choice", "expected M or F, in capitals, got 1 character"],
    ["addresses", "x", "type", "expected a list of addresses, got 1 character"],
    ["addresses", 5, "type", "expected a list of addresses, got a number"],
    ["secondary", false, "type", "expected an object, got true or false"],
  ])("in %s (%j) is refused as %s", (column, value, code, message) => {
    const { problems } = planObject({ customerId: "c", lastName: "x", [column]: value });
    expect(problems).toEqual([{ column, path: `/${column}`, code, message }]);
  });

  it("in a list of entries is refused with its place", () => {
    const addresses = [null, 5, "x", ["y"], { type: "PRIMARY", ...ADDRESS, city: true }];
    expect(planObject({ customerId: "c", addresses }).problems).toEqual([
      { column: "addresses", path: "/addresses/1", code: "type", message: "expected an object, got a number" },
      { column: "addresses", path: "/addresses/2", code: "type", message: "expected an object, got 1 character" },
      { column: "addresses", path: "/addresses/3", code: "type", message: "expected an object, got a list" },
      {
        column: "addresses",
        path: "/addresses/0/city",
        code: "type",
        message: "expected text in the PRIMARY address, got true or false",
      },
    ]);
  });
});

describe("what an object names", () => {
  it("must exist in an entry: the nearest is suggested", () => {
    const addresses = [{ type: "PRIMARY", ...ADDRESS, zip: "1", Ctiy: null, remarks: "" }];
    expect(planObject({ customerId: "c", addresses }).problems).toEqual([
      {
        column: "addresses",
        path: "/addresses/0/zip",
        code: "unknown-property",
        message: "the endpoint has no such property, did you mean postalCode?",
      },
      {
        column: "addresses",
        path: "/addresses/0/Ctiy",
        code: "unknown-property",
        message: "the endpoint has no such property, did you mean city?",
      },
      {
        column: "addresses",
        path: "/addresses/0/remarks",
        code: "unknown-property",
        message: "the endpoint has no such property",
      },
    ]);
  });

  it("must exist in a nested object, too", () => {
    expect(planObject({ customerId: "c", secondary: { citty: "x" } }).problems).toEqual([
      {
        column: "secondary",
        path: "/secondary/citty",
        code: "unknown-property",
        message: "the endpoint has no such property, did you mean secondary.city?",
      },
    ]);
  });

  it("may be a key that only this row has: it is refused, not passed over", () => {
    const plan = planOf({ columns: ["customerId", "email"], format: "ndjson" });
    expect(plan.plan(objectRow({ customerId: "c", email: "a@b", "notes/1": "x" }))).toMatchObject({
      problems: [{ column: "notes/1", path: "/notes~11", code: "unknown-property" }],
    });
  });

  it("cannot be an identification document", () => {
    expect(planObject({ customerId: "c", addresses: [{ ssn: "1" }] }).problems).toMatchObject([
      { column: "addresses", path: "/addresses/0/ssn", code: "identification" },
    ]);
  });

  it("cannot be named twice in one row", () => {
    const primary = { ...ADDRESS, Postal_Code: "16502" };
    expect(planObject({ customerId: "c", primary }).problems).toMatchObject([
      { column: "primary", path: "/primary/Postal_Code", code: "given-twice" },
    ]);
    expect(planObject({ customerId: "c", city: "x", primary: ADDRESS }).problems).toMatchObject([
      { code: "given-twice" },
    ]);
    expect(planObject({ customerId: "c", addresses: [{ type: "PRIMARY", ...primary }] }).problems).toMatchObject([
      { path: "/addresses/0/Postal_Code", code: "given-twice" },
    ]);
  });

  it("cannot be two entries of one type, from a list or from a list and columns", () => {
    const addresses = [
      { type: "PRIMARY", ...ADDRESS },
      { type: "SECONDARY", ...ADDRESS },
      { type: "PRIMARY", ...ADDRESS },
    ];
    expect(planObject({ customerId: "c", addresses }).problems).toEqual([
      {
        column: "addresses",
        path: "/addresses/2/type",
        code: "duplicate-type",
        message: "expected one of each type, got a second PRIMARY",
      },
    ]);
    expect(planObject({ customerId: "c", ...ADDRESS, addresses: addresses.slice(0, 1) }).problems).toMatchObject([
      { path: "/addresses/1/type", code: "duplicate-type" },
    ]);
  });

  it("cannot reach the prototype of anything", () => {
    const row = JSON.parse('{"customerId":"c","addresses":[{"__proto__":{"x":1}}],"primary":{"constructor":"x"}}');
    expect(planObject(row).problems.map(({ code }) => code)).toEqual(["unknown-property", "unknown-property"]);
  });

  it("cannot be nested without end", () => {
    let deep: Record<string, unknown> = { city: "x" };
    for (let depth = 0; depth < 20_000; depth++) deep = { "": deep };
    const plan = planOf({ columns: ["customerId", "primary"], format: "ndjson" });
    const object = { customerId: "c", primary: deep };
    const row = { kind: "object", row: 1, line: 1, column: 1, object, text: "" } as const;
    expect(plan.plan(row)).toMatchObject({ problems: [{ code: "unknown-property" }] });
  });

  it("is remembered without growing with the file, and is named the same after that", () => {
    const plan = planOf({ columns: ["customerId"], format: "ndjson" });
    for (let index = 0; index < 3_000; index++) {
      const planned = plan.plan(objectRow({ customerId: "c", [`key ${index}`]: "x" }));
      expect(planned).toMatchObject({ problems: [{ column: `key ${index}`, code: "unknown-property" }] });
    }
  });
});

describe("a row that names its customer and an entry without a type", () => {
  it("is refused for the type alone", () => {
    expect(planObject({ customerId: "c", addresses: [ADDRESS] }).problems).toEqual([
      { column: "addresses", path: "/addresses/0/type", code: "missing", message: "missing in entry 1" },
    ]);
    expect(planObject({ customerId: "c", addresses: [{ ...ADDRESS, type: "primary" }] }).problems).toEqual([
      {
        column: "addresses",
        path: "/addresses/0/type",
        code: "choice",
        message: "expected PRIMARY or SECONDARY in entry 1, got 7 characters",
      },
    ]);
  });
});
