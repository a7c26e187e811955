import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ndjsonLines, splitMembers } from "../../src/write/ndjson.ts";
import { bad, object, outcome } from "./support.ts";

const EXPLAINED = [{ column: "zip", code: "pattern", message: 'column "zip" (postalCode): "5 digits"' }];
const FAILED = outcome(1, { status: "failed", attempts: 2, http: 400 });

/** Objects as text, with the white space that JSON allows. */
const objects = fc
  .tuple(fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()), fc.constantFrom("", " ", "  ", "\t"))
  .map(([value, indent]) => JSON.stringify(value, null, indent).replaceAll("\n", " "));

describe("ndjsonLines", () => {
  it("appends its members to the line's own text, whatever the object holds", () => {
    fc.assert(
      fc.property(objects, (text) => {
        const { text: line } = ndjsonLines().error(object(1, text), FAILED, EXPLAINED);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(Object.entries(JSON.parse(line))).toEqual([
          ...Object.entries(JSON.parse(text)),
          ["updraft_row", 1],
          ["updraft_line", 1],
          ["updraft_status", "failed"],
          ["updraft_column", "zip"],
          ["updraft_code", "pattern"],
          ["updraft_message", 'column "zip" (postalCode): "5 digits"'],
          ["updraft_attempts", 2],
        ]);
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps numbers and escapes as the file writes them", () => {
    const own = '"a":1.0,"b":1e400,"c":12345678901234567890,"d":"\\u0041\\/"';
    const { text: line } = ndjsonLines().unsent(object(1, `{${own}}`), outcome(1, { status: "unsent", attempts: 0 }));
    expect(line).toBe(
      `{${own},"updraft_row":1,"updraft_line":1,"updraft_status":"unsent","updraft_message":"","updraft_attempts":0}\n`,
    );
  });

  it("drops what an earlier report added, and nothing else", () => {
    const text =
      '{ "updraft_row": 7, "a": {"updraft_x": [1, "},{"]}, "\\u0075pdraft_message": "a \\"b\\", {c", "b":1.50 , "updraft_attempts": 5 }';
    const { text: line } = ndjsonLines().error(object(1, text), FAILED, EXPLAINED);
    expect(line).toMatch(/^\{"a": \{"updraft_x": \[1, "\},\{"\]\},"b":1\.50,"updraft_row":1,/);
    expect(line.match(/updraft_message/g)).toHaveLength(1);
  });

  it("writes an object of which nothing is left without a stray comma", () => {
    for (const text of ["{}", "{ }", '{"updraft_row":3}']) {
      expect(ndjsonLines().unsent(object(1, text), outcome(1)).text).toMatch(/^\{"updraft_row":1,/);
    }
  });

  it("carries a line that could not be read as text, also when it is given back", () => {
    const raw = '{"a": "b", oops\u2028';
    const { text: line } = ndjsonLines().error(bad(1, raw), FAILED, EXPLAINED);
    expect(JSON.parse(line)).toMatchObject({ updraft_raw: raw });
    const { text: again } = ndjsonLines().error(object(1, line.trim()), FAILED, EXPLAINED);
    expect(JSON.parse(again)).toMatchObject({ updraft_raw: raw });
  });

  it("says where a mark can be put in at the end of the message", () => {
    const lines = ndjsonLines();
    for (const { text, tail } of [
      lines.error(object(1, '{"a":1}'), FAILED, EXPLAINED),
      lines.error(bad(1, "{oops"), FAILED, EXPLAINED),
      lines.unsent(object(1, "{}"), outcome(1, { status: "unsent" })),
    ]) {
      const before = JSON.parse(text);
      expect(JSON.parse(`${text.slice(0, -tail)}MARK${text.slice(-tail)}`)).toEqual({
        ...before,
        updraft_message: `${before.updraft_message}MARK`,
      });
    }
  });

  it("names customerId and times in the success file like the CSV report does", () => {
    expect(JSON.parse(ndjsonLines().success(object(9, '{"customerId":"c\\"1"}'), outcome(9), 'c"1'))).toEqual({
      updraft_row: 9,
      updraft_line: 9,
      customerId: 'c"1',
      updraft_status: "updated",
      updraft_attempts: 1,
      updraft_http: 200,
      updraft_at: "2026-01-31T12:00:05.042Z",
    });
  });
});

describe("splitMembers", () => {
  it("splits any object into texts that are its members", () => {
    fc.assert(
      fc.property(objects, (text) => {
        const inside = text.slice(1, -1).trim();
        fc.pre(inside !== "");
        const names = splitMembers(inside).map((member) => Object.entries(JSON.parse(`{${member}}`)));
        expect(names.flat()).toHaveLength(names.length);
        expect(splitMembers(inside).join(",").replace(/\s/g, "")).toBe(inside.replace(/\s/g, ""));
      }),
      { numRuns: 1000 },
    );
  });

  it("takes a string of a megabyte in its stride", () => {
    const long = JSON.stringify('"\\'.repeat(500_000));
    expect(splitMembers(`"a":${long},"b":2`)).toEqual([`"a":${long}`, '"b":2']);
  });
});
