// Headers in; their names, or the one sentence that says why the file is refused, out.
import { describe, expect, test } from "vitest";
import { EXIT, UpdraftError } from "../../src/errors.ts";
import { openReader } from "../../src/parse/reader.ts";
import { sourceOf } from "../support/source.ts";

async function refusal(content: string | Buffer): Promise<UpdraftError> {
  const error = await openReader(sourceOf(content)).catch((thrown: unknown) => thrown);
  if (error instanceof UpdraftError) return error;
  throw new Error("the file was not refused");
}

describe("openReader of CSV: the header", () => {
  test("names are trimmed and may be quoted", async () => {
    const reader = await openReader(sourceOf('customerId, First Name ,"Line, one"\n1,2,3\n'));
    expect(reader.columns).toEqual(["customerId", "First Name", "Line, one"]);
  });

  test.each([
    ["a header and nothing else", "customerId,email\n\n", "file-no-records"],
    ["a name twice", "customerId,email, email\n1,2,3\n", "header-same-name"],
    ["the whole header twice", "customerId,email\n\ncustomerId , email\n1,2\n", "header-repeated"],
    ["no name for a column", "customerId,,email\n1,2,3\n", "header-unnamed"],
    ["names for the first columns alone", "customerId,city,,,\n1,Rome,x,y,z\n2,Oslo,x,y,z\n", "header-unnamed"],
    ["a quote that is not closed in the header", 'customerId,"email\n1,2\n', "header-unreadable"],
    [
      "bytes that are not UTF-8 in the header",
      Buffer.from("customerId,stra\xdfe\n1,2\n", "latin1"),
      "header-unreadable",
    ],
    ["a header longer than 1 MiB", `customerId,${"x".repeat(2 * 1024 * 1024)}\n1,2\n`, "header-unreadable"],
    ["an e-mail address in place of a name", "c1,ann@example.com\nc2,bob@example.com\n", "header-looks-like-data"],
    ["an id in place of a name", "csta_6clNH3W2pBehujY8mpTCU8,Ann\ncsta_2,Bob\n", "header-looks-like-data"],
    ["a date in place of a name", "Ann,1978-10-25\nBob,1979-01-02\n", "header-looks-like-data"],
  ])("%s: refused with exit code 2", async (_, content, code) => {
    const error = await refusal(content);
    expect(error).toMatchObject({ code, exit: EXIT.usage });
    expect(`${error.message} ${error.next}`).not.toMatch(/[{}]/);
  });

  test("a name may begin or end with an @, also as a report guards it", async () => {
    expect((await openReader(sourceOf("customerId,@id,n@\n1,2,3\n"))).columns).toEqual(["customerId", "@id", "n@"]);
    const report = await openReader(sourceOf("customerId,'@id,updraft_row,updraft_line\nc1,2,3,4\n"));
    expect(report.columns).toContain("@id");
  });

  test("a refusal of data in the header does not repeat the data", async () => {
    const error = await refusal("c1,ann@example.com\nc2,bob@example.com\n");
    expect(error.message).toBe(
      "rows.csv has no header: column 2 of its first record, on line 1, looks like data, not like a name",
    );
  });
});
