import { describe, expect, it } from "vitest";
import { type Ended, fateOf, restAfter } from "../../src/daemon/fate.ts";
import { type ErrorCode, type ErrorFields, UpdraftError } from "../../src/errors.ts";
import { REFUSED } from "../../src/write/conclude.ts";
import { makeSummary, type State } from "../../src/write/summary.ts";
import { stoppedBy, summaryInput } from "../write/support.ts";

const ended = (given: Partial<Ended>) =>
  fateOf({ summary: null, error: null, began: null, changed: false, ending: false, ...given }, "a.csv");
const inState = (state: State, changed = false) =>
  ended({ summary: makeSummary(summaryInput({ state, run: "r1" })), began: "r1", changed });
const failing = (code: ErrorCode, fields: ErrorFields = {}, given: Partial<Ended> = {}) =>
  ended({ ...given, error: new UpdraftError(code, fields) });

describe("fateOf", () => {
  it("archives a file whose run is over", () => {
    for (const state of ["complete", "cancelled"] as const)
      expect(inState(state)).toMatchObject({ kind: "archive", run: "r1" });
  });

  it("leaves a file whose run was interrupted, or whose turn did not come, to the next start", () => {
    expect(inState("interrupted")).toEqual({ kind: "leave" });
    expect(ended({})).toEqual({ kind: "leave" });
  });

  it("rests with a file while the endpoint refuses the credentials, and while Redis or the disk fails", () => {
    expect(inState("blocked").kind).toBe("rest");
    const warnings = [REFUSED.forbidden, "the webhook at host did not take 1 notice (HTTP 500)"];
    const summary = makeSummary(summaryInput({ state: "blocked", run: "r1", warnings }));
    expect(ended({ summary, began: "r1" })).toEqual({ kind: "rest", code: null, message: REFUSED.forbidden });
    for (const code of ["redis-unreachable", "disk-full", "redis-full"] as const)
      expect(failing(code).kind).toBe("rest");
  });

  it("refuses, with its reports, a file whose run a rule has stopped", () => {
    const summary = makeSummary(summaryInput({ ...stoppedBy("canary"), state: "stopped", run: "r1" }));
    expect(ended({ summary, began: "r1" })).toMatchObject({
      kind: "refuse",
      run: "r1",
      error: { code: "watch-run-stopped" },
    });
  });

  it("refuses a file that cannot be a run, and tells of it by the name under which it was dropped", () => {
    const fate = failing("file-empty", { file: "/srv/working/x-1/a.csv" });
    expect(fate).toMatchObject({
      kind: "refuse",
      run: null,
      dir: null,
      error: { message: expect.stringMatching(/^a\.csv is empty/) },
    });
    const missing = { file: "/srv/working/x-1/a.csv", job: "upload", property: "email", column: "Mail", hint: "" };
    expect(failing("job-column-missing", missing)).toMatchObject({
      kind: "refuse",
      error: { message: expect.stringMatching(/^a\.csv has no column Mail/) },
    });
    expect(failing("job-constant-and-column", missing).kind).toBe("refuse");
    expect(failing("ledger-broken", { file: "/data/ledger.db", why: "torn" }).kind).toBe("refuse");
  });

  it("leaves a file to the next start that this process was looking through when it was to end", () => {
    expect(failing("not-begun", { file: "a.csv" })).toEqual({ kind: "leave" });
  });

  it("refuses what a file is packed in where that cannot be opened, and one of which nothing tells how it is meant", () => {
    for (const code of ["zip-several", "file-bomb", "workbook-damaged", "dialect-unsure", "file-unhealthy"] as const)
      expect(failing(code, { file: "/srv/working/x-1/a.zip" }).kind).toBe("refuse");
  });

  it("refuses a file that was applied before, but not one whose own run ended before it was moved away", () => {
    const finished = { run: "r1", state: "complete", end: "", dir: "/data/runs/r1" };
    expect(failing("run-finished", finished)).toMatchObject({ kind: "repeated", run: "r1" });
    expect(failing("run-finished", finished, { began: "r0" })).toMatchObject({ kind: "repeated" });
    expect(failing("run-finished", finished, { began: "r1" })).toEqual({
      kind: "archive",
      run: "r1",
      dir: "/data/runs/r1",
    });
  });

  it("lets a file settle again that changed before a row was sent, and refuses one that changed afterwards", () => {
    expect(failing("file-changed", { file: "x" })).toEqual({ kind: "settle" });
    expect(failing("file-changed", { file: "x" }, { began: "r1" })).toMatchObject({ kind: "refuse", run: "r1" });
    for (const state of ["complete", "cancelled"] as const)
      expect(inState(state, true)).toMatchObject({ kind: "refuse", run: "r1", error: { code: "watch-file-grew" } });
    const finished = { run: "r1", state: "complete", end: "", dir: "/d" };
    expect(failing("run-finished", finished, { began: "r1", changed: true })).toMatchObject({
      kind: "refuse",
      dir: "/d",
    });
  });

  it("waits while another process has the run, or another run of the job that sends only what has changed", () => {
    for (const code of ["run-held", "run-held-by", "run-taken-over", "accepted-held"] as const)
      expect(failing(code).kind).toBe("wait");
  });

  it("rests where the settings are wrong, or the system fails, whatever the file", () => {
    for (const code of ["set-unknown", "key-file-open", "sealed-with-another-key", "dialect-file"] as const)
      expect(failing(code)).toMatchObject({ kind: "rest", code });
    expect(failing("set-and-column").kind).toBe("refuse");
    expect(failing("file-unreadable", { file: "x", cause: "EMFILE" }).kind).toBe("rest");
    expect(failing("file-unreadable", { file: "x", cause: "EACCES" }).kind).toBe("refuse");
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" });
    expect(ended({ error: full })).toMatchObject({ kind: "rest", code: "ENOSPC" });
    const readOnly = Object.assign(new Error("READONLY You can't write"), { name: "ReplyError" });
    expect(ended({ error: readOnly })).toMatchObject({ kind: "rest", code: "redis-refused" });
  });

  it("refuses a file of which nobody knows why it cannot be run: the next ones are served on", () => {
    const fate = ended({ error: new TypeError("of Åsa"), began: "r1" });
    expect(fate).toMatchObject({ kind: "refuse", run: "r1", error: { code: "watch-file-unexpected" } });
    expect(JSON.stringify(fate)).not.toContain("Åsa");
  });

  it("leaves a file to the next start whose run the end of this process cuts off, as where Redis does not answer then", () => {
    expect(ended({ error: new Error("Connection is closed."), began: "r1", ending: true })).toEqual({ kind: "leave" });
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" });
    expect(ended({ error: full, began: "r1", ending: true })).toEqual({ kind: "leave" });
  });
});

describe("restAfter", () => {
  it("grows up to five minutes", () => {
    expect([0, 1, 2, 5, 50].map(restAfter)).toEqual([15_000, 30_000, 60_000, 300_000, 300_000]);
  });
});
