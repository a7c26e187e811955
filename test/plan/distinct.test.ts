import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeDistinct } from "../../src/plan/distinct.ts";

function countOf(texts: Iterable<string>): number {
  const distinct = makeDistinct();
  for (const text of texts) distinct.add(text);
  return distinct.count();
}

describe("makeDistinct", () => {
  test("counts a few texts exactly, however often and in what order they come", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("csta_1", "csta_2", "csta_3", "csta_4", "")), (texts) => {
        expect(countOf(texts)).toBe(new Set(texts).size);
      }),
    );
  });

  test.each([1_000, 10_000, 30_000, 300_000])("is within 6 %% of %d ids that hardly differ", (size) => {
    const found = countOf(Array.from({ length: size }, (_, i) => `csta_${i}`));
    expect(Math.abs(found - size) / size).toBeLessThan(0.06);
  });
});
