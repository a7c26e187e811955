import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useCli } from "./support.ts";

const cli = useCli();

/** A folder of job files; `text` is what stands behind `export default`. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(cli.folder, "jobs");
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `export default ${text};\n`);
  return folder;
}

describe("updraft jobs", () => {
  test("lists each job with its file and what it would do next", async () => {
    const folder = folderOf({
      "1.ts": '{ name: "partner-upload", watch: { inbox: "/srv/inbox" } }',
      "2.ts":
        '{ name: "nightly-sync", schedule: { cron: "0 2 1 1 *", timeZone: "America/New_York", input: { glob: "/exports/*.csv" } } }',
      "3.ts": '{ name: "by-hand" }',
    });
    const { code, stdout, stderr } = await cli.within(["jobs", "--jobs", folder]);
    const [head, ...lines] = stdout.split("\n");
    expect(head).toMatch(/^NAME +FILE +NEXT$/);
    expect(lines).toEqual([
      expect.stringMatching(/^by-hand +\S+3\.ts +by hand: updraft run <file> --job by-hand$/),
      expect.stringMatching(
        /^nightly-sync +\S+2\.ts +runs 20\d\d-01-01 02:00 America\/New_York, newest of \/exports\/\*\.csv$/,
      ),
      expect.stringMatching(/^partner-upload +\S+1\.ts +watches \/srv\/inbox$/),
      "",
    ]);
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("a job file that is wrong is told after those that are not, and is exit code 2", async () => {
    const folder = folderOf({ "1.ts": '{ name: "good" }', "2.ts": '{ name: "bad", rate: "fast" }', "3.ts": "(" });
    const { code, stdout, stderr } = await cli.within(["jobs", "--jobs", folder]);
    expect(stdout).toContain("good");
    expect(stderr).toContain(`updraft: ${folder}/2.ts: rate: expected a pace such as 50/s`);
    expect(stderr).toMatch(/^updraft: \S+3\.ts cannot be loaded: line \d+: /m);
    expect(code).toBe(2);
    const { stdout: json } = await cli.within(["jobs", "--jobs", folder, "--json"]);
    expect(JSON.parse(json)).toMatchObject({
      folder,
      jobs: [{ name: "good" }],
      errors: [{ code: "job-invalid" }, { code: "job-file-broken" }],
    });
  });

  test("what a job file prints goes to stderr, and leaves the JSON on stdout whole", async () => {
    const folder = folderOf({ "1.ts": '(console.log("loaded"), { name: "loud" })' });
    const { code, stdout, stderr } = await cli.run(["jobs", "--jobs", folder, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [{ name: "loud" }] });
    expect([code, stderr]).toEqual([0, "loaded\n"]);
  });

  test("an empty folder is said to be one", async () => {
    const folder = folderOf({});
    expect(await cli.within(["jobs", "--jobs", folder])).toEqual({
      code: 0,
      stdout: `No jobs in ${folder}: the README shows one under "Jobs".\n`,
      stderr: "",
    });
  });
});

describe("updraft jobs check", () => {
  test("tries the examples of all jobs, tells each difference, and ends with 2 where there is one", async () => {
    const example = (email: string) =>
      `{ record: { customerId: "c", Mail: "a@b" }, update: { customerId: "c", email: "${email}" } }`;
    const folder = folderOf({
      "1.ts": `{ name: "good", columns: { email: "Mail" }, examples: [${example("a@b")}] }`,
      "2.ts": `{ name: "wrong", columns: { email: "Mail" }, examples: [${example("a@b")}, ${example("x@y")}] }`,
      "3.ts": '{ name: "silent" }',
    });
    const { code, stdout } = await cli.within(["jobs", "check", "--jobs", folder]);
    expect(stdout.replaceAll(`${folder}/`, "").split("\n")).toEqual([
      "good (1.ts): 1 example, as expected",
      "silent (3.ts): loads; it has no examples",
      "wrong (2.ts): 1 of 2 examples not as expected",
      '  example 2: /email: expected "x@y", got "a@b"',
      "",
    ]);
    expect(code).toBe(2);
  });

  test("looks whether the folders that jobs watch are there and can be written to, and makes none of them", async () => {
    const at = (...names: string[]) => join(cli.folder, ...names);
    for (const name of ["fit", "no-inbox", "file"]) mkdirSync(at(name));
    for (const name of ["fit", "file"]) mkdirSync(at(name, "inbox"));
    writeFileSync(at("file", "archive"), "");
    const job = (name: string, rest = "") => `{ name: "${name}", watch: { inbox: "../${name}/inbox"${rest} } }`;
    const folder = folderOf({
      "1.ts": job("fit"),
      "2.ts": job("no-inbox"),
      "3.ts": job("file"),
      "4.ts": '{ name: "apart", watch: { inbox: "../fit", refused: "/proc/refused" } }',
    });
    const { code, stdout, stderr } = await cli.within(["jobs", "check", "--jobs", folder]);
    expect(stdout.split("\n")).toHaveLength(5);
    expect(stderr.replaceAll(`${cli.folder}/`, "").split("\n")).toEqual([
      "updraft: job apart cannot watch: /proc/refused is not on the file system of fit: no file can be moved there in one step",
      "  name a folder on the same file system",
      "updraft: job file cannot watch: the folder file/archive cannot be used: expected one that files can be moved into and out of, got a file (ENOTDIR)",
      "  check its owner and mode, those of the folder it is in, and that it is a folder",
      "updraft: job no-inbox cannot watch: the folder no-inbox/inbox does not exist: expected one in which files are dropped",
      "  make it, or correct its name",
      "",
    ]);
    expect(code).toBe(2);
    expect(readdirSync(at("fit"))).toEqual(["inbox"]);
    const { stdout: json } = await cli.within(["jobs", "check", "--jobs", folder, "--json"]);
    expect(JSON.parse(json).errors).toMatchObject(Array(3).fill({ code: "job-watch-folder" }));
  });

  test("another word than check is refused", async () => {
    const { code, stderr } = await cli.within(["jobs", "chek"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('[check]: expected check, or nothing, got "chek"')]);
  });
});
