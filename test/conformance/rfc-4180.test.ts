// Files of the kinds that the rules of RFC 4180 (section 2) allow or forbid, and of those that it leaves open, in; their rows out.
import { describe, expect, test } from "vitest";
import { shown } from "./read.ts";

const one = (value: string) => [{ id: "7", note: value, end: "z" }];
const row = (cell: string) => `id,note,end\r\n7,${cell},z\r\n`;

describe("RFC 4180", () => {
  test.each([
    [
      "1: records end with CRLF",
      "id,note\r\n1,a\r\n2,b\r\n",
      [
        { id: "1", note: "a" },
        { id: "2", note: "b" },
      ],
    ],
    [
      "1: or with LF",
      "id,note\n1,a\n2,b\n",
      [
        { id: "1", note: "a" },
        { id: "2", note: "b" },
      ],
    ],
    [
      "1: or with CR",
      "id,note\r1,a\r2,b\r",
      [
        { id: "1", note: "a" },
        { id: "2", note: "b" },
      ],
    ],
    ["2: the last one may lack its end", "id,note\r\n1,a", [{ id: "1", note: "a" }]],
    ["2: and be empty at its end", "id,note\r\n1,", [{ id: "1", note: "" }]],
    ["4: spaces are part of a cell, before it", row(" a"), one(" a")],
    ["4: and behind it", row("a "), one("a ")],
    ["4: and alone", row("  "), one("  ")],
    ["4: one column is a table", "id\r\n1\r\n2\r\n", [{ id: "1" }, { id: "2" }]],
    ["4: cells may be empty", row(""), one("")],
    ["5: cells may be quoted", row('"a"'), one("a")],
    ["5: and so may names", '"id","no te"\r\n"1","a"\r\n', [{ id: "1", "no te": "a" }]],
    ["5: an empty cell may be quoted", row('""'), one("")],
    ["5: quotes keep spaces", row('" a b "'), one(" a b ")],
    ["6: quotes hold delimiters", row('"a, b, c"'), one("a, b, c")],
    ["6: and line feeds", row('"a\nb"'), one("a\nb")],
    ["6: and CRLF, as it is", row('"a\r\n\r\nb"'), one("a\r\n\r\nb")],
    ["6: and both at the edges", row('",\r\n,"'), one(",\r\n,")],
    ["7: a quote within is doubled", row('"a ""b"" c"'), one('a "b" c')],
    ["7: also at the edges", row('"""a"""'), one('"a"')],
    ["7: and alone", row('""""'), one('"')],
    ["beyond: text in UTF-8", row("Łódź 😀"), one("Łódź 😀")],
    ["beyond: a byte order mark is no part of the first name", `\uFEFF${row("a")}`, one("a")],
    ["beyond: an apostrophe is a letter", row("O'Brien's"), one("O'Brien's")],
    ["beyond: a backslash is a letter", row('"C:\\dir\\"'), one("C:\\dir\\")],
    ["beyond: digits stay as they are", row("00123"), one("00123")],
  ])("rule %s", async (_, content, expected) => {
    expect((await shown(content)).rows.map(({ values }) => values)).toEqual(expected);
  });

  test.each([
    ["4: fewer cells", "id,note,end\r\n1,2\r\n7,a,z\r\n", "column-count"],
    ["4: more cells", "id,note,end\r\n1,2,3,4\r\n7,a,z\r\n", "column-count"],
    ["5: a quote in a plain cell", 'id,note,end\r\n1,5" pipe,3\r\n7,a,z\r\n', "quote-in-field"],
    ["7: a quote within that is not doubled", 'id,note,end\r\n1,"a "b" c",3\r\n7,a,z\r\n', "text-after-quote"],
    ["7: text behind a closing quote", 'id,note,end\r\n1,"a" b,3\r\n7,a,z\r\n', "text-after-quote"],
    ["5: a quote that never closes", 'id,note,end\r\n1,"a,3\r\n7,a,z\r\n', "quote-not-closed"],
  ])("rule %s: that record is rejected, the next one read", async (_, content, code) => {
    expect((await shown(content)).rows).toMatchObject([{ error: { code } }, { values: one("a")[0] }]);
  });

  test("rule 3: a header is recognised, and so is that there is none", async () => {
    const headed = await shown("id,day\r\n1,2026-01-01\r\n2,2026-01-02\r\n");
    expect(headed).toMatchObject({ head: { dialect: { headerLines: 1 }, columns: ["id", "day"] } });
    const bare = await shown("1,2026-01-01\r\n2,2026-01-02\r\n");
    expect(bare).toMatchObject({ head: { dialect: { headerLines: 0 }, columns: ["column 1", "column 2"] } });
    expect([headed.rows.length, bare.rows.length]).toEqual([2, 2]);
  });
});
