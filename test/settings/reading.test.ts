// What a person says of how a file is written in; what the reader is told, or the sentence that says what is wrong, out.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Given, loadLocalSettings } from "../../src/config.ts";
import { UpdraftError } from "../../src/errors.ts";
import { parseJob } from "../../src/plan/job.ts";
import { toldBy } from "../../src/settings/reading.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-reading-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function told(flags: Given["flags"], env: Given["env"] = {}, job?: Given["job"]) {
  return toldBy(loadLocalSettings({ flags, env: { HOME: folder, ...env }, cwd: folder, job }));
}

function refusal(flags: Given["flags"]): string {
  try {
    told(flags);
  } catch (error) {
    if (error instanceof UpdraftError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("toldBy", () => {
  test.each<[Given["flags"], object]>([
    [{}, {}],
    [{ delimiter: ";" }, { delimiter: ";" }],
    [{ delimiter: "tab" }, { delimiter: "\t" }],
    [{ delimiter: "\\t" }, { delimiter: "\t" }],
    [{ delimiter: "space" }, { delimiter: " " }],
    [{ delimiter: ", " }, { delimiter: ", " }],
    [
      { quote: "none", escape: "none", comment: "none" },
      { quote: null, escape: null, comment: null },
    ],
    [
      { quote: "'", escape: "\\", comment: "//" },
      { quote: "'", escape: "\\", comment: "//" },
    ],
    [
      { noHeader: "yes", columns: "a, b ,c" },
      { headerLines: 0, columns: ["a", "b", "c"] },
    ],
    [{ delimiter: "auto", quote: "auto", noHeader: "auto", columns: "auto", dialect: "auto" }, {}],
  ])("%o", (flags, expected) => {
    expect(told(flags)).toEqual(expected);
  });

  test("a file says all of it, and each flag goes before that", () => {
    // With a byte order mark, as some editors write one.
    writeFileSync(
      join(folder, "how.json"),
      '\uFEFF{"delimiter": ";", "quote": null, "headerLines": 2, "footnoteLines": 1}',
    );
    const all = { delimiter: ";", quote: null, headerLines: 2, footnoteLines: 1 };
    expect(told({ dialect: "how.json" })).toEqual(all);
    expect(told({}, { UPDRAFT_DIALECT: "how.json" })).toEqual(all);
    expect(told({ dialect: "how.json", delimiter: "|", noHeader: "yes" })).toEqual({
      ...all,
      delimiter: "|",
      headerLines: 0,
    });
  });

  test("a job says it as an object", () => {
    const { job } = parseJob({ name: "a", dialect: { delimiter: ";", headerLines: 0, columns: ["x"] } }, folder);
    expect(told({ comment: "#" }, {}, job?.settings)).toEqual({
      delimiter: ";",
      headerLines: 0,
      columns: ["x"],
      comment: "#",
    });
    const { issues } = parseJob({ name: "a", dialect: { headerLine: 0 } }, folder);
    expect(issues?.[0]?.message).toContain('"headerLine" is none of them: did you mean "headerLines"?');
  });

  test.each<[Given["flags"], string]>([
    [{ delimiter: "" }, "--delimiter: expected 1 to 8 characters"],
    [{ delimiter: '"' }, "--delimiter: expected 1 to 8 characters"],
    [{ quote: "ab" }, "--quote: expected one character, or none"],
    [{ columns: "a,,b" }, "--columns: expected names with commas between them"],
    [{ noHeader: "maybe" }, "--no-header: expected yes or no"],
    [{ dialect: "missing.json" }, "missing.json, named by --dialect, cannot be read (ENOENT)"],
    [{ dialect: '{"delimeter": ";"}' }, '"delimeter" is none of them: did you mean "delimiter"?'],
    [{ dialect: '{"headerLines": "1"}' }, "expected its headerLines to be a whole number from 0 to 1000"],
    [{ dialect: '{"encoding": 7}' }, "expected its encoding to be utf-8, utf-16le"],
    [{ dialect: '{"quote": "ab"}' }, "expected its quote to be one character, or none"],
  ])("%o is refused", (flags, message) => {
    expect(refusal(flags)).toContain(message);
  });

  test("a file of customers that is named by mistake is not shown", () => {
    writeFileSync(join(folder, "customers.csv"), "customerId\nSECRET\n");
    expect(refusal({ dialect: "customers.csv" })).not.toMatch(/SECRET|customerId/);
  });
});
