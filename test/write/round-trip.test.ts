import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import type { Format, Source } from "../../src/open/source.ts";
import { openReader } from "../../src/parse/reader.ts";
import { makePlan } from "../../src/plan/make-plan.ts";
import type { Planned } from "../../src/plan/plan.ts";
import { writeReport } from "../../src/write/report.ts";
import { folder, outcome } from "./support.ts";

/** Reads, plans and reports a file as a run does whose endpoint takes every valid row. */
async function run(text: string, format: Format = "csv") {
  const bytes = Buffer.from(text);
  const source: Source = {
    name: `customers.${format}`,
    format,
    sheet: null,
    about: [],
    bytes: bytes.length,
    sha256: "",
    lines: 0,
    async *read() {
      yield bytes;
    },
    async close() {},
  };
  const reader = await openReader(source);
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
  const { files, groups } = await writeReport({ reader, plan, format, dir: await folder(), outcomes });
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
});
