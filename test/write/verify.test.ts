// A run's folder, whole or tampered with: what verify finds, and that what it says holds no value.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock as clock } from "../../src/clock.ts";
import { openInput } from "../../src/input.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { readOrigin, writeOrigin } from "../../src/settle/origin.ts";
import { type Outcome, rejected } from "../../src/settle/outcome.ts";
import { conclude, startReport } from "../../src/write/conclude.ts";
import { type Verdict, verifyRun } from "../../src/write/verify.ts";
import { AT, outcome, useFolder } from "../queue/support.ts";

const folder = useFolder();

const SECRETS = ["Holtsville", "csta_4", "bad-mail", "1 Main", "Ünal", "another text entirely"];
const CSV = `Customer ID,lastName,Notes,email,updraft_row,city
csta_1,Ünal,"say ""hi"",
then go",a@b.c,7,
csta_2,"Two
lines",,,8,
csta_3,Three,,bad-mail,9,
csta_4,Four,too,few
csta_5,Fi\0ve,,,10,
csta_6,Six,plain,s@b.c,,
"csta_7",Seven,,,,
csta_8,"Eight,8",,,,
csta_9,,,,,
csta_10,Ten,,t@b.c,,
`;
const NDJSON = `{"customerId":"csta_1","lastName":"Ünal","Notes":1.50,"updraft_row":3}
{"customerId":2,"lastName":"Two","Notes":{"a":[1]}}
{"customerId":"csta_3","email":"bad-mail"}
{"customerId":"csta_4",
["csta_5"]
{"customerId":"csta_6","lastName":"Six"}
{"customerId":"csta_7","lastName":"Seven"}

{"customerId":"csta_8","lastName":"Eight"}
{"customerId":"csta_9"}
{"customerId":"csta_10","lastName":"Ten"}
`;

type Format = "csv" | "ndjson";
interface Made {
  readonly dir: string;
  readonly file: string;
  verify(file?: string): Promise<Verdict>;
}

/** A run that has ended so, of which rows from `answered` on have no outcome; the sixth row failed, the eighth is unknown. */
async function makeRun(
  format: Format,
  state: "complete" | "cancelled" | "stopped" | "interrupted" = "complete",
  answered = 10,
  content = format === "csv" ? CSV : NDJSON,
): Promise<Made> {
  const root = await folder.dir();
  const dir = join(root, "runs", "id");
  const file = join(root, `in.${format}`);
  writeFileSync(file, content);
  const mapping = { set: {}, ignoreColumns: ["Notes"] };
  const { source, reader, plan } = await openInput({ file, mapping, settings: { dataDir: root } });
  const ledger = openLedger(dir);
  ledger.begin(AT);
  const baseUrl = "http://127.0.0.1:1";
  const { name, bytes, sha256 } = source;
  writeOrigin(ledger, {
    v: 1,
    path: file,
    name,
    format,
    bytes,
    sha256,
    encoding: "utf-8",
    job: "default",
    mapping,
    limit: null,
    baseUrl,
  });
  const outcomes: Outcome[] = [];
  for await (const block of reader.blocks()) {
    for (const row of block.filter((one) => one.row <= answered)) {
      const planned = plan.plan(row);
      if (planned.kind === "rejection") outcomes.push(rejected(row.row, planned.problems, AT));
      else if (row.row === 6)
        outcomes.push(outcome(6, { status: "failed", http: 400, cause: { code: "extCondor", subCode: "C0900" } }));
      else if (row.row === 8)
        outcomes.push(
          outcome(8, {
            status: "unknown",
            http: 0,
            ambiguous: true,
            attempts: 5,
            cause: { code: "no-definite-answer", last: "reset" },
          }),
        );
      else outcomes.push(outcome(row.row, { attempts: row.row }));
    }
  }
  ledger.write(outcomes, [], { epoch: "1" });
  ledger.writePast([[10, { tries: 1, requests: 2, ambiguous: false }]]);
  const settings = { rate: null, concurrency: 1, attempts: 5, timeoutMs: 1_000 };
  const shared = {
    baseUrl,
    run: "id",
    job: "default",
    mapping,
    dir,
    ledger,
    source,
    reader,
    plan,
    clock,
    settings,
    start: AT,
    began: clock.now(),
    progress: () => {},
  };
  const reporting = startReport(shared, () => 11);
  await conclude(
    {
      ...shared,
      jobs: null,
      answeredBefore: 0,
      notes: [],
      read: 10,
      finished: state === "complete",
      blocked: null,
      stopped: state === "stopped" ? { rule: "stop-after", message: "2 rows failed", rows: [6, 8] } : null,
      cancelled: state === "cancelled",
    },
    reporting,
  );
  ledger.close();
  return {
    dir,
    file,
    async verify(path = file) {
      const opened = openLedger(dir, { make: false });
      const input = await openInput({ file: path, mapping, settings: { dataDir: root } });
      try {
        const origin = readOrigin(opened);
        return await verifyRun({ run: "id", dir, ledger: opened, origin, file: input.source, input });
      } finally {
        opened.close();
        await input.source.close();
      }
    },
  };
}

const placesOf = ({ differences }: Verdict) =>
  differences.map(({ where, row, line, expected, got }) => `${where} ${row}/${line}: ${expected} | ${got}`);

function edit(dir: string, name: string, change: (text: string) => string): void {
  writeFileSync(join(dir, name), change(readFileSync(join(dir, name), "utf8")));
}

test.each([";", "\t", "|"])(
  "a run of a file with %j between its cells, one of them with a NUL, agrees with itself",
  async (end) => {
    const { verify } = await makeRun("csv", "complete", 10, CSV.replaceAll(",", end));
    expect(placesOf(await verify())).toEqual([]);
  },
);

describe.each<Format>(["csv", "ndjson"])("a run of a file as %s, with rows of every kind,", (format) => {
  test.each(["complete", "cancelled", "stopped", "interrupted"] as const)(
    "that ended %s agrees with itself",
    async (state) => {
      const { verify } = await makeRun(format, state, state === "complete" ? 10 : 8);
      const verdict = await verify();
      expect(placesOf(verdict)).toEqual([]);
      const rest = state === "complete" ? 0 : 2;
      expect(verdict).toMatchObject({ state, agrees: true, ended: true, rows: 10, read: 10, differing: 0 });
      const [updated, invalid] = rest === 0 ? [4, 4] : [3, 3];
      expect(verdict.counts).toEqual({
        ...{ updated, unchanged: 0, rejected: invalid, failed: 1, unknown: 1, unsent: rest },
      });
      const { success, errors, unsent = 0 } = verdict.reports;
      expect((success ?? 0) + (errors ?? 0) + unsent).toBe(state === "interrupted" ? 8 : 10);
    },
  );

  test("whatever line of a report is lost, repeated, moved or changed, differs, in words without a value", async () => {
    const { dir, verify } = await makeRun(format, "cancelled", 8);
    const reports = ["success", "errors", "unsent"].map((name) => `${name}.${format}`);
    const whole = new Map(reports.map((name) => [name, readFileSync(join(dir, name), "utf8")]));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...reports),
        fc.nat(100),
        fc.constantFrom("lost", "again", "swapped", "changed"),
        async (name, at, how) => {
          const text = whole.get(name) ?? "";
          const lines = text.split(/(?<=\n)/);
          const from = format === "csv" ? 1 : 0;
          const index = from + (at % (lines.length - from));
          const line = lines[index] ?? "";
          const next = lines[index + 1] ?? "";
          if (how === "lost") lines.splice(index, 1);
          if (how === "again") lines.splice(index, 0, line);
          if (how === "swapped") lines.splice(index, 2, next, line);
          if (how === "changed") lines[index] = line.replace(/([a-z0-9])([^a-z0-9]*)$/i, "another text entirely$2");
          fc.pre(lines.join("") !== text);
          writeFileSync(join(dir, name), lines.join(""));
          const verdict = await verify();
          writeFileSync(join(dir, name), text);
          expect(verdict.agrees).toBe(false);
          for (const secret of SECRETS) expect(JSON.stringify(verdict)).not.toContain(secret);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test.each<Format>(["csv", "ndjson"])(
  "a rejected row so long that its line in the report cannot be read back, as %s, agrees",
  async (format) => {
    const long = "x".repeat(1_048_500);
    const row = { csv: `csta_7,,${long},bad,,\n`, ndjson: `{"customerId":"csta_7","email":"bad","Notes":"${long}"}\n` };
    const line = { csv: /^"csta_7".*\n/m, ndjson: /^.*csta_7.*\n/m };
    const content = { csv: CSV, ndjson: NDJSON }[format].replace(line[format], row[format]);
    const { verify } = await makeRun(format, "complete", 10, content);
    const verdict = await verify();
    expect(placesOf(verdict)).toEqual([]);
    expect(verdict.counts.rejected).toBe(5);
  },
);

describe("verify tells where and what:", () => {
  const rejoin = (change: (lines: string[]) => string[]) => (text: string) => change(text.split(/(?<=\n)/)).join("");
  test.each<[string, (made: Made) => void, string[]]>([
    [
      "a row that is not in its report",
      ({ dir }) =>
        edit(
          dir,
          "success.csv",
          rejoin(([a = "", , ...rest]) => [a, ...rest]),
        ),
      ["success.csv 1/2: the row | no such row"],
    ],
    [
      "a row that is there twice",
      ({ dir }) =>
        edit(
          dir,
          "success.csv",
          rejoin(([a = "", b = "", ...rest]) => [a, b, b, ...rest]),
        ),
      ["success.csv 1/2: the row once | the row again"],
    ],
    [
      "two rows that changed places",
      ({ dir }) =>
        edit(
          dir,
          "success.csv",
          rejoin(([a = "", b = "", c = "", ...rest]) => [a, c, b, ...rest]),
        ),
      ["success.csv 1/2: the row | no such row", "success.csv 2/4: each row once, in the order of the file | row 1"],
    ],
    [
      "a row in the wrong report",
      ({ dir }) => edit(dir, "success.csv", (t) => t.replace(/^7,/m, "6,")),
      ["success.csv 6/9: not this row | this row", "success.csv 7/10: the row | no such row"],
    ],
    [
      "rows behind the end of the file",
      ({ dir }) => edit(dir, "success.csv", (t) => `${t}11,15,csta_11,updated,1,200,2026-01-31T12:00:05.000Z\n`),
      ["success.csv null/null: nothing behind the last row | row 11"],
    ],
    [
      "another status",
      ({ dir }) => edit(dir, "errors.csv", (t) => t.replace(",failed,", ",unknown,")),
      ["errors.csv 6/9: updraft_status failed | unknown"],
    ],
    [
      "another number of attempts",
      ({ dir }) => edit(dir, "success.csv", (t) => t.replace(",updated,7,", ",updated,3,")),
      ["success.csv 7/10: updraft_attempts 7 | 3"],
    ],
    [
      "another customer",
      ({ dir }) => edit(dir, "success.csv", (t) => t.replace("csta_7", "csta_8")),
      ["success.csv 7/10: the customerId of the file | another"],
    ],
    [
      "another time",
      ({ dir }) => edit(dir, "success.csv", (t) => t.replace("12:00:05", "12:00:06")),
      ["success.csv 1/2: updraft_at 2026-01-31T12:00:05.000Z | 2026-01-31T12:00:06.000Z"],
    ],
    [
      "another cell of the file",
      ({ dir }) => edit(dir, "errors.csv", (t) => t.replace("plain", "PLAIN")),
      ['errors.csv 6/9: column "Notes" as in the file | another text'],
    ],
    [
      "another text of a record that could not be read",
      ({ dir }) => edit(dir, "errors.csv", (t) => t.replace("too,few", "too,many")),
      ["errors.csv 4/7: the record as in the file | another text"],
    ],
    [
      "another code",
      ({ dir }) => edit(dir, "errors.csv", (t) => t.replace("C0900", "C0901")),
      ["errors.csv 6/9: updraft_code extCondor/C0900 | another text"],
    ],
    [
      "a count of the summary",
      ({ dir }) => edit(dir, "summary.json", (t) => t.replace('"failed": 1', '"failed": 2')),
      ["summary.json null/null: counts.failed 1 | 2", "summary.json null/null: the sum of its counts 10 | 11"],
    ],
    [
      "a summary of another state",
      ({ dir }) => edit(dir, "summary.json", (t) => t.replace('"complete"', '"cancelled"')),
      ["summary.json null/null: state complete | cancelled"],
    ],
    [
      "a summary that says another reason for a stop",
      ({ dir }) => edit(dir, "summary.json", (t) => t.replace('"stopped": null', '"stopped": { "rule": "canary" }')),
      ["summary.json null/null: stopped.rule none | canary"],
    ],
    [
      "a summary that is gone",
      ({ dir }) => rmSync(join(dir, "summary.json")),
      ["summary.json null/null: a summary | no file"],
    ],
    [
      "a report that is gone",
      ({ dir }) => renameSync(join(dir, "success.csv"), join(dir, "old.csv")),
      ["success.csv null/null: a report | no file"],
    ],
    [
      "a report that was emptied",
      ({ dir }) => edit(dir, "errors.csv", () => ""),
      [3, 4, 5, 6, 8, 9].map((row) => `errors.csv ${row}/${row + 3}: the row | no such row`),
    ],
    [
      "a file that is half written",
      ({ dir }) => writeFileSync(join(dir, "unsent.csv.partial"), ""),
      ["folder null/null: no file that is half written | unsent.csv.partial"],
    ],
    [
      "an outcome of a row that the file does not have",
      ({ dir }) => {
        const ledger = openLedger(dir);
        ledger.write([outcome(11)]);
        ledger.close();
      },
      [
        "ledger.db 11/null: no outcome: the run has not read such a row | updated",
        "success.csv 11/null: the row | no such row",
        "summary.json null/null: counts.updated 5 | 4",
        "summary.json null/null: requests.sent 27 | 26",
      ],
    ],
  ])("%s", async (_what, tamper, differences) => {
    const made = await makeRun("csv");
    tamper(made);
    const verdict = await made.verify();
    expect(placesOf(verdict)).toEqual(differences);
    expect(verdict).toMatchObject({ agrees: false, differing: differences.length });
  });
});
