import { describe, expect, it } from "vitest";
import { remedyOf } from "../../src/write/remedies.ts";

describe("remedyOf", () => {
  it.each([
    ["rejected", "missing", /fill it in/],
    ["rejected", "quote-not-closed", /close the quote/],
    ["failed", "retries-exhausted", /updraft retry/],
    ["unknown", "no-definite-answer", /see what the endpoint has/],
    ["failed", "validation/additionalProperties", /--ignore-column/],
    ["failed", "validation/pattern", /stricter/],
    ["failed", "extCondor/C0900", /one of each type/],
    ["failed", "http-502", /updraft retry/],
  ] as const)("says what to do about rows that ended %s for %s", (status, code, remedy) => {
    expect(remedyOf({ status, code })).toMatch(remedy);
  });

  it.each([
    ["rejected", "other"],
    ["rejected", "toString"],
    ["failed", "xyz"],
    ["failed", "extCondor/C0123"],
  ] as const)("says nothing where nothing is known: %s, %s", (status, code) => {
    expect(remedyOf({ status, code })).toBeNull();
  });
});
