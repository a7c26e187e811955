import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packRows } from "../../src/settle/settle.ts";

describe("packRows", () => {
  test("sets the bit of every row and no other, whatever their order and distance", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 300 }), (rows) => {
        const found: number[] = [];
        const packed = packRows(rows);
        for (let i = 0; i < packed.length; i += 2) {
          const at = Number(packed[i]);
          for (const [byte, bits] of Buffer.from(packed[i + 1] as Buffer).entries()) {
            for (let bit = 0; bit < 8; bit++) if (bits & (0x80 >> bit)) found.push((at + byte) * 8 + bit);
          }
        }
        expect(found).toEqual([...new Set(rows)].sort((a, b) => a - b));
      }),
    );
  });

  test("takes one call for neighbours, and two for rows that are far apart", () => {
    expect(packRows([9, 8, 15])).toEqual([1, Buffer.from([0b11000001])]);
    expect(packRows([1, 1_000_000])).toEqual([0, Buffer.from([0b01000000]), 125_000, Buffer.from([0b10000000])]);
  });
});
