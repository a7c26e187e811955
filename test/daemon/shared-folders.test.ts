// Jobs that would get into each other's way.
import { describe, expect, test } from "vitest";
import { refuseSharedFolders } from "../../src/daemon/shared-folders.ts";
import type { Job } from "../../src/plan/job.ts";

function job(name: string, root: string, given: Partial<Job["watch"]> = {}): Pick<Job, "name" | "watch"> {
  const [inbox, working, outbox, archive, refused] = ["inbox", "working", "outbox", "archive", "refused"].map(
    (f) => `${root}/${f}`,
  );
  const folders = {
    inbox: inbox ?? "",
    working: working ?? "",
    outbox: outbox ?? "",
    archive: archive ?? "",
    refused: refused ?? "",
  };
  return { name, watch: { ...folders, poll: false, done: false, settle: 2_000, ...given } };
}

describe("refuseSharedFolders", () => {
  test("lets jobs be that have folders of their own, or watch none", () => {
    expect(() => refuseSharedFolders([job("a", "/a"), { name: "c", watch: null }, job("b", "/b")])).not.toThrow();
  });

  test.each([
    ["two inboxes", [job("a", "/a"), job("b", "/b", { inbox: "/a/inbox/" })], "inbox of job a and inbox of job b"],
    [
      "two working folders",
      [job("a", "/a"), job("b", "/b", { working: "/a/working" })],
      "working of job a and working of job b",
    ],
    [
      "an inbox and an archive of one job",
      [job("a", "/a", { archive: "/a/inbox" })],
      "inbox of job a and archive of job a",
    ],
  ])("refuses %s that are one", (_, jobs, said) => {
    expect(() => refuseSharedFolders(jobs)).toThrow(said);
  });
});
