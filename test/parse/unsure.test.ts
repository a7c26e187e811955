// Files that can be read in two ways in; the refusal, or the rows once a person has said which it is, out.
import { describe, expect, test } from "vitest";
import type { Told } from "../../src/parse/dialect.ts";
import { openReader } from "../../src/parse/reader.ts";
import { sourceOf } from "../support/source.ts";

const open = (content: string, told: Told = {}, lenient = false) => openReader(sourceOf(content), { told, lenient });
const EITHER = "id;first|name\n1;2|3\n4;5|6\n";

describe("a file of which nobody can be sure how it is written", () => {
  test("is refused, with both readings and the flags that settle it", async () => {
    await expect(open(EITHER)).rejects.toMatchObject({
      code: "dialect-unsure",
      exit: 2,
      message: expect.stringMatching(/with delimiter [;|] or with delimiter [;|],/),
      next: expect.stringMatching(/: --delimiter '[;|]' or --delimiter '[;|]'$/),
    });
  });

  test("is read as soon as it is told", async () => {
    expect((await open(EITHER, { delimiter: "|" })).columns).toEqual(["id;first", "name"]);
    expect((await open(EITHER, { delimiter: ";" })).columns).toEqual(["id", "first|name"]);
  });

  test("is shown all the same where it is only looked at", async () => {
    expect((await open(EITHER, {}, true)).confidence).toBeLessThan(0.6);
  });

  test.each([
    ["one column", "customerId\n1\n2\n"],
    ["one row", "customerId;name\n1;Ann\n"],
    ["one row of addresses", "customerId,address\n1,12 Main Street\n"],
    ["columns of words", "first last,street city\nAnn Lee,Elm Troy\nBob Ray,Oak Rome\n"],
    ["a broken row beside a sound one", 'customerId,name,city\n1,"Ann,Rome\n2,Bob Lee,New York\n'],
  ])("is not one that is merely small: %s", async (_, content) => {
    expect((await open(content)).columns.length).toBeGreaterThan(0);
  });
});
