// What of a customer an update changes: every property by itself, and every address and phone as a whole.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { makeParts } from "../../src/plan/parts.ts";

const parts = makeParts(condor);
const labelled = (body: object) =>
  parts.of(JSON.stringify(body)).map(({ part, value }) => [parts.labels[part], JSON.parse(value)]);

describe("makeParts", () => {
  test("knows all that a body of the contract can hold, the customer's id left out", () => {
    expect(parts.labels).toEqual([
      ...["firstName", "lastName", "gender", "dateOfBirth", "email"],
      ...["addresses.PRIMARY", "addresses.SECONDARY", "phones.MOBILE", "phones.LANDLINE"],
    ]);
  });

  test("takes a body apart into what it gives, in the order of the contract", () => {
    const address = { type: "SECONDARY", city: "Holtsville", stateCode: "NY" };
    const phone = { type: "MOBILE", phoneNumber: "2155550100" };
    const body = { customerId: "c", email: "a@b.c", firstName: "Ann", phones: [phone], addresses: [address] };
    expect(labelled(body)).toEqual([
      ["firstName", "Ann"],
      ["email", "a@b.c"],
      ["addresses.SECONDARY", Object.entries(address).sort()],
      ["phones.MOBILE", Object.entries(phone).sort()],
    ]);
    expect(labelled({ customerId: "c" })).toEqual([]);
  });

  test("sees the same in entries, and in members of an entry, that are given in another order", () => {
    const member = fc.constantFrom("addressLine1", "addressLine2", "city", "stateCode", "postalCode");
    const entry = fc.uniqueArray(fc.tuple(member, fc.string()), { selector: ([name]) => name });
    fc.assert(
      fc.property(entry, entry, fc.infiniteStream(fc.nat(1_000)), (first, second, random) => {
        const shuffled = <T>(list: readonly T[]) =>
          list
            .map((one) => [random.next().value ?? 0, one] as const)
            .sort(([a], [b]) => a - b)
            .map(([, one]) => one);
        const body = (entries: readonly (readonly (readonly [string, string])[])[]) =>
          JSON.stringify({ customerId: "c", addresses: entries.map((one) => Object.fromEntries(one)) });
        const [one, two] = [
          [["type", "PRIMARY"] as const, ...first],
          [["type", "SECONDARY"] as const, ...second],
        ];
        expect(parts.of(body(shuffled([shuffled(one), shuffled(two)])))).toEqual(parts.of(body([one, two])));
      }),
    );
  });

  test("refuses what no body of the contract holds", () => {
    expect(() => labelled({ customerId: "c", ssn: "1" })).toThrow("no contract has ssn");
    expect(() => labelled({ addresses: [{ type: "OTHER" }] })).toThrow("no contract has addresses.OTHER");
  });
});
