import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { customerSchema } from "../../src/endpoint/customer.schema.ts";
import { PROBLEM_CODES } from "../../src/plan/problems.ts";

const TODAY = "2026-03-01";
const ADDRESS = {
  type: "PRIMARY",
  addressLine1: "1",
  city: "E",
  stateCode: "PA",
  postalCode: "16501",
  countryCodeA3: "USA",
};

describe("the condor contract", () => {
  const schema = condor.updateSchema(TODAY);

  it("describes each property once, in the order in which it is sent", () => {
    expect(condor.properties.map(({ name, required }) => `${name}${required ? "*" : ""}`).join(" ")).toBe(
      "customerId* firstName lastName gender dateOfBirth email",
    );
    expect(condor.groups.map(({ name, types }) => `${name}: ${types.join(" ")}`)).toEqual([
      "addresses: PRIMARY SECONDARY",
      "phones: MOBILE LANDLINE",
    ]);
    expect(
      condor.groups.flatMap(({ parts }) => parts.map(({ name, required }) => name + (required ? "*" : ""))),
    ).toEqual([
      "addressLine1*",
      "addressLine2",
      "city*",
      "stateCode*",
      "postalCode*",
      "countryCodeA3*",
      "phoneNumber*",
      "countryDialingCode",
    ]);
  });

  it("takes the documented example and nothing it does not name", () => {
    const update = {
      customerId: "csta_1",
      addresses: [ADDRESS],
      phones: [{ type: "MOBILE", phoneNumber: "2155550100" }],
    };
    expect(schema.safeParse(update).success).toBe(true);
    expect(schema.safeParse({ ...update, ssn: "1" }).success).toBe(false);
    expect(schema.safeParse({ ...update, addresses: [{ ...ADDRESS, state: "PA" }] }).success).toBe(false);
  });

  it("marks a second entry of a type even where other things are wrong", () => {
    const addresses = [
      ADDRESS,
      { ...ADDRESS, postalCode: "1" },
      null,
      { ...ADDRESS, type: "X" },
      { ...ADDRESS, type: "X" },
    ];
    const issues = schema.safeParse({ addresses }).error?.issues ?? [];
    expect(issues.map(({ path }) => path.join("/"))).toEqual([
      "customerId",
      "addresses/1/postalCode",
      "addresses/2",
      "addresses/3/type",
      "addresses/4/type",
      "addresses/1/type",
    ]);
  });

  it("agrees with the endpoint's own rules, but for what we decided to refuse beyond them", () => {
    const endpointTakes = new Ajv({ allErrors: true, strict: false }).compile(customerSchema);
    const ours = new Set<string>(["calendar", "future", "duplicate-type"]);
    const some = (...values: unknown[]) => fc.constantFrom(undefined, ...values);
    const text = fc.oneof(fc.constantFrom("a", "USA", "M", "123456"), fc.string({ minLength: 1, unit: "grapheme" }));
    const clean = (entry: object) =>
      Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
    const address = fc.record({
      type: some("PRIMARY", "SECONDARY", "primary"),
      addressLine1: fc.oneof(text, some(1)),
      addressLine2: fc.oneof(text, some(null)),
      city: text,
      stateCode: text,
      postalCode: some("16501", "1650", "١٢٣٤٥", "16501\n", " 16501", 16501),
      countryCodeA3: some("USA", "us", "US", "ÅÅÅ", "XXXX"),
    });
    const phone = fc.record({
      type: some("MOBILE", "LANDLINE", "FAX"),
      phoneNumber: some("123456", "123456789012", "12345", "1234567890123", "12-3456"),
      countryDialingCode: some("1", "0044", "+1", "00441"),
    });
    const update = fc.record({
      customerId: fc.oneof(text, some(5)),
      firstName: fc.oneof(text, some(true)),
      gender: some("M", "F", "m"),
      dateOfBirth: some("2000-02-29", "1978-02-31", "2026-03-02", "78-1-1", "2000-02-29T00:00"),
      email: some("a@b", "@b", "a@", "a@\n", "a\nb@c", "x", "ä@ö@"),
      addresses: fc.option(fc.array(address.map(clean), { maxLength: 3 }), { nil: undefined }),
      phones: fc.option(fc.array(phone.map(clean), { maxLength: 3 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(update.map(clean), (body) => {
        const issues = schema.safeParse(body).error?.issues ?? [];
        const beyond = issues.filter((issue) => issue.code === "custom" && ours.has(issue.params?.code));
        expect(endpointTakes(body)).toBe(issues.length === beyond.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives its own issues codes that reports know", () => {
    const issues =
      schema.safeParse({ customerId: "c", dateOfBirth: "x", addresses: [ADDRESS, ADDRESS] }).error?.issues ?? [];
    const codes = issues.map((issue) => (issue.code === "custom" ? issue.params?.code : null));
    expect(codes).toEqual(["pattern", "duplicate-type"]);
    for (const code of codes) expect(PROBLEM_CODES).toHaveProperty(code);
  });
});

describe("the token of the contract", () => {
  it("is asked for with the credentials", () => {
    expect(condor.tokenRequest({ login: "a", password: "b" })).toEqual({ user: { login: "a", password: "b" } });
  });

  it.each([
    ["2022-10-07T08:18:57.360Z", Date.UTC(2022, 9, 7, 8, 18, 57, 360)],
    ["soon", null],
    [undefined, null],
  ])("expires at %j", (dtsExpireAt, expiresAt) => {
    const answer = { code: "0", data: { token: "t", ...(dtsExpireAt === undefined ? {} : { dtsExpireAt }) }, more: 1 };
    expect(condor.tokenAnswer.parse(answer)).toEqual({ token: "t", expiresAt });
  });

  it.each([
    {},
    { code: "unauthorized", message: "m" },
    { code: "1", data: { token: "t" } },
    { code: "0", data: { token: "" } },
  ])("is not in %j", (answer) => expect(condor.tokenAnswer.safeParse(answer).success).toBe(false));

  it.each([
    ["", "x", false],
    ["a_Z9", "x", true],
    ["a-b", "x", false],
    ["a".repeat(37), "x", false],
    ["a", "", false],
    ["a", "x".repeat(50), true],
    ["a", "x".repeat(51), false],
  ])("needs a login like %j and a password like %j: %s", (login, password, fine) => {
    expect(condor.credentials.safeParse({ login, password }).success).toBe(fine);
  });
});
