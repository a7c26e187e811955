import { describe, expect, it } from "vitest";
import { describeMapping } from "../../src/plan/describe.ts";
import { bodyOfCells, planOf, problemsOfCells, refusalOf } from "./support.ts";

/** Where a column's value goes: `city of the PRIMARY address`. */
function meaning(column: string): string {
  const [, described] = describeMapping(planOf({ columns: ["customerId", column] }));
  return described?.entry ? `${described.entry} ${described.property}` : String(described?.property);
}

describe("the default mapping", () => {
  it.each([
    ["first name", "firstName"],
    ["FIRST_NAME", "firstName"],
    ["Last-Name", "lastName"],
    ["GENDER", "gender"],
    ["date of birth", "dateOfBirth"],
    ["E.Mail", "email"],
    ["addressLine1", "PRIMARY address addressLine1"],
    ["Address Line 2", "PRIMARY address addressLine2"],
    ["city", "PRIMARY address city"],
    ["state", "PRIMARY address stateCode"],
    ["stateCode", "PRIMARY address stateCode"],
    ["Postal Code", "PRIMARY address postalCode"],
    ["country_code_a3", "PRIMARY address countryCodeA3"],
    ["address.city", "PRIMARY address city"],
    ["phone country dialing code", "MOBILE phone countryDialingCode"],
    ["primary.city", "PRIMARY address city"],
    ["primary address city", "PRIMARY address city"],
    ["address.primary.city", "PRIMARY address city"],
    ["addresses.primary.city", "PRIMARY address city"],
    ["secondaryCity", "SECONDARY address city"],
    ["secondary.state", "SECONDARY address stateCode"],
    ["Secondary Address Line 1", "SECONDARY address addressLine1"],
    ["addresses.secondary.addressLine1", "SECONDARY address addressLine1"],
    ["phoneNumber", "MOBILE phone phoneNumber"],
    ["country dialing code", "MOBILE phone countryDialingCode"],
    ["mobile.phoneNumber", "MOBILE phone phoneNumber"],
    ["mobilePhone", "MOBILE phone phoneNumber"],
    ["phones.mobile.countryDialingCode", "MOBILE phone countryDialingCode"],
    ["landline phone number", "LANDLINE phone phoneNumber"],
    ["Landline Phone", "LANDLINE phone phoneNumber"],
    ["landline.countryDialingCode", "LANDLINE phone countryDialingCode"],
  ])("%s is %s", (column, expected) => expect(meaning(column)).toBe(expected));

  it.each(["updraft_row", "Updraft_Message", "updraft_"])("passes over %s, written by an earlier report", (column) => {
    const plan = planOf({ columns: ["customerId", "email", column] });
    expect(describeMapping(plan)[2]).toEqual({ column, use: "report", property: null, entry: null, transforms: [] });
  });
});

describe("a column that matches nothing", () => {
  it("stops the run and names the nearest property", () => {
    const error = refusalOf({ columns: ["customerId", "Emial"] });
    expect(error).toMatchObject({ code: "columns-unknown", exit: 2 });
    expect(error.message).toBe("customers.csv: columns that match no property: `Emial` (did you mean `email`?)");
    expect(error.next).toContain("or let the others pass without being sent: --ignore-column Emial;");
  });

  it("is named together with all others, and with the lack of a customerId", () => {
    const { message, next } = refusalOf({ columns: ["custmerId", "email", "zip", "Who's `x`", "SSN"] });
    // Not the column that names the customers; and the line can be given to a shell.
    expect(next).toContain(
      "without being sent: --ignore-column zip --ignore-column 'Who'\\''s `x`' --ignore-column SSN;",
    );
    expect(message).toBe(
      "customers.csv: columns that match no property: `custmerId` (did you mean `customerId`?), `zip` (did you mean `postalCode`?), " +
        "`Who's `x``, `SSN` (identification: this endpoint cannot change it), and no column gives customerId",
    );
  });

  it("is one of the first ten of hundreds, those first that are nearly known; a shell takes each flag as it stands", () => {
    const others = Array.from({ length: 300 }, (_, at) => `$(x) 'n${at}'`);
    const { message, next } = refusalOf({ columns: ["customerId", "firstName", ...others, "Emial"], format: "ndjson" });
    expect(message).toMatch(/: `Emial` \(did you mean `email`\?\), (?:`[^`]*`, ){8}`[^`]*`, and 291 more$/);
    expect(next).toContain(
      String.raw`--ignore-column '$(x) '\''n9'\''', and 291 more; ignoreColumns of a job takes a list;`,
    );
  });

  it.each(["zip", "dob", "phone", "country", "mobile", "addresses", "phones", "primary", "address type", "type"])(
    "is not guessed: %s",
    (column) => expect(refusalOf({ columns: ["customerId", "email", column] }).code).toBe("columns-unknown"),
  );

  it("passes when it is ignored, whatever its spelling", () => {
    expect(bodyOfCells({ customerId: "c", email: "a@b", "My Notes": "x" }, { ignore: ["my_notes"] })).toEqual({
      customerId: "c",
      email: "a@b",
    });
  });

  it("without a name is named by its place", () => {
    expect(refusalOf({ columns: ["customerId", "email", " "] }).message).toContain("column 3 (it has no name)");
  });

  it("cannot break out of the line it is named in", () => {
    const { message } = refusalOf({ columns: ["customerId", "a\nb\u001b[2J"] });
    expect(message).toContain("`a?b?[2J`");
  });

  it("is not named where the whole header may be a customer's data", () => {
    const error = refusalOf({ columns: ["Jessie", "Testman", "Philadelphia"] });
    expect(error).toMatchObject({ code: "header-unknown", exit: 2 });
    expect(error.message + error.next + JSON.stringify(error.fields)).not.toMatch(/Jessie|Testman|Philadelphia/);
  });
});

describe("a column of an identification document", () => {
  it.each([
    "SSN",
    "customer_ssn",
    "ssnLast4",
    "Social Security Number",
    "driverLicense",
    "Driving Licence",
    "licence",
    "license no",
    "passport",
    "identification_value",
    "identification docs",
  ])("%s is refused with a message of its own", (column) => {
    const error = refusalOf({ columns: ["customerId", "email", column] });
    expect(error).toMatchObject({ code: "columns-identification", exit: 2 });
    expect(error.message).toContain(`\`${column}\``);
    expect(planOf({ columns: ["customerId", "email", column], ignore: [column] }).warnings).toHaveLength(1);
  });

  it.each(["business name", "address number"])("is not seen in %s", (column) =>
    expect(refusalOf({ columns: ["customerId", column] }).code).toBe("columns-unknown"),
  );
});

describe("other headers that cannot be right", () => {
  it("has no column for customerId", () => {
    expect(refusalOf({ columns: ["email"] })).toMatchObject({ code: "customer-id-missing", exit: 2 });
  });

  it("has two columns that mean one property", () => {
    const error = refusalOf({ columns: ["customerId", "State", "primary.stateCode"] });
    expect(error).toMatchObject({ code: "columns-same-property", exit: 2 });
    expect(error.message).toContain("`State` and `primary.stateCode` both mean stateCode");
    expect(planOf({ columns: ["customerId", "State", "primary.stateCode"], ignore: ["state"] }).customerIdColumn).toBe(
      0,
    );
  });
});

describe("--ignore-column", () => {
  it("must name a column of the file", () => {
    const error = refusalOf({ columns: ["customerId", "email", "Remarks"], ignore: ["remark"] });
    expect(error).toMatchObject({ code: "ignore-column-unknown", exit: 2 });
    expect(error.message).toContain("did you mean `Remarks`?");
  });
});

describe("--set", () => {
  const columns = ["customerId", "email", "city"];

  it("gives a constant to every row, matched as a column is", () => {
    expect(bodyOfCells({ customerId: "c" }, { set: { Gender: " F " } })).toEqual({ customerId: "c", gender: "F" });
  });

  it("fills in a part of an address that the row gives, and makes none of its own", () => {
    const set = { "primary.countryCodeA3": "USA", state: "PA" };
    const address = { addressLine1: "1 A St", city: "Erie", postalCode: "16501" };
    expect(bodyOfCells({ customerId: "c", ...address }, { set })).toEqual({
      customerId: "c",
      addresses: [
        {
          type: "PRIMARY",
          addressLine1: "1 A St",
          city: "Erie",
          stateCode: "PA",
          postalCode: "16501",
          countryCodeA3: "USA",
        },
      ],
    });
    expect(
      bodyOfCells({ customerId: "c", email: "a@b", addressLine1: "", city: " ", postalCode: "" }, { set }),
    ).toEqual({
      customerId: "c",
      email: "a@b",
    });
    expect(problemsOfCells({ customerId: "c", addressLine1: "", city: "", postalCode: "" }, { set })).toMatchObject([
      { code: "nothing-to-update" },
    ]);
  });

  it.each([
    [{ emial: "a@b" }, "set-unknown", "did you mean `email`?"],
    [{ zip: "12345" }, "set-unknown", "did you mean `postalCode`?"],
    [{ ssn: "1" }, "set-identification", "ssn"],
    [{ customerId: "c" }, "set-customer-id", "customerId"],
    [{ gender: "" }, "set-empty", "cannot be erased"],
    [{ gender: " " }, "set-empty", "cannot be erased"],
    [{ state: "PA", stateCode: "PA" }, "set-twice", "stateCode"],
    [{ gender: "female" }, "set-invalid", "expected M or F, in capitals, got 6 characters"],
    [{ countryCodeA3: "us" }, "set-invalid", "expected 3 capital letters, such as USA, got 2 characters"],
    [{ "secondary.postalCode": "123456" }, "set-invalid", "expected 5 digits, got 6 characters"],
    [{ dateOfBirth: "2026-03-02" }, "set-invalid", "dateOfBirth"],
    [{ email: "a@b" }, "set-and-column", "`email` of customers.csv gives it too"],
  ])("%j stops the run: %s", (set: Record<string, string>, code, text) => {
    const error = refusalOf({ columns, set });
    expect(error).toMatchObject({ code, exit: 2 });
    expect(error.message).toContain(text);
  });

  it("never shows the value it refuses", () => {
    const error = refusalOf({ columns, set: { postalCode: "CANARY" } });
    expect(error.message + error.next + JSON.stringify(error.fields)).not.toContain("CANARY");
  });
});

describe("the warnings of a plan", () => {
  it("are one for a file that is well: the endpoint is deprecated", () => {
    expect(planOf({ columns: ["customerId", "email"] }).warnings).toEqual([expect.stringContaining("deprecated")]);
  });

  it("say that a required part of an address has no column", () => {
    const columns = ["customerId", "addressLine1", "city", "state", "postalCode"];
    expect(planOf({ columns }).warnings[1]).toContain("no column gives countryCodeA3");
    expect(planOf({ columns, set: { countryCodeA3: "USA" } }).warnings).toHaveLength(1);
  });

  it("say that a constant has no effect", () => {
    expect(planOf({ columns: ["customerId", "email"], set: { countryCodeA3: "USA" } }).warnings[1]).toContain(
      "no effect",
    );
  });
});

describe("the fingerprint of a plan", () => {
  const columns = ["customerId", "email", "Remarks", "notes"];
  const ignore = ["Remarks", "notes"];
  const plain = planOf({ columns, ignore }).fingerprint;

  it("is 64 hexadecimal digits, the same each time", () => {
    expect(plain).toMatch(/^[0-9a-f]{64}$/);
    expect(planOf({ columns, ignore: ["NOTES", "remarks", "notes"] }).fingerprint).toBe(plain);
  });

  it("does not see columns that an earlier report added", () => {
    expect(planOf({ columns: [...columns, "updraft_row"], ignore }).fingerprint).toBe(plain);
  });

  it("changes with what rows become", () => {
    const others = [
      planOf({ columns: ["customerId", "firstName", "Remarks", "notes"], ignore }),
      planOf({ columns, ignore, set: { gender: "M" } }),
      planOf({ columns, ignore, set: { gender: "F" } }),
      planOf({ columns: ["customerId", "email", "Remarks"], ignore: ["Remarks"] }),
    ];
    expect(new Set([plain, ...others.map((plan) => plan.fingerprint)]).size).toBe(5);
  });
});

describe("describeMapping", () => {
  it("lists columns in the file's order, then constants, without their values", () => {
    const plan = planOf({ columns: ["Customer ID", "city", "x"], ignore: ["x"], set: { countryCodeA3: "USA" } });
    expect(describeMapping(plan)).toEqual([
      { column: "Customer ID", use: "sent", property: "customerId", entry: null, transforms: [] },
      { column: "city", use: "sent", property: "city", entry: "PRIMARY address", transforms: [] },
      { column: "x", use: "ignored", property: null, entry: null, transforms: [] },
      { column: null, use: "constant", property: "countryCodeA3", entry: "PRIMARY address", transforms: [] },
    ]);
  });
});
