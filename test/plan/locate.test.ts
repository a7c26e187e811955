import { describe, expect, it } from "vitest";
import { cellsRow, objectRow, planOf } from "./support.ts";

const PLAN = planOf({ columns: ["customerId", "E-Mail", "City", "State", "secondary city"] });

describe("locate", () => {
  const both = cellsRow(["c", "a@b", "Erie", "PA", "York"]);
  const second = cellsRow(["c", "a@b", "", " ", "York"]);

  it.each([
    ["/addresses/0", "stateCode", "State", "stateCode"],
    ["/addresses/0/city", undefined, "City", "city"],
    ["/addresses/1/city", undefined, "secondary city", "city"],
    ["/addresses/1", "city", "secondary city", "city"],
    ["/email", undefined, "E-Mail", "email"],
    ["", "customerId", "customerId", "customerId"],
    ["/addresses/1", "stateCode", null, "stateCode"],
    ["/addresses/7", "stateCode", null, "stateCode"],
    ["/addresses/0", undefined, null, "addresses"],
    ["/addresses", undefined, null, "addresses"],
    ["/phones/0/phoneNumber", undefined, null, "phoneNumber"],
    ["/a~1b/c~0d~1e", undefined, null, "c~d/e"],
    ["/toString/0", "constructor", null, "constructor"],
    ["", undefined, null, ""],
  ])("reads %j with %j as column %j", (path, property, column, name) => {
    expect(PLAN.locate(both, path, property)).toEqual({ column, property: name });
  });

  it("counts only the addresses that the row has", () => {
    expect(PLAN.locate(second, "/addresses/0/city")).toEqual({ column: "secondary city", property: "city" });
  });

  it("names the key of an object that nests the entry, in the row's own order", () => {
    const plan = planOf({ columns: ["customerId", "Addresses", "secondary"], format: "ndjson" });
    const row = objectRow({
      customerId: "c",
      Addresses: [null, { type: "PRIMARY", city: "Erie" }],
      secondary: { city: "York" },
    });
    expect(plan.locate(row, "/addresses/0", "stateCode")).toEqual({ column: "Addresses", property: "stateCode" });
    expect(plan.locate(row, "/addresses/1/city")).toEqual({ column: "secondary", property: "city" });
  });

  it("does not disturb the next row", () => {
    PLAN.locate(both, "/email");
    expect(PLAN.plan(cellsRow(["c", "a@b", "", "", ""]))).toMatchObject({ body: '{"customerId":"c","email":"a@b"}' });
  });
});
