// The hash that stands for a customer's values on the disk: the standard's own, under a key that no other purpose has.
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deriveHash, makeHmac } from "../../src/plan/keyed-hash.ts";
import { KEY } from "../queue/support.ts";

const standard = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text, "utf8").digest("latin1");

describe("makeHmac", () => {
  test("is HMAC-SHA-256, for keys and texts of any length, one after the other", () => {
    const texts = fc.array(fc.oneof(fc.string(), fc.string({ unit: "binary", minLength: 1_300, maxLength: 5_000 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), texts, (key, all) => {
        const hash = makeHmac(Buffer.from(key));
        for (const text of all) expect(hash(text)).toBe(standard(key, text));
      }),
      { numRuns: 40 },
    );
  });

  test("hashes a text that is longer than any before, and a short one after it", () => {
    const hash = makeHmac(KEY);
    for (const text of ["short", "é€𝄞".repeat(40_000), "short"]) expect(hash(text)).toBe(standard(KEY, text));
  });
});

describe("deriveHash", () => {
  test("gives other hashes under another key or name, and the same under the same", () => {
    const [one, same] = [deriveHash(KEY, "accepted:a:b"), deriveHash(Buffer.from(KEY), "accepted:a:b")];
    const others = [deriveHash(KEY, "accepted:a:c"), deriveHash(Buffer.alloc(32, 7), "accepted:a:b"), makeHmac(KEY)];
    expect(one("csta_1")).toBe(same("csta_1"));
    expect(one("csta_1")).toHaveLength(32);
    expect(new Set([one, ...others].map((hash) => hash("csta_1"))).size).toBe(4);
  });
});
