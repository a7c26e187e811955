import { describe, expect, it } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { makeNames } from "../../src/plan/names.ts";
import { nearest, normalise } from "../../src/plan/nearest.ts";

describe("normalise", () => {
  it.each(["firstName", "First Name", "first_name", "FIRST-NAME", "first.name", " first\u00a0name\t"])(
    "reads %j as firstname",
    (name) => expect(normalise(name)).toBe("firstname"),
  );
});

describe("nearest", () => {
  const known = new Map([
    ["email", "email"],
    ["city", "city"],
    ["dateofbirth", "dateOfBirth"],
  ]);
  it.each([
    ["Emial", "email"],
    ["e-mail", "email"],
    ["emai", "email"],
    ["emaill", "email"],
    ["xmail", "email"],
    ["citi", "city"],
    ["date of brith", "dateOfBirth"],
    ["dat_of_birt", "dateOfBirth"],
  ])("takes %s for %s", (name, meant) => expect(nearest(name, known)).toBe(meant));

  it.each(["", "x", "notes", "emxxl", "town", "a name longer than any other"])("makes nothing of %j", (name) =>
    expect(nearest(name, known)).toBeNull(),
  );
});

describe("the names of the contract", () => {
  const names = makeNames(condor);
  it.each([
    ["zip", "postalCode"],
    ["Zip Code", "postalCode"],
    ["secondary zip", "secondary.postalCode"],
    ["secondaryCitty", "secondary.city"],
    ["phone", "phoneNumber"],
    ["mobile", "phoneNumber"],
    ["home phone", "landline.phoneNumber"],
    ["landline", "landline.phoneNumber"],
    ["dob", "dateOfBirth"],
    ["surname", "lastName"],
    ["country", "countryCodeA3"],
    ["custmer id", "customerId"],
    ["stat", "stateCode"],
  ])("suggest for %j the property %s", (name, meant) => expect(names.nearest(name)).toBe(meant));

  it("never suggest a property for a name that has nothing to do with any", () => {
    for (const name of ["notes", "status", "balance", "created at", "ref"]) expect(names.nearest(name)).toBeNull();
  });
});
