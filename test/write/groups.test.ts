import { describe, expect, it } from "vitest";
import { makeGroups } from "../../src/write/groups.ts";
import { cellsRow } from "../plan/support.ts";

describe("makeGroups", () => {
  it("tells causes without a column apart by what they are about: functions of a job that fail are not one cause", () => {
    const groups = makeGroups();
    const failed = (property: string) => [
      { column: null, property, code: "transform", message: `${property}: it failed` },
    ];
    groups.add({ ...cellsRow([]), row: 1 }, "rejected", failed("city"));
    groups.add({ ...cellsRow([]), row: 2 }, "rejected", failed("gender"));
    groups.add({ ...cellsRow([]), row: 3 }, "rejected", failed("gender"));
    expect(groups.list().map(({ count, message }) => [count, message])).toEqual([
      [2, "gender: it failed"],
      [1, "city: it failed"],
    ]);
  });
});
