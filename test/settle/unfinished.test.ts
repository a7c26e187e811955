// Unfinished runs and the files they were started with: which one a changed file would leave behind.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLedger } from "../../src/settle/ledger.ts";
import { findLeftBehind, forgetUnfinished, noteUnfinished, type Purpose } from "../../src/settle/unfinished.ts";
import { outcome, useFolder } from "../queue/support.ts";

const folder = useFolder();
const purpose: Purpose = { path: "/in/a.csv", job: "default", baseUrl: "https://api.example.com", login: "operator" };
const OLD = "ab".repeat(32);
const NEW = "cd".repeat(32);

/** A run of OLD with two answered rows. */
async function begun(state: string, run = "id"): Promise<string> {
  const dataDir = await folder.dir();
  const ledger = openLedger(join(dataDir, "runs", run));
  ledger.write([outcome(1), outcome(2)], [], { state });
  ledger.close();
  noteUnfinished(dataDir, purpose, run, OLD);
  noteUnfinished(dataDir, purpose, run, OLD);
  return dataDir;
}

/** Of a file with this content now. */
const leftBehind = (dataDir: string, of: Purpose, sha256: string) =>
  findLeftBehind(dataDir, of, ({ content }) => !sha256.startsWith(content));
const notes = (dataDir: string) => readdirSync(join(dataDir, "unfinished"));

describe("findLeftBehind", () => {
  test.each(["running", "interrupted", "blocked"])(
    "finds a run that is %s when its file has changed, and how far it came",
    async (state) => {
      const dataDir = await begun(state, "id.r2");
      expect(leftBehind(dataDir, purpose, NEW)).toEqual([{ run: "id.r2", answered: 2 }]);
      expect(leftBehind(dataDir, purpose, OLD)).toEqual([]);
      expect(notes(dataDir)).toHaveLength(1);
    },
  );

  test.each<[keyof Purpose, string]>([
    ["path", "/in/b.csv"],
    ["job", "nightly"],
    ["baseUrl", "https://staging.example.com"],
    ["login", "operator2"],
  ])("does not mind a run with another %s", async (part, value) => {
    const dataDir = await begun("running");
    expect(leftBehind(dataDir, { ...purpose, [part]: value }, NEW)).toEqual([]);
  });

  test.each(["complete", "cancelled"])("forgets a run that ended %s since", async (state) => {
    const dataDir = await begun(state);
    expect(leftBehind(dataDir, purpose, NEW)).toEqual([]);
    expect(notes(dataDir)).toEqual([]);
  });

  test("forgets a run whose folder was deleted", async () => {
    const dataDir = await begun("running");
    rmSync(join(dataDir, "runs"), { recursive: true });
    expect(leftBehind(dataDir, purpose, NEW)).toEqual([]);
    expect(notes(dataDir)).toEqual([]);
  });

  test("finds a run that a process goes on with", async () => {
    const dataDir = await begun("running");
    const ledger = folder.keep(openLedger(join(dataDir, "runs", "id")));
    expect(leftBehind(dataDir, purpose, NEW)).toEqual([{ run: "id", answered: null }]);
    ledger.close();
  });

  test("tells when the ledger of such a run is damaged, instead of leaving it behind", async () => {
    const dataDir = await begun("running");
    writeFileSync(join(dataDir, "runs", "id", "ledger.db"), "no database ".repeat(400));
    expect(() => leftBehind(dataDir, purpose, NEW)).toThrow(expect.objectContaining({ code: "ledger-broken" }));
  });

  test("is not held up by what else lies there, and makes nothing where no run ever was", async () => {
    const dataDir = await begun("complete");
    mkdirSync(join(dataDir, "unfinished", "notes"));
    forgetUnfinished(dataDir, "id");
    expect(leftBehind(dataDir, purpose, NEW)).toEqual([]);
    expect(notes(dataDir)).toEqual(["notes"]);
    const fresh = await folder.dir();
    expect(leftBehind(fresh, purpose, NEW)).toEqual([]);
    expect(readdirSync(fresh)).toEqual([]);
  });
});
