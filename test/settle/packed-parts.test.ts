// Hashes of parts in one text: the same answers as from a map of them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { covers, hasAll, merge, packPart } from "../../src/settle/packed-parts.ts";

type Parts = ReadonlyMap<number, string>;

/** Few parts and hashes, so that they meet; longer hashes than are kept. */
const parts: fc.Arbitrary<Parts> = fc
  .dictionary(fc.constantFrom("0", "1", "2", "7", "8", "200"), fc.constantFrom("a", "b", "\u0000", "ÿ"))
  .map((of) => new Map(Object.entries(of).map(([part, letter]) => [Number(part), letter.repeat(32)])));

const pack = (of: Parts) =>
  [...of]
    .sort(([a], [b]) => a - b)
    .map(([part, hash]) => packPart(part, hash))
    .join("");

describe("packed parts", () => {
  test("are compared and merged as maps of them are", () => {
    fc.assert(
      fc.property(parts, parts, (one, two) => {
        expect(hasAll(pack(one), pack(two))).toBe([...two].every(([part, hash]) => one.get(part) === hash));
        expect(covers(pack(one), pack(two))).toBe([...two.keys()].every((part) => one.has(part)));
        expect(merge(pack(one), pack(two))).toBe(pack(new Map([...one, ...two])));
      }),
      { numRuns: 1_000 },
    );
  });

  test("take nine bytes each", () => {
    expect(pack(new Map([[3, "x".repeat(32)]]))).toBe("\u0003xxxxxxxx");
  });
});
