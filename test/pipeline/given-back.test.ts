// Files as people write them, with rows to be corrected, in; their errors file, corrected and given back as the summary says, out.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

/** Each of its rows has something that a report could lose or change; two of three have an e-mail address that is none. */
const ROWS = [
  ["c1", "=1+2", "J\nO", "a@b.c"],
  ["c2", "'-Åsa", "it's", "bad"],
  ["c3", " , ; |", 'say "hi"', "bad"],
  ["c4", "#Ann", "O'Neill", "a@b.c"],
  ["c5", "@Jo", "-", "bad"],
  ["c6", "+49", "Last", "bad"],
] as const;
const NAMES = ["customerId", "firstName", "lastName", "email"];

const mended = (text: string) => text.replaceAll("bad", "a@b.c");

/** Quoted wherever there is a letter: any reader of the dialect takes it. */
function written(between: string, quote: string, header = true): string {
  const cell = (text: string) => `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
  return [...(header ? [NAMES] : []), ...ROWS].map((row) => `${row.map(cell).join(between)}\n`).join("");
}

const KINDS: Record<string, { content: string | Buffer; name?: string; job?: string }> = {
  "with semicolons": { content: written(";", '"') },
  "with tabs, in windows-1252": { content: Buffer.from(written("\t", '"'), "latin1"), job: 'encoding: "windows-1252"' },
  "with a comma and a space": { content: written(", ", '"') },
  "with apostrophes": { content: written("|", "'") },
  "without a header, which the job tells": {
    content: written(";", '"', false),
    job: `dialect: { headerLines: 0, columns: ${JSON.stringify(NAMES)} }`,
  },
  "with lines above and below, and comments, which the job tells": {
    content: `Export\n\n# of today\n${written("~", "'")}sum: 4\nend\n`,
    job: `dialect: { delimiter: "~", quote: "'", comment: "#", preambleLines: 2, footnoteLines: 2 }`,
  },
  "as lines of JSON": {
    content: ROWS.map(
      (row) => `${JSON.stringify(Object.fromEntries(NAMES.map((name, at) => [name, row[at]])))}\n`,
    ).join(""),
    name: "in.ndjson",
    job: 'encoding: "utf-8"',
  },
  "as a JSON array": {
    content: JSON.stringify(
      ROWS.map((row) => Object.fromEntries(NAMES.map((name, at) => [name, row[at]]))),
      null,
      2,
    ),
    name: "in.json",
  },
};

describe("errors.csv of a file", () => {
  test.each(Object.entries(KINDS))(
    "%s, corrected and given back, makes the updates of the first file",
    async (_, kind) => {
      const { content, name = "in.csv", job = "" } = kind;
      const folder = dirname(path.file("odd.ts", `export default { name: "odd", ${job} };`));
      const env = { UPDRAFT_JOBS: folder };
      const file = path.file(name, "");
      writeFileSync(file, content);
      const simulator = await path.simulate({ codeShare: 0 });
      for (const flags of [["--excel"], []]) {
        const first = await path.given(
          [file, "--job", "odd", ...flags, ...(flags.length === 0 ? ["--again"] : [])],
          env,
        );
        expect(first.summary.counts).toMatchObject({ updated: 2, rejected: 4 });
        expect((await path.ask(["verify", first.summary.run], env)).stdout).toContain("They agree");
        const errors = first.summary.reports.errors ?? "";
        const back = path.file(`back-${flags.length}-${name}`, mended(readFileSync(errors, "utf8")));
        const second = await path.given([back, "--job", "odd", "--again"], env);
        expect(second.summary.counts).toMatchObject({ updated: 4, rejected: 0 });
        expect((await path.ask(["verify", second.summary.run], env)).stdout).toContain("They agree");
      }
      const known = [...simulator.customers()].map(({ customerId, firstName, lastName, email }) => [
        ...[customerId, firstName, lastName, email],
      ]);
      expect(known.sort()).toEqual(ROWS.map((row) => row.map((text) => mended(text).trim())));
    },
  );
});
