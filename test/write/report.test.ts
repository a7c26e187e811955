import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STATUSES, type Status } from "../../src/settle/outcome.ts";
import { openReport, writeReport } from "../../src/write/report.ts";
import { bad, cells, folder, object, outcome, planOf, readerOf } from "./support.ts";

const COLUMNS = ["customerId", "city"];
const REFUSED = { status: "failed", http: 400, cause: { code: "xyz" } } as const;
const plan = planOf();

function csv(rows: number, dir: string) {
  const all = Array.from({ length: rows }, (_, index) => cells(index + 1, `c${index + 1}`, "Lyon"));
  return { reader: readerOf(COLUMNS, all), plan, format: "csv", dir } as const;
}

describe("writeReport", () => {
  it("puts each row into exactly one file, in input order, whatever the outcomes and the blocks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...STATUSES), { maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        async (statuses, size) => {
          const dir = await folder();
          const rows = statuses.map((_, index) => cells(index + 1, `c${index}`, ""));
          const problems = [{ column: "city", path: "/city", code: "required", message: "missing" }];
          const outcomes = statuses.map((status, index) =>
            outcome(index + 1, { status, cause: { code: "x", problems } }),
          );
          const { files } = await writeReport({
            reader: readerOf(COLUMNS, rows, size),
            plan,
            format: "csv",
            dir,
            outcomes,
          });
          const rowsOf = async (path: string | null) => {
            const [header = [], ...records]: string[][] = path === null ? [] : parse(await readFile(path));
            return records.map((record) => Number(record[header.indexOf("updraft_row")]));
          };
          const expected = (...kinds: string[]) =>
            statuses.flatMap((status, index) => (kinds.includes(status) ? [index + 1] : []));
          expect(await rowsOf(files.success)).toEqual(expected("updated", "unchanged"));
          expect(await rowsOf(files.errors)).toEqual(expected("rejected", "failed", "unknown"));
          expect(await rowsOf(files.unsent)).toEqual(expected("unsent"));
          expect(files.unsent === null).toBe(!statuses.includes("unsent"));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("writes success and errors with a header alone when no row belongs there, and no unsent file", async () => {
    const dir = await folder();
    const { files, groups } = await writeReport({ ...csv(0, dir), outcomes: [] });
    expect(files).toEqual({ success: join(dir, "success.csv"), errors: join(dir, "errors.csv"), unsent: null });
    expect((await readdir(dir)).sort()).toEqual(["errors.csv", "success.csv"]);
    expect(await readFile(join(dir, "success.csv"), "utf8")).toBe(
      "updraft_row,updraft_line,customerId,updraft_status,updraft_attempts,updraft_http,updraft_at\n",
    );
    expect(groups).toEqual([]);
  });

  it("writes the lines people read", async () => {
    const dir = await folder();
    const rows = [cells(1, "c1", "Lyon"), cells(2, "c2", 'a "b", c'), bad(3, "x,y,z"), cells(4, "c4", "")];
    const outcomes = [
      outcome(1),
      outcome(2, REFUSED),
      outcome(3, { status: "rejected", attempts: 0 }),
      outcome(4, { status: "unsent", attempts: 0 }),
    ];
    await writeReport({ reader: readerOf(COLUMNS, rows), plan, format: "csv", dir, outcomes });
    expect(await readFile(join(dir, "success.csv"), "utf8")).toContain(
      "\n1,2,c1,updated,1,200,2026-01-31T12:00:05.042Z\n",
    );
    expect(await readFile(join(dir, "errors.csv"), "utf8")).toBe(
      [
        "customerId,city,updraft_row,updraft_line,updraft_status,updraft_column,updraft_code,updraft_message,updraft_attempts",
        'c2,"a ""b"", c",2,3,failed,,xyz,"the endpoint answered code ""xyz"" (HTTP 400)",1',
        ',"x,y,z",3,4,rejected,,column-count,"expected 2 cells, got 3; the record as it stands in the file is in column ""city""",0',
        "",
      ].join("\n"),
    );
    expect(await readFile(join(dir, "unsent.csv"), "utf8")).toBe(
      "customerId,city,updraft_row,updraft_line,updraft_status,updraft_message,updraft_attempts\nc4,,4,5,unsent,,0\n",
    );
  });

  it("writes NDJSON for NDJSON", async () => {
    const dir = await folder();
    const rows = [object(1, '{"customerId":"c1"}'), object(2, '{"customerId":"c2","n":1.0}')];
    const outcomes = [outcome(1), outcome(2, REFUSED)];
    await writeReport({ reader: readerOf(["customerId"], rows), plan, format: "ndjson", dir, outcomes });
    expect(await readFile(join(dir, "errors.ndjson"), "utf8")).toMatch(
      /^\{"customerId":"c2","n":1\.0,"updraft_row":2,/,
    );
    expect((await readdir(dir)).sort()).toEqual(["errors.ndjson", "success.ndjson"]);
  });

  it("answers for rows of a stopped run that have no outcome, to the end of the file and not beyond its rows", async () => {
    const dir = await folder();
    const rest = (row: number) => outcome(row, { status: "unsent", attempts: row === 2 ? 3 : 0 });
    const follow = { answered: async () => {}, extent: () => ({ rows: 4, without: rest }) };
    await writeReport({ ...csv(5, dir), outcomes: [outcome(1), outcome(3, REFUSED)], follow });
    const unsent = parse(await readFile(join(dir, "unsent.csv")), { columns: true });
    expect(unsent).toMatchObject([
      { customerId: "c2", city: "Lyon", updraft_row: "2", updraft_status: "unsent", updraft_attempts: "3" },
      { customerId: "c4", city: "Lyon", updraft_row: "4", updraft_attempts: "0" },
    ]);
    expect((await readFile(join(dir, "success.csv"), "utf8")).trim().split("\n")).toHaveLength(2);
  });

  it("leaves rows without an outcome out where the run goes on later", async () => {
    const dir = await folder();
    const follow = { answered: async () => {}, extent: () => ({ rows: 5, without: "later" }) as const };
    const { files } = await writeReport({ ...csv(5, dir), outcomes: [outcome(1), outcome(4)], follow });
    expect(files.unsent).toBeNull();
    expect((await readFile(join(dir, "success.csv"), "utf8")).trim().split("\n")).toHaveLength(3);
  });

  it("groups causes by status, code and column, most rows first", async () => {
    const dir = await folder();
    const missing = { column: "city", path: "/city", code: "required", message: "missing" };
    const rejected = { status: "rejected", cause: { code: "rejected", problems: [missing, missing] } } as const;
    const outcomes = [1, 2, 3, 4, 5, 6, 7, 8].map((row) => outcome(row, row === 2 ? REFUSED : rejected));
    const { groups } = await writeReport({ ...csv(8, dir), outcomes });
    expect(groups.map(({ status, code, column, count }) => [status, code, column, count])).toEqual([
      ["rejected", "required", "city", 7],
      ["failed", "xyz", null, 1],
    ]);
    expect(groups[0]?.message).toBe('column "city": missing');
    expect(groups[0]?.firstRows).toEqual([1, 3, 4, 5, 6].map((row) => ({ row, line: row + 1 })));
  });

  it("sums causes beyond the hundredth, so that an endpoint that invents codes fills no memory", async () => {
    const dir = await folder();
    const outcomes = Array.from({ length: 250 }, (_, index) =>
      outcome(index + 1, { status: "failed", cause: { code: `code-${index}` } }),
    );
    const { groups } = await writeReport({ ...csv(250, dir), outcomes });
    expect(groups).toHaveLength(101);
    expect(groups[0]).toMatchObject({ status: "failed", code: "other", column: null, count: 150 });
  });

  it.each([
    ["a row without an outcome", [outcome(1), outcome(3)], "row 2 has no outcome"],
    ["a ledger that ends too soon", [outcome(1)], "row 2 has no outcome"],
    [
      "an outcome without a row",
      [1, 2, 3, 4].map((row) => outcome(row)),
      "row 4 has an outcome, but only 3 rows were read",
    ],
  ])("refuses %s and leaves nothing behind", async (_what, outcomes, message) => {
    const dir = await folder();
    await expect(writeReport({ ...csv(3, dir), outcomes })).rejects.toThrow(message);
    expect(await readdir(dir)).toEqual([]);
  });

  it("ends the reading of the ledger when it fails", async () => {
    let ended = false;
    function* ledger() {
      try {
        yield outcome(7);
      } finally {
        ended = true;
      }
    }
    await expect(writeReport({ ...csv(3, await folder()), outcomes: ledger() })).rejects.toThrow(
      "row 1 has no outcome",
    );
    expect(ended).toBe(true);
  });

  it("leaves an earlier report whole until the new one is whole", async () => {
    const dir = await folder();
    await writeReport({ ...csv(1, dir), outcomes: [outcome(1)] });
    const before = await readFile(join(dir, "success.csv"), "utf8");
    await expect(writeReport({ ...csv(2, dir), outcomes: [outcome(1)] })).rejects.toThrow("row 2");
    expect(await readFile(join(dir, "success.csv"), "utf8")).toBe(before);
  });

  it("writes for its owner alone, also over what a crash left behind", async () => {
    const dir = join(await folder(), "runs", "r1");
    await mkdir(join(dir, ".."), { recursive: true });
    await writeReport({ ...csv(1, dir), outcomes: [outcome(1)] });
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    const target = join(dir, "elsewhere");
    await writeFile(target, "kept");
    await symlink(target, join(dir, "success.csv.partial"));
    await writeFile(join(dir, "errors.csv.partial"), "half a report", { mode: 0o644 });
    await chmod(join(dir, "errors.csv.partial"), 0o644);
    const { files } = await writeReport({ ...csv(1, dir), outcomes: [outcome(1, REFUSED)] });
    for (const path of [files.success, files.errors]) expect((await stat(path ?? "")).mode & 0o777).toBe(0o600);
    expect(await readFile(target, "utf8")).toBe("kept");
    expect((await readdir(dir)).sort()).toEqual(["elsewhere", "errors.csv", "success.csv"]);
  });

  it("takes away the unsent file of an earlier spell when no row is unsent any more", async () => {
    const dir = await folder();
    await writeReport({ ...csv(1, dir), outcomes: [outcome(1, { status: "unsent" })] });
    expect(await readdir(dir)).toContain("unsent.csv");
    await writeReport({ ...csv(1, dir), outcomes: [outcome(1)] });
    expect(await readdir(dir)).not.toContain("unsent.csv");
  });

  it("tells how many rows are written, block by block", async () => {
    const told: number[] = [];
    const outcomes = [1, 2, 3, 4, 5].map((row) => outcome(row));
    await writeReport({ ...csv(5, await folder()), outcomes, onRows: (rows) => told.push(rows) });
    expect(told).toEqual([2, 4, 5]);
  });

  it("stops with one sentence where the folder cannot be made", async () => {
    const dir = await folder();
    await writeFile(join(dir, "file"), "");
    await expect(writeReport({ ...csv(1, join(dir, "file", "sub")), outcomes: [outcome(1)] })).rejects.toMatchObject({
      code: "report-unwritable",
      exit: 5,
    });
  });

  it("stops resumable, without half a report, when the disk takes no more", async () => {
    const dir = await folder();
    const script = join(import.meta.dirname, "full-disk.ts");
    // A limit on the size of files is a full disk that needs no disk: the write fails half way.
    const { stdout } = await promisify(execFile)("/bin/sh", [
      "-c",
      'ulimit -f 512; exec "$0" "$1" "$2"',
      process.execPath,
      script,
      dir,
    ]);
    expect(JSON.parse(stdout)).toEqual({ code: "disk-full", exit: 5 });
    expect(await readdir(dir)).toEqual([]);
  }, 30_000);
});

describe("superseded rows", () => {
  const statuses = fc.constantFrom(...STATUSES);
  const files = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), statuses), { maxLength: 40 });
  const MARK = /row (\d+) of the same customer was updated later: sending this one now would undo it$/;

  it.each(["csv", "ndjson"] as const)(
    "are marked in %s with the last row of their customer that was updated",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(files, async (given) => {
          const dir = await folder();
          const rows = given.map(([customer], index) =>
            format === "csv"
              ? cells(index + 1, `é"${customer}\n`, "\uFEFF,\n")
              : object(index + 1, JSON.stringify({ customerId: `é"${customer}\n`, city: "\uFEFF,\n" })),
          );
          const cause = {
            code: "x",
            problems: [{ column: 'a "city"', path: "/city", code: "p", message: "Zürich, missing" }],
          };
          const outcomes = given.map(([, status], index) => outcome(index + 1, { status, cause }));
          const result = await writeReport({ reader: readerOf(COLUMNS, rows), plan, format, dir, outcomes });
          const marks = (await recordsOf([result.files.errors, result.files.unsent])).flatMap(({ row, message }) => {
            const by = MARK.exec(message)?.[1];
            return by === undefined ? [] : [[row, Number(by)]];
          });
          const isUpdated = (status: Status | undefined) => status === "updated" || status === "unchanged";
          const expected = given.flatMap(([customer, status], index) => {
            const by = given.findLastIndex(
              ([other, how], later) => later > index && other === customer && isUpdated(how),
            );
            return by < 0 || isUpdated(status) ? [] : [[index + 1, by + 1]];
          });
          expect(marks).toEqual(expected);
          expect(result.superseded).toBe(expected.length);
          expect(await readdir(dir)).toHaveLength(given.some(([, status]) => status === "unsent") ? 3 : 2);
        }),
        { numRuns: 60 },
      );

      async function recordsOf(paths: readonly (string | null)[]) {
        const records = [];
        for (const path of paths) {
          const text = path === null ? "" : await readFile(path, "utf8");
          const found: Record<string, unknown>[] =
            format === "csv"
              ? parse(text, { columns: true, record_delimiter: "\n" })
              : text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
          records.push(...found);
        }
        return records
          .map((record) => ({ row: Number(record.updraft_row), message: String(record.updraft_message) }))
          .sort((a, b) => a.row - b.row);
      }
    },
  );

  it("are marked in the lines people read, also in a report of many megabytes", async () => {
    const dir = await folder();
    const long = "ä€😀".repeat(5_000);
    const rows = Array.from({ length: 200 }, (_, index) => cells(index + 1, `c${index % 100}`, long));
    const outcomes = rows.map(({ row }) => outcome(row, row <= 100 ? REFUSED : {}));
    const { superseded } = await writeReport({ reader: readerOf(COLUMNS, rows), plan, format: "csv", dir, outcomes });
    expect(superseded).toBe(100);
    expect(await readFile(join(dir, "errors.csv"), "utf8")).toBe(
      `customerId,city,updraft_row,updraft_line,updraft_status,updraft_column,updraft_code,updraft_message,updraft_attempts\n${rows
        .slice(0, 100)
        .map(
          ({ row }) =>
            `c${row - 1},${long},${row},${row + 1},failed,,xyz,"the endpoint answered code ""xyz"" (HTTP 400); ` +
            `row ${row + 100} of the same customer was updated later: sending this one now would undo it",1\n`,
        )
        .join("")}`,
    );
  });

  it("are none in a check, which sends nothing", async () => {
    const dir = await folder();
    const report = await openReport({ reader: readerOf(COLUMNS, []), plan, format: "csv", dir, errorsOnly: true });
    report.add(cells(1, "c1", ""), outcome(1, REFUSED));
    report.add(cells(2, "c1", ""), outcome(2));
    expect(await report.finish()).toMatchObject({ superseded: 0 });
  });
});

describe("openReport", () => {
  it("writes the errors file alone for a check", async () => {
    const dir = await folder();
    const report = await openReport({ reader: readerOf(COLUMNS, []), plan, format: "csv", dir, errorsOnly: true });
    report.add(cells(1, "c1", ""), outcome(1, { status: "unsent" }));
    report.add(cells(2, "c2", ""), outcome(2, REFUSED));
    const { files } = await report.finish();
    expect(files).toEqual({ success: null, errors: join(dir, "errors.csv"), unsent: null });
    expect(await readdir(dir)).toEqual(["errors.csv"]);
  });

  it("can be abandoned twice and after it has finished", async () => {
    const dir = await folder();
    const report = await openReport({ reader: readerOf(COLUMNS, []), plan, format: "csv", dir });
    await report.finish();
    await report.abandon();
    await report.abandon();
    expect((await readdir(dir)).sort()).toEqual(["errors.csv", "success.csv"]);
  });
});
