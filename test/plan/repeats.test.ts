// Which rows of a file have another row of their customer: the same as looking at every pair of them.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Plan } from "../../src/plan/plan.ts";
import { type Repeats, repeatsOf } from "../../src/plan/repeats.ts";
import { cells, folder, planOf, readerOf } from "../write/support.ts";

interface Line {
  /** As the file has it, with space around it. */
  readonly customer: string;
  readonly valid: boolean;
}

const lines = fc.array(
  fc.record({ customer: fc.constantFrom("a", " a", "b", "B", "", "é", "csta_1"), valid: fc.boolean() }),
  { maxLength: 40 },
);

/** A row is valid that says so in its second cell; its update has the trimmed id. */
const plan: Plan = {
  ...planOf(),
  plan: (given) => {
    const { row, line } = given;
    const [customer = "", valid = ""] = given.kind === "cells" ? given.cells : [];
    if (valid === "") return { kind: "rejection", row, line, problems: [] };
    return { kind: "update", row, line, customerId: customer.trim(), body: "{}" };
  },
};

const input = (all: readonly Line[], dir: string, limit: number | null = null) => ({
  reader: readerOf(
    ["Cust ID", "Valid"],
    all.map(({ customer, valid }, i) => cells(i + 1, customer, valid && customer !== "" ? "yes" : "")),
    3,
  ),
  ...{ plan, limit, dir },
});

async function find(how: "last-wins" | "reject", all: readonly Line[], dir: string, limit?: number): Promise<Repeats> {
  const repeats = await repeatsOf(how, input(all, dir, limit))?.(new AbortController().signal);
  if (!repeats) throw new Error("they were to be looked for");
  return repeats;
}

/** Of each row: the other row that its problem names. */
const others = (repeats: Repeats, all: readonly Line[]) =>
  all.map((_, i) => Number(/row (\d+)/.exec(repeats.problemOf(i + 1)?.message ?? "")?.[1] ?? 0));

function naive(how: "last-wins" | "reject", all: readonly Line[]): number[] {
  const named = all.map(({ customer, valid }) =>
    how === "reject" || (valid && customer !== "") ? customer.trim() : "",
  );
  const places = (customer: string) => named.flatMap((one, i) => (one === customer ? [i + 1] : []));
  return named.map((customer, i) => {
    const all = customer === "" ? [] : places(customer);
    if (how === "last-wins") return all.at(-1) === i + 1 ? 0 : (all.at(-1) ?? 0);
    return all.find((row) => row > i + 1) ?? all.findLast((row) => row < i + 1) ?? 0;
  });
}

describe("repeatsOf", () => {
  test.each(["last-wins", "reject"] as const)(
    "%s finds them in a file of any rows, and leaves nothing on the disk",
    async (how) => {
      const dir = await folder();
      await fc.assert(
        fc.asyncProperty(lines, async (all) => {
          const repeats = await find(how, all, dir);
          expect(others(repeats, all)).toEqual(naive(how, all));
          repeats.close();
          repeats.close();
        }),
        { numRuns: 30 },
      );
      expect(readdirSync(dir)).toEqual([]);
    },
  );

  test("names the customer's column, a code and the other row", async () => {
    const all = ["a", "b", "a"].map((customer) => ({ customer, valid: true }));
    const dir = await folder();
    const last = await find("last-wins", all, dir);
    const [column, path] = ["Cust ID", "/customerId"];
    expect([1, 2, 3].map((row) => last.problemOf(row))).toEqual([
      {
        ...{ column, path, code: "superseded" },
        message: "expected the last row of the customer, got one before row 3, which takes its place",
      },
      ...[null, null],
    ]);
    last.close();
    const each = await find("reject", all, dir);
    expect(each.problemOf(3)).toEqual({
      ...{ column, path, code: "repeated" },
      message: "expected one row of each customer, got another in row 1",
    });
    each.close();
  });

  test("looks no further than a run with a limit goes", async () => {
    const all = ["a", "", "b", "a", "b"].map((customer) => ({ customer, valid: true }));
    const repeats = await find("last-wins", all, await folder(), 3);
    expect(others(repeats, all)).toEqual([4, 0, 0, 0, 0]);
    repeats.close();
  });

  test("keeps a file that only its owner can read, and no id in it", async () => {
    const dir = await folder();
    const repeats = await find("reject", Array(3_000).fill({ customer: "csta_0042", valid: true }), dir);
    const [name = ""] = readdirSync(dir);
    expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, name), "latin1")).not.toContain("csta_");
    repeats.close();
    expect(existsSync(join(dir, name))).toBe(false);
  });

  test("ends its pass when it is told to stop, and is nothing to ask where rows are sent in order", async () => {
    const all = [{ customer: "a", valid: true }];
    const dir = await folder();
    (await repeatsOf("reject", input(all, dir))?.(AbortSignal.abort()))?.close();
    expect(readdirSync(dir)).toEqual([]);
    expect(repeatsOf("in-order", input(all, dir))).toBe(null);
  });
});
