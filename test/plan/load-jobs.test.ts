import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { UpdraftError } from "../../src/errors.ts";
import { allOf, type Jobs, jobNamed, jobsNamed, loadJobs } from "../../src/plan/load-jobs.ts";
import { TODAY } from "./support.ts";

let folder = "";
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(files: Readonly<Record<string, string>>): Jobs {
  folder = mkdtempSync(join(tmpdir(), "updraft-jobs-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return loadJobs({ folder, contract: condor, today: TODAY });
}

/** What is wrong with a folder, without its path. */
const told = ({ errors }: Jobs) =>
  errors.map(({ message, next }) => `${message} | ${next}`.replaceAll(`${folder}/`, ""));
const toldOf = (definition: string) => told(load({ "a.ts": `export default ${definition};` }))[0];

function refusalOf(make: () => unknown): UpdraftError {
  try {
    make();
  } catch (error) {
    if (error instanceof UpdraftError) return error;
    throw error;
  }
  return expect.unreachable("nothing was thrown");
}

describe("loadJobs", () => {
  it("loads each file of the folder, by the names of the jobs; what they share stands in folders", () => {
    const files = {
      "1.ts": 'import { defineJob } from "updraft";\nexport default defineJob({ name: "b", rate: "5/s" });',
      "2.ts": 'const name: string = "a";\nexport default { name };',
      "2.test.ts": "throw 1;",
      "types.d.ts": "throw 2;",
      ".hidden.ts": "throw 3;",
      "notes.md": "# Notes",
    };
    const { jobs, errors } = load(files);
    expect(errors).toEqual([]);
    expect(jobs.map(({ job, file }) => [job.name, file])).toEqual([
      ["a", join(folder, "2.ts")],
      ["b", join(folder, "1.ts")],
    ]);
    expect(jobs[1]?.job.settings).toEqual({ rate: "5/s" });
    mkdirSync(join(folder, "shared.ts"));
    writeFileSync(join(folder, "shared.ts", "x.ts"), "export const zip = 'ZIP';");
    writeFileSync(
      join(folder, "3.ts"),
      'import { zip } from "./shared.ts/x.ts";\nexport default { name: "c", columns: { postalCode: zip } };',
    );
    const again = loadJobs({ folder, contract: condor, today: TODAY });
    expect(jobNamed(again, "c").job.columns).toEqual({ postalCode: "ZIP" });
  });

  it("the folder that comes with the program may be missing, one that was named may not", () => {
    expect(loadJobs({ folder: null, contract: condor, today: TODAY }).errors).toEqual([]);
    expect(refusalOf(() => loadJobs({ folder: "/nowhere/jobs", contract: condor, today: TODAY })).message).toBe(
      "the folder of jobs /nowhere/jobs cannot be read (ENOENT)",
    );
  });

  it.each([
    ["const a = 1;\nconst b: = 2;\n", /^line 2: Unexpected token `=`\. Expected an identifier/],
    ["enum A { B }\n", /^line 1: TypeScript enum is not supported in strip-only mode$/],
    ["\n\nthrow new Error('no such\\npartner');", /^line 3: no such$/],
    ["throw 'x';", /^it throws string$/],
    ["\nprocess.exit(0);", /^line 2: it calls process\.exit\(\)$/],
    ["\nexport default { name: nme };", /^line 2: nme is not defined$/],
    ["export const job = { name: 'a' };", /^it has no default export: expected export default defineJob\(\{…\}\)$/],
    ["import a from './b.ts';\nexport default a;", /^Cannot find module '.*b\.ts' imported from it$/],
    [
      "import { a } from 'updraft';\nexport default a;",
      /^The requested module 'updraft' does not provide an export named 'a'$/,
    ],
    ["export default await Promise.resolve({ name: 'a' });", /^it has an await outside of any function$/],
    ["export default (async () => ({ name: 'a' }))();", /^its default export is a promise: expected export default/],
  ])("%j is told in one sentence, with its line where that is known", (text, reason) => {
    const [error] = load({ "a.ts": text }).errors;
    expect(error?.code).toBe("job-file-broken");
    expect(error?.fields.reason).toMatch(reason);
    expect(error?.message).not.toContain("\n");
  });

  it.each([
    ["7", "a.ts: its default export: expected an object: export default defineJob({…}), got 7"],
    [
      '{ name: "Nightly" }',
      'a.ts: name: expected a name of lower-case letters, digits and hyphens, such as nightly-sync, got "Nightly"',
    ],
    ["{}", "a.ts: name: expected a name of lower-case letters, digits and hyphens, such as nightly-sync, got nothing"],
    ['{ name: "a", rate: () => 1 }', "a.ts: rate: expected a text or a number, got a function"],
    [
      '{ name: "a", endpoint: "https://u:secret@h" }',
      'a.ts: endpoint: expected a URL without login and password in it (they have settings of their own), got "https://…@h"',
    ],
    [
      '{ name: "a", changedOnly: "yes" }',
      'a.ts: changedOnly: expected true, false or {recheckAfter: "30d"}, got "yes"',
    ],
    [
      '{ name: "a", changedOnly: { recheckAfter: "30" } }',
      'a.ts: changedOnly.recheckAfter: expected a time from 1h, such as 12h, 30d or 8w, or never, got "30"',
    ],
    ['{ name: "a", watch: 5 }', "a.ts: watch: expected {inbox, …}, got 5"],
    [
      '{ name: "a", notify: { webhook: "hooks.example.com/T123" } }',
      "a.ts: notify.webhook: expected a URL that begins with https:// (plain http:// is for this machine only) and has no login, password or # in it, got 22 characters",
    ],
    [
      '{ name: "a", transforms: { city: [5] } }',
      "a.ts: transforms.city[0]: expected a transform: one of updraft/transforms, or {name, expected, apply}, got 5",
    ],
    [
      '{ name: "a", constants: { postalCode: "123" } }',
      "a.ts: constants.postalCode: expected 5 digits, got 3 characters",
    ],
    ['{ name: "a", concurrency: -1 }', "a.ts: concurrency: expected a whole number from 1 to 1000, or auto, got -1"],
    ['{ name: "a", constants: { city: " " } }', "a.ts: constants.city: expected text, got 0 characters"],
    [
      '{ name: "a", constants: { customerId: "c" } }',
      "a.ts: constants.customerId: expected a column: each row names its own customer, got a constant",
    ],
    [
      '{ name: "a", columns: { city: "A", "primary.city": "B" } }',
      "a.ts: columns.primary.city: expected city once, got it after columns.city",
    ],
    [
      '{ name: "a", columns: { city: "A" }, constants: { city: "B" } }',
      "a.ts: constants.city: expected city once, got it after columns.city",
    ],
    [
      '{ name: "a", columns: { ssn: "A" } }',
      "a.ts: columns.ssn: expected a property that this endpoint can change, got an identification document",
    ],
  ])("%s is told by file, field, what was expected and what was there", (definition, message) => {
    expect(toldOf(definition)).toBe(`${message} | correct the value; the README lists every field under "Jobs"`);
  });

  it.each([
    ['{ name: "a", columns: { ["__proto__"]: "ID" } }', "columns.__proto__", "known there: customerId, firstName,"],
    ['{ name: "a", transforms: { constructor: [] } }', "transforms.constructor", "known there: customerId, firstName,"],
    ['{ name: "a", colums: {} }', "colums", 'did you mean "columns"? known there: name, columns,'],
    [
      '{ name: "a", watch: { inbox: "x", archiv: "y" } }',
      "watch.archiv",
      'did you mean "archive"? known there: inbox, working, outbox, archive, refused, poll, done, settle',
    ],
    [
      '{ name: "a", schedule: { cron: "0 2 * * *", input: { globs: "y" } } }',
      "schedule.input.globs",
      'did you mean "glob"? known there: glob, pick, command, file',
    ],
    [
      '{ name: "a", changedOnly: { recheckAftr: "30d" } }',
      "changedOnly.recheckAftr",
      'did you mean "recheckAfter"? known there: recheckAfter',
    ],
    [
      '{ name: "a", examples: [{ record: {}, updates: 1 }] }',
      "examples[0].updates",
      'did you mean "update"? known there: record, update',
    ],
    [
      '{ name: "a", columns: { zip: "ZIP" } }',
      "columns.zip",
      'did you mean "postalCode"? known there: customerId, firstName,',
    ],
    [
      '{ name: "a", transforms: { "secondary.citty": [] } }',
      "transforms.secondary.citty",
      'did you mean "secondary.city"? known there: customerId,',
    ],
  ])("%s: the key that was probably meant is named", (definition, key, next) => {
    expect(toldOf(definition)).toMatch(`a.ts has a key that is not known: "${key}" | ${next}`);
  });

  it("two jobs with one name, and two with one folder, are told", () => {
    const watching = (name: string, inbox: string) =>
      `export default { name: "${name}", watch: { inbox: "${inbox}" } };`;
    const jobs = load({
      "1.ts": watching("a", "/in/a"),
      "2.ts": 'export default { name: "c" };',
      "3.ts": watching("b", "/in/b"),
      "4.ts": 'export default { name: "c" };',
    });
    expect(told(jobs)).toEqual([
      "two files define job c: 2.ts and 4.ts | give one of them another name",
      "watch.working of job a and watch.working of job b are one folder: /in/working | give each its own",
      "watch.outbox of job a and watch.outbox of job b are one folder: /in/outbox | give each its own",
      "watch.archive of job a and watch.archive of job b are one folder: /in/archive | give each its own",
      "watch.refused of job a and watch.refused of job b are one folder: /in/refused | give each its own",
    ]);
    expect(refusalOf(() => jobNamed(jobs, "c")).code).toBe("job-name-twice");
    expect(refusalOf(() => allOf(jobs)).code).toBe("job-name-twice");
  });

  it("one folder under two names is one folder", () => {
    const watching = (name: string, inbox: string) =>
      `export default { name: "${name}", watch: { inbox: "${inbox}/inbox", archive: "${name}", outbox: "${name}-out" } };`;
    load({ "1.ts": watching("a", "real"), "2.ts": watching("b", "linked") });
    mkdirSync(join(folder, "real", "inbox"), { recursive: true });
    symlinkSync(join(folder, "real"), join(folder, "linked"));
    expect(told(loadJobs({ folder, contract: condor, today: TODAY }))[0]).toBe(
      `watch.inbox of job a and watch.inbox of job b are one folder: ${folder}/linked/inbox | give each its own`.replaceAll(
        `${folder}/`,
        "",
      ),
    );
  });
});

describe("jobNamed", () => {
  it("the job is given though the file of another is broken; where it is missing, that file may be why", () => {
    const jobs = load({ "1.ts": 'export default { name: "nightly-sync" };', "2.ts": "throw new Error('x');" });
    expect(jobNamed(jobs, "nightly-sync").file).toBe(join(folder, "1.ts"));
    expect(refusalOf(() => jobNamed(jobs, "nightly")).code).toBe("job-file-broken");
  });

  it("a name that is not there is told with the one that was probably meant", () => {
    const jobs = load({ "1.ts": 'export default { name: "nightly-sync" };' });
    expect(refusalOf(() => jobNamed(jobs, "nigthly-sync")).message).toBe(
      `no job in ${folder} is named "nigthly-sync" (did you mean nightly-sync?)`,
    );
  });
});

describe("jobsNamed", () => {
  it("each is given once; two that share a folder are not served together, one of them may be alone", () => {
    const watching = (name: string) => `export default { name: "${name}", watch: { inbox: "inbox" } };`;
    const jobs = load({ "1.ts": watching("a"), "2.ts": watching("b"), "3.ts": 'export default { name: "c" };' });
    expect(jobsNamed(jobs, ["c", "a", "c"]).map(({ job }) => job.name)).toEqual(["c", "a"]);
    expect(refusalOf(() => jobsNamed(jobs, ["a", "b"])).code).toBe("job-folder-twice");
  });
});
