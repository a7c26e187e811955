import { describe, expect, it } from "vitest";
import { bodyOfCells, cellsRow, objectRow, planOf, problemsOfCells } from "./support.ts";

const address = { addressLine1: "123 Some Str.", city: "Erie", State: "PA", postalCode: "16501", countryCodeA3: "USA" };

describe("a row of CSV", () => {
  it("becomes a body in the contract's order, whatever the order of the columns", () => {
    const record = {
      "secondary.city": "York",
      phoneNumber: "2155550100",
      ...address,
      email: "a@b",
      "Secondary Address Line 1": "2 B St",
      secondaryState: "PA",
      secondaryPostalCode: "00123",
      secondaryCountryCodeA3: "USA",
      landlinePhone: "215555",
      countryDialingCode: "01",
      addressLine2: "Apt 2",
      dateOfBirth: "2000-02-29",
      customerId: "csta_1",
      gender: "F",
      lastName: "Testman",
      firstName: "Jessie",
    };
    const planned = planOf({ columns: Object.keys(record) }).plan(cellsRow(Object.values(record)));
    expect(planned).toEqual({
      kind: "update",
      row: 1,
      line: 2,
      customerId: "csta_1",
      body:
        '{"customerId":"csta_1","firstName":"Jessie","lastName":"Testman","gender":"F","dateOfBirth":"2000-02-29","email":"a@b","addresses":[' +
        '{"type":"PRIMARY","addressLine1":"123 Some Str.","addressLine2":"Apt 2","city":"Erie","stateCode":"PA","postalCode":"16501","countryCodeA3":"USA"},' +
        '{"type":"SECONDARY","addressLine1":"2 B St","city":"York","stateCode":"PA","postalCode":"00123","countryCodeA3":"USA"}],"phones":[' +
        '{"type":"MOBILE","phoneNumber":"2155550100","countryDialingCode":"01"},{"type":"LANDLINE","phoneNumber":"215555"}]}',
    });
  });

  it("leaves out empty cells and cells of white space, and the address or phone that has no others", () => {
    const record = { customerId: "c", firstName: "", lastName: " \t\u00a0", email: "a@b", city: " ", phoneNumber: "" };
    expect(bodyOfCells(record)).toEqual({ customerId: "c", email: "a@b" });
  });

  it("sends values as they stand, without the white space around them", () => {
    const record = { customerId: " csta_1 ", firstName: "\u00a0Zoë  Ann\n", lastName: 'O\'Brien, "Jr"' };
    expect(bodyOfCells(record)).toEqual({ customerId: "csta_1", firstName: "Zoë  Ann", lastName: 'O\'Brien, "Jr"' });
  });

  it("is refused where a character was lost before: the sign in its place is never sent", () => {
    const record = { customerId: "c", firstName: "M\uFFFDller", lastName: "Müller", email: "a@b" };
    const problem = {
      column: "firstName",
      path: null,
      code: "encoding",
      message: expect.stringContaining("lost before"),
    };
    expect(problemsOfCells(record)).toEqual([problem]);
    expect(bodyOfCells(record, { ignore: ["firstName"] })).toEqual({
      customerId: "c",
      lastName: "Müller",
      email: "a@b",
    });
    const named = planOf({ columns: ["customerId", "firstName"], format: "ndjson" });
    expect(named.plan(objectRow({ customerId: "c", firstName: "\uFFFD" })).kind).toBe("rejection");
  });

  it("gives the same bytes after a row that was refused", () => {
    const plan = planOf({ columns: ["customerId", "email", "city"], format: "csv" });
    const row = cellsRow(["c", "a@b", ""]);
    const before = plan.plan(row);
    expect(plan.plan(cellsRow(["", "x", "y"])).kind).toBe("rejection");
    expect(plan.plan(row)).toEqual(before);
  });
});

describe("the rules of the contract", () => {
  it.each([
    ["gender", "m", "choice", "expected M or F, in capitals, got 1 character"],
    ["gender", "male", "choice", "expected M or F, in capitals, got 4 characters"],
    ["dateOfBirth", "25/10/1978", "pattern", "expected a date as YYYY-MM-DD, got 10 characters"],
    ["dateOfBirth", "1978-1-2", "pattern", "expected a date as YYYY-MM-DD, got 8 characters"],
    ["dateOfBirth", "1978-02-31", "calendar", "expected a day that exists, got one that the calendar does not have"],
    ["dateOfBirth", "1900-02-29", "calendar", "expected a day that exists, got one that the calendar does not have"],
    ["dateOfBirth", "2001-13-01", "calendar", "expected a day that exists, got one that the calendar does not have"],
    ["dateOfBirth", "0000-00-00", "calendar", "expected a day that exists, got one that the calendar does not have"],
    ["dateOfBirth", "2001-04-31", "calendar", "expected a day that exists, got one that the calendar does not have"],
    ["dateOfBirth", "2026-03-02", "future", "expected a day up to 2026-03-01, got a later one"],
    ["email", "a.b.c", "pattern", "expected text on both sides of an @, got 5 characters"],
    ["email", "@b", "pattern", "expected text on both sides of an @, got 2 characters"],
    ["email", "a@", "pattern", "expected text on both sides of an @, got 2 characters"],
    ["phoneNumber", "12345", "pattern", "expected 6 to 12 digits, got 5 characters"],
    ["phoneNumber", "1234567890123", "pattern", "expected 6 to 12 digits, got 13 characters"],
    ["phoneNumber", "215-5550", "pattern", "expected 6 to 12 digits, got 8 characters, not all of them digits"],
  ])("%s %j is refused as %s", (column, value, code, message) => {
    const path = column === "phoneNumber" ? "/phones/0/phoneNumber" : `/${column}`;
    expect(problemsOfCells({ customerId: "c", [column]: value })).toEqual([{ column, path, code, message }]);
  });

  it.each([
    ["postalCode", "1910", "expected 5 digits, got 4 characters"],
    ["postalCode", "19104-1234", "expected 5 digits, got 10 characters, not all of them digits"],
    ["postalCode", "١٢٣٤٥", "expected 5 digits, got 5 characters, not all of them digits"],
    ["countryCodeA3", "usa", "expected 3 capital letters, such as USA, got 3 characters"],
    ["countryCodeA3", "US", "expected 3 capital letters, such as USA, got 2 characters"],
  ])("%s %j is refused as pattern", (column, value, message) => {
    const path = `/addresses/0/${column}`;
    expect(problemsOfCells({ customerId: "c", ...address, [column]: value })).toEqual([
      { column, path, code: "pattern", message },
    ]);
  });

  it.each([
    { dateOfBirth: "2026-03-01" },
    { dateOfBirth: "2000-02-29" },
    { gender: "M" },
    { email: "a b@c@d" },
    { phoneNumber: "123456" },
    { phoneNumber: "123456789012", countryDialingCode: "1" },
    { phoneNumber: "123456", countryDialingCode: "0044" },
    { ...address, countryCodeA3: "XXX", State: "Île-de-France" },
  ])("%j is sent", (record) => expect(bodyOfCells({ customerId: "c", ...record })).toBeTypeOf("object"));

  it("an address needs every required part once it has any", () => {
    expect(problemsOfCells({ customerId: "c", addressLine1: "", city: "Erie", State: " ", postalCode: "" })).toEqual([
      { column: "addressLine1", path: "/addresses/0/addressLine1", code: "missing", message: "missing" },
      { column: "State", path: "/addresses/0/stateCode", code: "missing", message: "missing" },
      { column: "postalCode", path: "/addresses/0/postalCode", code: "missing", message: "missing" },
      {
        column: null,
        path: "/addresses/0/countryCodeA3",
        code: "missing",
        message: "missing in the PRIMARY address; no column gives it",
      },
    ]);
  });

  it("a dialing code alone is no phone", () => {
    expect(problemsOfCells({ customerId: "c", phoneNumber: "", countryDialingCode: "01" })).toEqual([
      { column: "phoneNumber", path: "/phones/0/phoneNumber", code: "missing", message: "missing" },
    ]);
  });

  it("the path counts the addresses that this row has", () => {
    const record = { customerId: "c", city: "", "secondary.city": "York" };
    expect(problemsOfCells(record).map(({ path }) => path)).toContain("/addresses/0/stateCode");
    expect(problemsOfCells({ ...record, city: "Erie" }).map(({ path }) => path)).toContain("/addresses/1/stateCode");
  });

  it("a row without customerId is refused", () => {
    expect(problemsOfCells({ customerId: " ", email: "a@b" })).toEqual([
      { column: "customerId", path: "/customerId", code: "missing", message: "missing" },
    ]);
  });

  it("a row that gives nothing but customerId is refused: the call would change nothing", () => {
    expect(problemsOfCells({ customerId: "c", email: "", city: "" })).toEqual([
      { column: null, path: "", code: "nothing-to-update", message: "nothing but customerId is given" },
    ]);
  });

  it("all problems of a row come at once", () => {
    const record = { customerId: "", email: "x", gender: "?", ...address, postalCode: "1", phoneNumber: "2" };
    expect(problemsOfCells(record).map(({ column, code }) => `${column} ${code}`)).toEqual([
      "customerId missing",
      "gender choice",
      "email pattern",
      "postalCode pattern",
      "phoneNumber pattern",
    ]);
  });
});

describe("a record that could not be read", () => {
  const bad = {
    kind: "bad",
    row: 3,
    line: 9,
    code: "column-count",
    detail: "expected 2 cells, got 3",
    raw: "a,b,c",
    cells: null,
  } as const;

  it("is refused with the reader's code and figures", () => {
    const plan = planOf({ columns: ["customerId", "email"] });
    expect(plan.plan({ ...bad, column: null })).toEqual({
      kind: "rejection",
      row: 3,
      line: 9,
      problems: [{ column: null, path: null, code: "column-count", message: "expected 2 cells, got 3" }],
    });
    expect(plan.plan({ ...bad, column: 5 })).toMatchObject({
      problems: [{ message: "expected 2 cells, got 3 (line 9, character 5)" }],
    });
    expect(plan.customerId({ ...bad, column: null })).toBe("");
    expect(plan.locate({ ...bad, column: null }, "/email")).toEqual({ column: null, property: "email" });
  });
});

describe("customerId", () => {
  it("is given as the file writes it", () => {
    const plan = planOf({ columns: ["email", "Customer ID"] });
    expect(plan.customerIdColumn).toBe(1);
    expect(plan.customerId(cellsRow(["a@b", " csta_1 "]))).toBe(" csta_1 ");
  });

  it("of an object may be a number, and may be absent", () => {
    const plan = planOf({ columns: ["Customer ID", "email"], format: "ndjson" });
    expect(plan.customerIdColumn).toBeNull();
    expect(plan.customerId(objectRow({ "Customer ID": 12 }))).toBe("12");
    expect(plan.customerId(objectRow({ email: "a@b" }))).toBe("");
  });
});
