import fc from "fast-check";
import { expect, test } from "vitest";
import type { Customer } from "../../src/endpoint/customer.schema.ts";
import { makeCustomerStore } from "../../src/endpoint/customer-store.ts";

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const present = <T extends object>(value: T) => JSON.parse(JSON.stringify(value));

const address = (type: "PRIMARY" | "SECONDARY") =>
  fc.record({
    type: fc.constant(type),
    addressLine1: fc.string(),
    addressLine2: optional(fc.string()),
    city: fc.string({ unit: "binary" }),
    stateCode: fc.string(),
    postalCode: fc.string(),
    countryCodeA3: fc.string(),
  });
const phone = (type: "MOBILE" | "LANDLINE") =>
  fc.record({ type: fc.constant(type), countryDialingCode: optional(fc.string()), phoneNumber: fc.string() });
const some = <T>(one: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  optional(fc.subarray([0, 1]).chain((which) => fc.tuple(...which.map((i) => (i === 0 ? one : other)))));

const change: fc.Arbitrary<Customer> = fc
  .record({
    customerId: fc.constantFrom("a", "b", "__proto__"),
    firstName: optional(fc.string()),
    lastName: optional(fc.string()),
    gender: optional(fc.constantFrom("M", "F")),
    dateOfBirth: optional(fc.string()),
    email: optional(fc.string()),
    addresses: some(address("PRIMARY"), address("SECONDARY")),
    phones: some(phone("MOBILE"), phone("LANDLINE")),
  })
  .map(present);

/** The rule in its plainest form: a path, such as `phones/MOBILE/phoneNumber`, keeps the last value sent. */
function paths(c: Customer): Record<string, unknown> {
  const { addresses, phones, ...flat } = c;
  const all: Record<string, unknown> = { ...flat };
  for (const a of addresses ?? []) for (const [k, v] of Object.entries(a)) all[`addresses/${a.type}/${k}`] = v;
  for (const p of phones ?? []) for (const [k, v] of Object.entries(p)) all[`phones/${p.type}/${k}`] = v;
  return all;
}

test("a customer holds the last value sent of each property, of each address and phone by type", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
      const store = makeCustomerStore();
      const expected = new Map<string, Record<string, unknown>>();
      for (const sent of changes) {
        expected.set(sent.customerId, { ...expected.get(sent.customerId), ...paths(sent) });
        expect(paths(store.update(sent))).toEqual(expected.get(sent.customerId));
      }
      expect(store.size()).toBe(expected.size);
      for (const customer of store.all()) expect(paths(customer)).toEqual(expected.get(customer.customerId));
    }),
  );
});

test("sending the same change twice is the same as sending it once", () => {
  fc.assert(
    fc.property(change, change, (first, second) => {
      const store = makeCustomerStore();
      store.update(first);
      const once = store.update(second);
      expect(store.update(second)).toEqual(once);
      expect(store.get(second.customerId)).toEqual(once);
    }),
  );
});
