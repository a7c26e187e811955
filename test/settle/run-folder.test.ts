// A run's id and folder: what makes two runs different, and how a file that is applied anew is numbered.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findRetry, findRun, findRunByPrefix, type Identity, runId } from "../../src/settle/run-folder.ts";
import { useFolder } from "../queue/support.ts";

const folder = useFolder();

const identity: Identity = {
  job: "default",
  plan: "plan",
  contract: "condor",
  baseUrl: "https://api.example.com",
  login: "operator",
  content: "ab".repeat(32),
  encoding: "utf-8",
  limit: null,
};

describe("runId", () => {
  test("is 16 hex digits, the same each time, and tells nothing of the login", () => {
    expect(runId(identity)).toMatch(/^[0-9a-f]{16}$/);
    expect(runId({ ...identity })).toBe(runId(identity));
  });

  test.each<[string, Partial<Identity>]>([
    ["job", { job: "nightly" }],
    ["mapping", { plan: "other" }],
    ["contract", { contract: "successor" }],
    ["base URL", { baseUrl: "https://staging.example.com" }],
    ["login", { login: "operator2" }],
    ["content", { content: "cd".repeat(32) }],
    ["encoding", { encoding: "windows-1252" }],
    ["limit", { limit: 10 }],
  ])("is another with another %s", (_, part) => {
    expect(runId({ ...identity, ...part })).not.toBe(runId(identity));
  });

  test("does not mix up where one part ends and the next begins", () => {
    expect(runId({ ...identity, job: "a", plan: "bc" })).not.toBe(runId({ ...identity, job: "ab", plan: "c" }));
  });
});

describe("findRun", () => {
  test("a file that was never run has its id as its run, with the folder not made yet", async () => {
    const dir = await folder.dir();
    expect(findRun(dir, "id", false)).toEqual({ run: "id", dir: join(dir, "runs", "id") });
  });

  test("finds the newest application of a file, and numbers the next after it", async () => {
    const dir = await folder.dir();
    const made: string[] = [];
    for (const run of ["id", "id.2", "id.3"]) {
      mkdirSync(join(dir, "runs", run), { recursive: true });
      made.push(findRun(dir, "id", false).run, findRun(dir, "id", true).run);
    }
    expect(made).toEqual(["id", "id.2", "id.2", "id.3", "id.3", "id.4"]);
    expect(findRun(dir, "other", false).run).toBe("other");
  });

  test("knows the newest application when earlier ones are gone", async () => {
    const dir = await folder.dir();
    for (const run of ["id.10", "id.9", "id.x", "other.11"]) mkdirSync(join(dir, "runs", run), { recursive: true });
    expect([findRun(dir, "id", false).run, findRun(dir, "id", true).run]).toEqual(["id.10", "id.11"]);
  });
});

describe("findRetry", () => {
  test("numbers the retries of a run, which are no applications of its file, nor those retries of it", async () => {
    const dir = await folder.dir();
    const made: string[] = [];
    for (const run of ["id", "id.2", "id.r1", "id.2.r1", "id.r2"]) {
      mkdirSync(join(dir, "runs", run), { recursive: true });
      made.push(findRetry(dir, "id", false).run, findRetry(dir, "id", true).run, findRun(dir, "id", true).run);
    }
    expect(made).toEqual([
      ...["id", "id.r1", "id.2"],
      ...["id", "id.r1", "id.3"],
      ...["id.r1", "id.r2", "id.3"],
      ...["id.r1", "id.r2", "id.3"],
      ...["id.r2", "id.r3", "id.3"],
    ]);
    expect(findRetry(dir, "id.2", false)).toEqual({ run: "id.2.r1", dir: join(dir, "runs", "id.2.r1") });
  });

  test("takes a retry for the run that was retried first, and knows the newest when earlier ones are gone", async () => {
    const dir = await folder.dir();
    for (const run of ["id.r3", "id.r10"]) mkdirSync(join(dir, "runs", run), { recursive: true });
    expect([findRetry(dir, "id.r3", false).run, findRetry(dir, "id.r3", true).run]).toEqual(["id.r10", "id.r11"]);
  });
});

describe("findRunByPrefix", () => {
  test("takes a whole name, or as much of it as tells the run from all others", async () => {
    const dir = await folder.dir();
    for (const run of ["abcd", "abcd.2", "abce"]) mkdirSync(join(dir, "runs", run), { recursive: true });
    writeFileSync(join(dir, "runs", "abcf"), "no folder");
    expect(findRunByPrefix(dir, "abcd")).toEqual({ run: "abcd", dir: join(dir, "runs", "abcd") });
    expect(findRunByPrefix(dir, "abcd.").run).toBe("abcd.2");
    expect(findRunByPrefix(dir, "abce").run).toBe("abce");
    expect(() => findRunByPrefix(dir, "abc")).toThrow(
      expect.objectContaining({ code: "run-ambiguous", fields: { run: "abc", found: "abcd, abcd.2, abce" } }),
    );
  });

  test.each(["x", "", "../runs/abcd", "abcf"])("knows no run that begins with %j", async (prefix) => {
    const dir = await folder.dir();
    mkdirSync(join(dir, "runs", "abcd"), { recursive: true });
    writeFileSync(join(dir, "runs", "abcf"), "no folder");
    expect(() => findRunByPrefix(dir, prefix)).toThrow(expect.objectContaining({ code: "run-unknown", exit: 2 }));
  });

  test("knows no run in a data folder that is not there", async () => {
    const dir = await folder.dir();
    expect(() => findRunByPrefix(join(dir, "none"), "a")).toThrow(expect.objectContaining({ code: "run-unknown" }));
  });
});
