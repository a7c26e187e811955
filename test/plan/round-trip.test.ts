import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Planned } from "../../src/plan/plan.ts";
import { cellsRow, objectRow, planOf, TODAY } from "./support.ts";

const text = fc
  .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
  .map((value) => value.trim())
  // The sign of a character that was lost is refused.
  .filter((value) => value !== "" && !value.includes("\uFFFD"));
const digits = (minLength: number, maxLength: number) =>
  fc.string({ minLength, maxLength, unit: fc.constantFrom(..."0123456789") });
const line = text.filter((value) => !/[\n\r\u2028\u2029]/.test(value));
const date = fc
  .date({ min: new Date("1900-01-01"), max: new Date(TODAY), noInvalidDate: true })
  .map((day) => day.toISOString().slice(0, 10));

const address = fc.record(
  {
    addressLine1: text,
    addressLine2: text,
    city: text,
    stateCode: text,
    postalCode: digits(5, 5),
    countryCodeA3: fc.string({ minLength: 3, maxLength: 3, unit: fc.constantFrom("A", "S", "U", "Z") }),
  },
  { requiredKeys: ["addressLine1", "city", "stateCode", "postalCode", "countryCodeA3"] },
);
const phone = fc.record(
  { phoneNumber: digits(6, 12), countryDialingCode: digits(1, 4) },
  { requiredKeys: ["phoneNumber"] },
);

/** A customer's own properties, and entries by the prefix that names them. */
const update = fc.record({
  own: fc.record(
    {
      customerId: text,
      firstName: text,
      lastName: text,
      gender: fc.constantFrom("M", "F"),
      dateOfBirth: date,
      email: fc.tuple(line, line).map(([name, host]) => `${name}@${host}`),
    },
    { requiredKeys: ["customerId", "firstName"] },
  ),
  entries: fc.record({ primary: address, secondary: address, mobile: phone, landline: phone }, { requiredKeys: [] }),
});

type Generated = typeof update extends fc.Arbitrary<infer Value> ? Value : never;

function bodyOf({ own, entries }: Generated): unknown {
  const { primary, secondary, mobile, landline } = entries;
  const addresses = [
    ...(primary ? [{ type: "PRIMARY", ...primary }] : []),
    ...(secondary ? [{ type: "SECONDARY", ...secondary }] : []),
  ];
  const phones = [
    ...(mobile ? [{ type: "MOBILE", ...mobile }] : []),
    ...(landline ? [{ type: "LANDLINE", ...landline }] : []),
  ];
  return { ...own, ...(addresses.length > 0 ? { addresses } : {}), ...(phones.length > 0 ? { phones } : {}) };
}

/** Column → value, as a flat file writes it. */
function flat({ own, entries }: Generated): [string, string][] {
  const parts = Object.entries(entries).flatMap(([prefix, entry]) =>
    Object.entries(entry ?? {}).map(([name, value]): [string, string] => [`${prefix}.${name}`, String(value)]),
  );
  return [...Object.entries(own).map(([name, value]): [string, string] => [name, String(value)]), ...parts];
}

/** The same name as somebody else would write it. */
const spelling = fc.constantFrom<(name: string) => string>(
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll(".", "_"),
  (name) => name.replace(/[A-Z.]/g, (letter) => ` ${letter.replace(".", "")}`),
  (name) => name.replace(".", "-"),
  (name) => name.replace(/^(primary|secondary)\./, "addresses.$1.").replace(/^(mobile|landline)\./, "$1 phone "),
);

function sent(planned: Planned): unknown {
  return planned.kind === "update" ? JSON.parse(planned.body) : planned.problems;
}

describe("any valid update", () => {
  it("written as a row of CSV plans back to the same body, in any order and spelling of the columns", () => {
    const row = update.chain((generated) =>
      fc.record({
        generated: fc.constant(generated),
        cells: fc.shuffledSubarray(flat(generated), { minLength: flat(generated).length }),
        spell: spelling,
        pad: fc.constantFrom("", " ", "\t\u00a0"),
      }),
    );
    fc.assert(
      fc.property(row, ({ generated, cells, spell, pad }) => {
        const plan = planOf({ columns: cells.map(([name]) => spell(name)) });
        const values = cells.map(([, value]) => pad + value + pad);
        expect(sent(plan.plan(cellsRow(values)))).toEqual(bodyOf(generated));
      }),
      { numRuns: 500 },
    );
  });

  it("written as NDJSON, flat, nested by prefix or in the endpoint's shape, plans back to the same body", () => {
    fc.assert(
      fc.property(update, (generated) => {
        const body = bodyOf(generated);
        const shapes: object[] = [Object.fromEntries(flat(generated)), { ...generated.own, ...generated.entries }];
        if (typeof body === "object" && body !== null) shapes.push(body);
        for (const shape of shapes) {
          const object: Record<string, unknown> = { ...shape };
          const plan = planOf({ columns: Object.keys(object), format: "ndjson" });
          expect(sent(plan.plan(objectRow(object)))).toEqual(body);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a row with several defects", () => {
  const valid: Record<string, string> = {
    customerId: "c",
    firstName: "x",
    gender: "M",
    dateOfBirth: "1978-10-25",
    email: "a@b",
    addressLine1: "1",
    city: "E",
    stateCode: "PA",
    postalCode: "16501",
    countryCodeA3: "USA",
    // Never defective, so that no entry ends up empty, which is no defect.
    addressLine2: "x",
    "secondary.addressLine2": "x",
    "landline.countryDialingCode": "01",
    "secondary.addressLine1": "1",
    "secondary.city": "E",
    "secondary.stateCode": "PA",
    "secondary.postalCode": "16501",
    "secondary.countryCodeA3": "USA",
    phoneNumber: "123456",
    countryDialingCode: "01",
    "landline.phoneNumber": "123456",
  };
  const columns = Object.keys(valid);
  const plan = planOf({ columns });
  /** No part of a message is like these, whatever is wrong with them. */
  const canaries = ["cåñåry", "ÇÅÑ", "cåñåry ".repeat(9).trim()];
  const free = new Set(["customerId", "firstName", "addressLine1", "city", "stateCode"]);
  const defects = columns
    .filter(
      (column) => !["firstName", "landline.countryDialingCode"].includes(column) && !column.endsWith("addressLine2"),
    )
    .flatMap((column) => {
      const optional = ["gender", "dateOfBirth", "email", "countryDialingCode"].includes(column);
      const wrong = free.has(column.replace("secondary.", "")) ? [] : canaries;
      return [...(optional ? [] : [""]), ...wrong].map((value) => ({ column, value }));
    });

  it("reports exactly those, each with its column, and none with a value", () => {
    const some = fc.uniqueArray(fc.constantFrom(...defects), { minLength: 1, selector: ({ column }) => column });
    fc.assert(
      fc.property(some, (chosen) => {
        const record: Record<string, string> = { ...valid, firstName: "cåñåry in free text" };
        for (const { column, value } of chosen) record[column] = value;
        const planned = plan.plan(cellsRow(columns.map((column) => record[column] ?? "")));
        const problems = planned.kind === "rejection" ? planned.problems : [];
        expect(problems.map(({ column }) => column).sort()).toEqual(chosen.map(({ column }) => column).sort());
        for (const { column, value } of chosen) {
          const code = problems.find((problem) => problem.column === column)?.code;
          expect(code).toBe(value === "" ? "missing" : column === "gender" ? "choice" : "pattern");
        }
        expect(JSON.stringify(problems)).not.toMatch(/cåñåry|ÇÅÑ/);
      }),
      { numRuns: 1_000 },
    );
  });

  it("of any JSON whatever never has a value in its problems", () => {
    const value = fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<unknown>("cåñåry", "ÇÅÑ", true, null, 7.25e-11, ["cåñåry"], {
        city: "cåñåry",
        type: "cåñåry",
        x: "cåñåry",
      }),
      fc.array(
        fc.record(
          {
            type: fc.constantFrom("PRIMARY", "MOBILE", "cåñåry"),
            city: fc.constantFrom("cåñåry", 7.25e-11),
            zip: fc.constant("ÇÅÑ"),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
    );
    const keys = ["customerId", "gender", "addresses", "phones", "primary", "mobilePhone", "dateOfBirth", "email"];
    const object = fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
    const ndjson = planOf({ columns: keys, format: "ndjson" });
    fc.assert(
      fc.property(object, (row) => {
        const planned = ndjson.plan(objectRow(row));
        expect(planned.kind).toBe("rejection");
        if (planned.kind === "rejection") expect(JSON.stringify(planned.problems)).not.toMatch(/cåñåry|ÇÅÑ|7\.25|e-11/);
      }),
      { numRuns: 1_000 },
    );
  });
});
