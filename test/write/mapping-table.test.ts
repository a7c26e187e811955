import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeMapping } from "../../src/plan/describe.ts";
import { spaces, usState, zip5 } from "../../src/plan/transforms.ts";
import { makeSampler, renderMapping } from "../../src/write/mapping-table.ts";
import { cellsRow, objectRow, planOf } from "../plan/support.ts";

describe("renderMapping", () => {
  it("is a line for each column, function and constant, with the shape of the first three values", () => {
    const columns = ["Cust ID", "State", "ZIP", "Notes", "updraft_row"];
    const job = {
      columns: { customerId: "Cust ID", postalCode: "ZIP", city: () => "x" },
      constants: { countryCodeA3: "USA" },
      transforms: { stateCode: [spaces, usState], postalCode: [zip5] },
      ignoreColumns: ["Notes"],
    };
    const sampler = makeSampler(columns);
    for (const state of ["New Jersey", "", "ny", "Île", "PA"])
      sampler.add(cellsRow(["csta_12", state, "7030", "a very long note of somebody", "1"]));
    expect(renderMapping(describeMapping(planOf({ columns, job })), sampler.shapes())).toBe(
      `${[
        "COLUMN       PROPERTY                          TRANSFORMS        FIRST VALUES (9: a digit, x: a letter)",
        "Cust ID      → customerId                                        xxxx_99  xxxx_99  xxxx_99",
        "State        → stateCode, PRIMARY address      spaces, US state  Xxx Xxxxxx  xx  Xxx",
        "ZIP          → postalCode, PRIMARY address     zip5              9999  9999  9999",
        "Notes        left out                                            x xxxx xxxx xxxx xx xxxx…  x xxxx xxxx xxxx xx xxxx…  x xxxx xxxx xxxx xx xxxx…",
        "updraft_row  of an earlier report                                9  9  9",
        "(function)   → city, PRIMARY address",
        "(constant)   → countryCodeA3, PRIMARY address",
      ].join("\n")}\n`,
    );
  });

  it("leaves out the transforms where there are none", () => {
    const plan = planOf({ columns: ["customerId", "email"] });
    expect(renderMapping(describeMapping(plan), new Map())).toMatch(/^COLUMN {6}PROPERTY {6}FIRST VALUES/);
  });
});

describe("makeSampler", () => {
  it("shows no letter and no digit of a value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const sampler = makeSampler(["a"]);
        sampler.add(cellsRow([value]));
        const [shape = ""] = sampler.shapes().get("a") ?? [];
        expect(shape).not.toMatch(/(?![9xX])[\p{L}\p{N}]/u);
      }),
    );
  });

  it("looks at objects, not into them, and passes over what could not be read", () => {
    const sampler = makeSampler(["a", "b"]);
    sampler.add({ kind: "bad", row: 1, line: 1, code: "not-json", column: null, detail: "", raw: "", cells: null });
    sampler.add(objectRow({ a: { city: "Erie" }, b: 7030 }));
    sampler.add(objectRow({ b: true }));
    expect([...sampler.shapes()]).toEqual([
      ["a", ["{…}"]],
      ["b", ["9999", "xxxx"]],
    ]);
  });

  it("finds nothing where an object lacks a name that all objects inherit", () => {
    const sampler = makeSampler(["constructor", "__proto__"]);
    sampler.add(objectRow({}));
    expect([...sampler.shapes().values()]).toEqual([[], []]);
  });

  it("gives up on a column that stays empty after a thousand rows", () => {
    const sampler = makeSampler(["a"]);
    for (let row = 0; row < 1_000; row++) sampler.add(cellsRow([""]));
    sampler.add(cellsRow(["x"]));
    expect(sampler.shapes().get("a")).toEqual([]);
  });
});
