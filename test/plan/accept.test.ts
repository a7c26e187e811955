// The short way to a yes: whatever it is given, it never says yes where the schema says no, and it says yes to what people send.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { condor } from "../../src/endpoint/condor.ts";
import { makeAccept } from "../../src/plan/accept.ts";

const TODAY = "2026-06-30";

/** Mostly right: a body of nothing but noise would be refused for its first property. */
const body = () => {
  const text = fc.oneof({ weight: 400, arbitrary: fc.string({ minLength: 1 }) }, fc.constantFrom("", null, 7));
  const one = (...right: unknown[]) => fc.oneof({ weight: 400, arbitrary: fc.constantFrom(...right) }, text);
  const optional = { requiredKeys: [], noNullPrototype: true };
  const address = fc.record(
    {
      ...{ type: one("PRIMARY", "SECONDARY"), addressLine1: text, addressLine2: text, city: text, stateCode: text },
      ...{ postalCode: one("19000", "19000", "1900"), countryCodeA3: one("USA", "usa") },
    },
    {
      requiredKeys: ["type", "addressLine1", "city", "stateCode", "postalCode", "countryCodeA3"],
      noNullPrototype: true,
    },
  );
  const phone = fc.record(
    { type: one("MOBILE", "LANDLINE"), phoneNumber: one("2155550000", "21"), countryDialingCode: one("1", "+1") },
    { requiredKeys: ["type", "phoneNumber"], noNullPrototype: true },
  );
  const list = (entry: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 400, arbitrary: fc.array(entry, { maxLength: 3 }) }, fc.constantFrom(null, "x", {}));
  return fc.record(
    {
      ...{
        customerId: text,
        firstName: text,
        lastName: text,
        gender: one("M", "F", "m"),
        email: one("a@b", "a@", "@"),
      },
      ...{ dateOfBirth: one("1990-02-28", "1990-02-30", TODAY, "2026-07-01", "1.2.1990") },
      ...{ addresses: list(address), phones: list(phone) },
    },
    optional,
  );
};

describe("the short way", () => {
  test("agrees with the schema of updates about any body", () => {
    const schema = condor.updateSchema(TODAY);
    const accept = makeAccept(schema);
    let accepted = 0;
    fc.assert(
      fc.property(body(), (given) => {
        accepted += accept(given) ? 1 : 0;
        expect(accept(given)).toBe(schema.safeParse(given).success);
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  test("refuses what the schema has no name for, at any depth", () => {
    const accept = makeAccept(condor.updateSchema(TODAY));
    const phone = { type: "MOBILE", phoneNumber: "2155550000" };
    expect(accept({ customerId: "1", phones: [phone] })).toBe(true);
    expect(accept({ customerId: "1", phones: [{ ...phone, area: "215" }] })).toBe(false);
    expect(accept({ customerId: "1", phones: [phone], ssn: "1" })).toBe(false);
  });

  test.each([null, undefined, "text", 7, [], new Date(0), Object.create({ customerId: "1" })])(
    "does not accept %s",
    (given) => {
      expect(makeAccept(condor.updateSchema(TODAY))(given)).toBe(false);
    },
  );

  test.each([
    ["a kind of type it does not know", z.number(), 7],
    ["a check that answers later", z.string().refine(async () => false), "text"],
  ])("leaves %s to the schema", (_, schema, value) => {
    expect(makeAccept(schema)(value)).toBe(false);
  });

  test("looks at every check of a value, and forgets what it found in the one before", () => {
    const accept = makeAccept(z.string().min(2).regex(/^a/));
    expect(["a", "bb", "ab", "b", "abc"].map(accept)).toEqual([false, false, true, false, true]);
  });
});
