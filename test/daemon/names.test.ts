import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMeant, nthName } from "../../src/daemon/names.ts";

describe("isMeant", () => {
  it.each([".csv", "..foo", ".hidden.csv", "a.csv.part", "a.TMP", "a.csv~", "~$a.xlsx"])("never takes %s", (name) => {
    expect(isMeant(name, false)).toBe(false);
  });

  it.each(["a.csv", "-rf.csv", "a b\n.csv", "summary.json", "part", "tmp", "a.part.csv", "a.done"])(
    "takes %j",
    (name) => expect(isMeant(name, false)).toBe(true),
  );

  it("takes no marker where markers complete files", () => {
    expect(isMeant("a.csv.done", true)).toBe(false);
    expect(isMeant("done", true)).toBe(true);
  });
});

describe("nthName", () => {
  it("numbers a name before its ending", () => {
    expect([1, 2, 3].map((n) => nthName("a.b.csv.gz", n))).toEqual(["a.b.csv.gz", "a.b.2.csv.gz", "a.b.3.csv.gz"]);
    expect(nthName("a.xlsx", 2)).toBe("a.2.xlsx");
    expect(nthName("a.csv.zip", 2)).toBe("a.2.csv.zip");
    expect(nthName("noending", 2)).toBe("noending.2");
    expect(nthName(".csv", 2)).toBe(".2.csv");
  });

  it("makes no name longer than a file system takes, none cut within a character, and none twice", () => {
    const names = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(names, fc.nat(30), fc.constantFrom("", ".csv", ".ndjson.gz"), (start, behind, ending) => {
        const all = [1, 2, 10].map((n) => nthName(start + ending, n, behind));
        for (const name of all) {
          expect(Buffer.byteLength(name) + behind).toBeLessThanOrEqual(255);
          expect(name.endsWith(ending)).toBe(true);
          expect(Buffer.from(name).toString()).toBe(Buffer.from(name.toWellFormed()).toString());
        }
        expect(new Set(all).size).toBe(3);
      }),
    );
  });
});
