import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import type { Format } from "../../src/open/source.ts";
import type { Told } from "../../src/parse/dialect.ts";
import { openReader } from "../../src/parse/reader.ts";
import { makePlan } from "../../src/plan/make-plan.ts";
import type { Planned } from "../../src/plan/plan.ts";
import { writeReport } from "../../src/write/report.ts";
import { sourceOf } from "../support/source.ts";
import { folder, outcome } from "./support.ts";

/** Reads, plans and reports a file as a run does whose endpoint takes every valid row. */
async function run(
  text: string,
  format: Format = "csv",
  { excel = false, told = {} }: { excel?: boolean; told?: Told } = {},
) {
  const source = sourceOf(text, format);
  const reader = await openReader(source, { told });
  const settings = { set: {}, ignoreColumns: [] };
  const plan = makePlan({
    columns: reader.columns,
    format,
    settings,
    contract: condor,
    today: "2026-01-31",
    fileName: source.name,
  });
  const planned: Planned[] = [];
  for await (const block of reader.blocks()) planned.push(...block.map((row) => plan.plan(row)));
  const outcomes = planned.map(({ kind, row }) =>
    outcome(row, kind === "update" ? {} : { status: "rejected", attempts: 0 }),
  );
  const { files, groups } = await writeReport({ reader, plan, format, dir: await folder(), outcomes, excel });
  return { errors: await readFile(files.errors ?? "", "utf8"), groups, planned };
}

describe("an errors file given back", () => {
  it.each<[Format, string]>([
    ["csv", 'customerId,firstName,email\nc1,Jo,no address\nc2,"J"o,a@b.c\nc3,Jo,a@b.c,more\nc4,"open,a@b.c\n'],
    [
      "ndjson",
      '{"customerId":"c1","email":"no address"}\n{"customerId":"c2",\n[1]\n{"customerId":"c3","email":1.50}\n',
    ],
  ])("uncorrected, as %s, is rejected again for every row and keeps what the rows were", async (format, text) => {
    const first = await run(text, format);
    expect(first.planned.map(({ kind }) => kind)).not.toContain("update");
    const second = await run(first.errors, format);
    expect(second.planned.map(({ kind }) => kind)).toEqual(first.planned.map(() => "rejection"));
    const third = await run(second.errors, format);
    const own = (errors: string) => errors.replace(/,"?updraft_row.*|,\d+,\d+,rejected,.*/g, "");
    expect(own(third.errors)).toBe(own(second.errors));
    expect(third.errors).toContain("no address");
  });

  it("corrected is a valid file", async () => {
    const first = await run('customerId,firstName,email\nc1,"Jo, the ""first""",no address\nc2,Ann,a@b.c\n');
    expect(first.groups).toMatchObject([
      { status: "rejected", column: "email", count: 1, firstRows: [{ row: 1, line: 2 }] },
    ]);
    const second = await run(first.errors.replace(/,no address,/, ",jo@b.c,"));
    expect(second.planned).toMatchObject([{ kind: "update", customerId: "c1" }]);
    expect(second.planned[0]?.kind === "update" && JSON.parse(second.planned[0].body)).toMatchObject({
      firstName: 'Jo, the "first"',
      email: "jo@b.c",
    });
  });

  it("names the columns of the file and never a value of a rejected row", async () => {
    const { errors, groups } = await run(
      "customerId,E-Mail,State,Postal Code,City,Address Line 1,Country Code A3\nsecretId,secretMail,,secretZip,,,\n",
    );
    expect(errors).toContain('column ""E-Mail"" (email): ');
    expect(JSON.stringify(groups)).not.toContain("secret");
    expect(errors.split("\n")[1]?.replace("secretId,secretMail,,secretZip,", "")).not.toContain("secret");
  });

  it("gives the same updates whatever a spreadsheet would have computed, with the file's delimiter, marked for Excel or not", async () => {
    const name = fc.string({ unit: fc.constantFrom("=", "+", "-", "@", "'", ";", ",", "|", '"', "\t", "a", "1") });
    const names = fc.array(name, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(names, fc.constantFrom(",", ";", "\t", "|"), fc.boolean(), async (given, delimiter, excel) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const records = given.map((text, at) => [`c${at}`, text, "no address"].map(quoted).join(delimiter));
        const first = await run(
          `${["customerId", "firstName", "email"].join(delimiter)}\n${records.join("\n")}\n`,
          "csv",
          { excel, told: { delimiter } },
        );
        expect(first.errors.startsWith("\uFEFF")).toBe(excel);
        expect(first.errors.split("\n")[0]).toContain(`updraft_row${delimiter}updraft_line`);
        const second = await run(first.errors.replaceAll("no address", "a@b.c"));
        const meant = given.map((text) => text.trim() || undefined);
        const sent = second.planned.map((one) => (one.kind === "update" ? JSON.parse(one.body).firstName : one));
        expect(sent).toEqual(meant);
      }),
      { numRuns: 60 },
    );
  });
});
