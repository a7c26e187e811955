import { describe, expect, it } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { tryExamples } from "../../src/plan/examples.ts";
import { type JobDefinition, parseJob } from "../../src/plan/job.ts";
import { usState } from "../../src/plan/transforms.ts";
import { TODAY } from "./support.ts";

function tried(definition: Omit<JobDefinition, "name">): readonly (readonly string[])[] {
  const { job } = parseJob({ name: "a", ...definition }, "/jobs");
  if (job === null) return expect.unreachable("no job");
  return tryExamples(job, condor, TODAY).map(({ differences }) => differences);
}

const ADDRESS = { addressLine1: "1", city: "B", postalCode: "12345", countryCodeA3: "USA" };
const job = { columns: { customerId: "Id", email: "Mail" }, transforms: { stateCode: [usState] } };
const record = { Id: "c", ...ADDRESS, State: "new jersey" };
const update = { customerId: "c", addresses: [{ type: "PRIMARY", ...ADDRESS, stateCode: "NJ" }] };

describe("tryExamples", () => {
  it("an example holds if its record becomes its update, in whatever order its properties are; columns that it leaves out are empty", () => {
    const reversed = { addresses: update.addresses, customerId: "c" };
    expect(
      tried({
        ...job,
        examples: [
          { record, update },
          { record, update: reversed },
        ],
      }),
    ).toEqual([[], []]);
  });

  it("null stands for a record that is rejected", () => {
    const bad = { ...record, State: "Bavaria" };
    expect(
      tried({
        ...job,
        examples: [
          { record: bad, update: null },
          { record, update: null },
        ],
      }),
    ).toEqual([
      [],
      [
        `expected a rejection, got ${JSON.stringify({ ...update, addresses: [{ type: "PRIMARY", addressLine1: "1", city: "B", stateCode: "NJ", postalCode: "12345", countryCodeA3: "USA" }] })}`,
      ],
    ]);
  });

  it("each difference is told with its place", () => {
    const other = {
      customerId: "d",
      email: "a@b",
      addresses: [{ type: "PRIMARY", ...ADDRESS, stateCode: "NY" }],
      phones: [],
    };
    expect(tried({ ...job, examples: [{ record, update: other }] })).toEqual([
      [
        '/customerId: expected "d", got "c"',
        '/email: expected "a@b", got nothing',
        '/addresses/0/stateCode: expected "NY", got "NJ"',
        "/phones: expected [], got nothing",
      ],
    ]);
    expect(tried({ ...job, examples: [{ record, update: "x" }] })[0]?.[0]).toMatch(/^the update: expected "x", got \{/);
  });

  it("a record that is rejected, or cannot be mapped at all, is told with the reason", () => {
    expect(tried({ ...job, examples: [{ record: { ...record, State: "Bavaria" }, update }] })).toEqual([
      ['State: rejected: transform "US state" expected a state of the USA, by name or code, got 7 characters'],
    ]);
    expect(tried({ ...job, examples: [{ record: { ...record, Notes: "x" }, update }] })[0]?.[0]).toMatch(
      /^its record: columns that match no property: `Notes`; /,
    );
  });

  it("a column that the example leaves out is empty, whatever its name, and whether a function reads it", () => {
    const columns = {
      customerId: "ID",
      lastName: "constructor",
      gender: ({ Sex }: Readonly<Record<string, string>>) => Sex ?? null,
    };
    const examples = [{ record: { ID: "c", email: "a@b" }, update: { customerId: "c", email: "a@b" } }];
    expect(tried({ columns, ignoreColumns: ["Sex"], examples })).toEqual([[]]);
  });
});
