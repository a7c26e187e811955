// Which rows a later one has superseded: the same as looking at every pair of them, with a bound on memory.
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeFinder, type Superseded } from "../../src/write/superseded.ts";
import { folder } from "./support.ts";

const at = (row: number) => ({ row, line: row + 1 });
const KINDS = ["again", "stands", "neither"] as const;
/** Few names, so that they meet; with what a file may have around and in them. */
const customers = fc.constantFrom("", " ", "a", " a", "b", "B", "é", "csta_1", "csta_10", "a\u0000b", "a\u0000c");

/** Looks at every later row for each. */
function naive(rows: readonly (readonly [string, (typeof KINDS)[number]])[]): Superseded[] {
  return rows.flatMap(([customer, kind], i) => {
    const by = rows.findLastIndex(([other, how]) => how === "stands" && other.trim() === customer.trim());
    if (kind !== "again" || customer.trim() === "" || by <= i) return [];
    return [{ ...at(i + 1), status: "failed", at: i * 7, by: { ...at(by + 1), status: "updated" } } as const];
  });
}

describe("makeFinder", () => {
  it("finds the rows whose customer has a later row that stands, and the last of these, in the file's order", async () => {
    const dir = await folder();
    fc.assert(
      fc.property(fc.array(fc.tuple(customers, fc.constantFrom(...KINDS)), { maxLength: 60 }), (rows) => {
        const finder = makeFinder(dir);
        for (const [i, [customer, kind]] of rows.entries()) {
          if (kind === "again") finder.again(at(i + 1), "failed", customer, i * 7);
          if (kind === "stands") finder.stands(at(i + 1), "updated", customer);
        }
        expect([...finder.found()]).toEqual(naive(rows));
        // It can be asked as often as one likes.
        expect([...finder.found().take(1)]).toEqual(naive(rows).slice(0, 1));
        expect([...finder.found()]).toEqual(naive(rows));
        finder.close();
      }),
      { numRuns: 300 },
    );
    expect(readdirSync(dir)).toEqual([]);
  });

  it("makes nothing on the disk before there is a row that may be sent again, and leaves nothing there", async () => {
    const dir = join(await folder(), "run");
    const finder = makeFinder(dir);
    finder.stands(at(1), "updated", "a");
    expect([existsSync(dir), [...finder.found()]]).toEqual([false, []]);
    finder.again(at(2), "failed", "a", 0);
    expect(readdirSync(dir).map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual([0o600]);
    finder.close();
    finder.close();
    expect(readdirSync(dir)).toEqual([]);
  });

  it("begins anew over what a crash left", async () => {
    const dir = await folder();
    writeFileSync(join(dir, "superseded.partial"), "half of something");
    const finder = makeFinder(dir);
    finder.again(at(1), "failed", "a", 0);
    finder.stands(at(2), "updated", "a");
    expect([...finder.found()]).toHaveLength(1);
    finder.close();
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each([
    ["each of a customer of their own", (n: number) => `csta_${n}`],
    ["all of the same customer", () => "csta_1"],
  ])("takes 100,000 rows, %s, followed by as many that stand, within a few megabytes", async (_whose, customerOf) => {
    const rows = 100_000;
    const finder = makeFinder(await folder());
    const before = process.memoryUsage().rss;
    for (let n = 1; n <= rows; n++) finder.again(at(n), "failed", customerOf(n), n);
    for (let n = 1; n <= rows; n++) finder.stands(at(rows + n), "updated", customerOf(n));
    let found = 0;
    for (const { row, by } of finder.found()) {
      if (by.row === (customerOf(1) === customerOf(2) ? 2 * rows : rows + row)) found++;
    }
    finder.close();
    expect(found).toBe(rows);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });
});
