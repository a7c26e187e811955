import { describe, expect, it } from "vitest";
import { foretell } from "../../src/write/forecast.ts";
import { duration, renderSummary } from "../../src/write/render.ts";
import { makeSummary, type SummaryInput } from "../../src/write/summary.ts";
import { stoppedBy, summaryInput } from "./support.ts";

function rendered(given: Partial<SummaryInput> = {}): string {
  return renderSummary(makeSummary(summaryInput(given)));
}

const NONE = { updated: 0, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0 };

describe("renderSummary", () => {
  it("tells counts, pace, causes, what to do and where the reports are", () => {
    expect(rendered()).toMatchInlineSnapshot(`
      "customers.csv: complete, sent to api.example.com:8443
      run nightly-4f2a90c1

        updated     99,120
        rejected       500  invalid, never sent
        failed         370  refused by the endpoint, or given up: not applied
        unknown         10  may have been applied: no definite answer came
        read       100,000

      Why rows are in the errors file
        500  rejected: column "State" (stateCode): missing [missing]
             rows 17 (line 18), 1023 (line 1026), …
             to do: fill it in: each row names its customer; of an address or a phone all parts are needed, or none

        8.4 s, 11,904 rows/s
        101,230 requests, 1,730 of them retries
        latency: half within 50 ms, 95 % 95 ms, 99 % 99 ms, longest 100 ms

      What to do
        - Correct the rows in the errors file, then give it back: updraft run /data/runs/nightly-4f2a90c1/errors.csv
        - Rows that failed or ended unknown can be sent again as they are, if the customer was not changed elsewhere: updraft retry nightly-4f2a90c1
        - 2 rows were updated after an earlier request of the same row had got no answer.

      Note: 1 blank line (line 3) left out

      Warning: the endpoint is deprecated

      Reports in /data/runs/nightly-4f2a90c1
        success.csv, errors.csv, summary.json
      "
    `);
  });

  it("says of a check that was interrupted that nothing is left of it, and not that it could be gone on with", () => {
    expect(rendered({ run: null, state: "interrupted" })).toBe(
      "customers.csv: interrupted, nothing was sent; there is no report of it: run the same command again\n",
    );
  });

  it("is short when all is well", () => {
    const text = rendered({
      counts: { ...NONE, updated: 100_000 },
      groups: [],
      warnings: [],
      ambiguousUpdated: 0,
      requests: { sent: 100_000, retried: 0 },
    });
    expect(text).not.toContain("What to do");
    expect(text).not.toContain("Why");
    expect(text.split("\n").length).toBeLessThan(20);
  });

  it("says how to go on after an interruption and where the rest is after a cancellation", () => {
    const counts = { ...NONE, updated: 99_000, unsent: 1_000 };
    const again = "Run the same command again: it goes on where it stopped.";
    for (const state of ["interrupted", "stopped", "blocked"] as const) {
      expect(rendered({ state, counts })).toContain(again);
    }
    const dir = "/data/my runs/r1";
    const files = { success: `${dir}/success.csv`, errors: `${dir}/errors.csv`, unsent: `${dir}/unsent.csv` };
    const cancelled = rendered({ state: "cancelled", counts, reports: { dir, files } });
    expect(cancelled).not.toContain(again);
    expect(cancelled).toContain("updraft run '/data/my runs/r1/unsent.csv'");
    expect(rendered({ state: "blocked", counts })).toContain("CONNECTFI_LOGIN");
  });

  it("says with which flags a report is given back: without them its rows would become other updates", () => {
    const flags = ["--set", "countryCodeA3=…", "--ignore-column", "Driver's note", "--strict"];
    expect(rendered({ job: "sync", flags })).toContain(
      "give it back: updraft run /data/runs/nightly-4f2a90c1/errors.csv --job sync --set 'countryCodeA3=…' --ignore-column 'Driver'\\''s note' --strict\n",
    );
  });

  it("says which rule stopped a run, by which rows, and how to go on", () => {
    const text = rendered(stoppedBy("stop-after"));
    expect(text).toContain(
      "\n\nWhy it stopped\n  3 rows failed\n  rows 7, 8 [extCondor/C0900]\n  row 9 [no outcome]\n\n",
    );
    const [see, again, raise] = text.split("What to do\n")[1]?.split("\n") ?? [];
    expect(see).toMatch(/See what went wrong.*errors\.csv$/);
    expect(again).toContain("Run the same command again");
    expect(raise).toContain("--stop-after a larger figure");
    expect(rendered(stoppedBy("canary"))).toContain("leave --canary out");
    expect(rendered()).not.toContain("Why it stopped");
  });

  it("names the run that a retry goes back to, and the rows that must not be given back", () => {
    const text = rendered({ run: "id.r1", retryOf: "id", superseded: 3 });
    expect(text).toContain("\nrun id.r1, a retry of id: the figures are those of both\n");
    expect(text).toContain(
      "Leave out the 3 rows of which the message says that a later row of the customer was updated.",
    );
    expect(text).toContain("updraft retry id.r1");
    expect(rendered({ state: "interrupted" })).not.toContain("updraft retry");
  });

  it("cries out when the rows do not add up", () => {
    const text = rendered({ read: 100_001 });
    expect(text).toContain("DOES NOT EQUAL THE SUM");
    expect(text).toContain("do not trust this report");
  });

  it("tells a check what would be sent", () => {
    const text = rendered({
      state: "checked",
      run: null,
      counts: { ...NONE, unsent: 99_500, rejected: 500 },
      requests: { sent: 0, retried: 0 },
      forecast: foretell({ read: 100_000, rejected: 500 }, [{ perSecond: 50 }], Date.UTC(2026, 0, 31, 23)),
    });
    expect(text).toContain(`
What a run would take
  99,500 calls; 0.5 % of the rows would be rejected
  at 50/s: 33 min 10 s; begun now, it would be over at 2026-01-31 23:33:10 UTC
`);
    expect(text).toContain("customers.csv: checked, nothing was sent");
    expect(text).toMatch(/valid +99,500 {2}would be sent/);
    expect(text).toContain("Send the 99,500 valid rows: updraft run, with the same file and flags; the errors file");
    expect(text).not.toMatch(/requests|unsent|updated {2}|summary\.json/);
  });

  it("lets no control character of a file's or column's name reach the terminal", () => {
    const [group] = summaryInput().groups;
    const text = rendered({
      file: { ...summaryInput().file, name: "evil\u001b[2J\n.csv" },
      groups: group ? [{ ...group, message: 'column "\u001b]0;x\u0007\u202e": missing' }] : [],
    });
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).toContain("evil?[2J?.csv");
  });

  it("shows the largest causes and counts the others", () => {
    const [group] = summaryInput().groups;
    const groups = group ? Array.from({ length: 25 }, (_, index) => ({ ...group, code: `code-${index}` })) : [];
    const text = rendered({ groups });
    expect(text).toContain("code-9]");
    expect(text).not.toContain("code-10]");
    expect(text).toContain("and 15 more causes, in summary.json");
  });
});

describe("duration", () => {
  it.each([
    [0, "0 ms"],
    [850.4, "850 ms"],
    [8400, "8.4 s"],
    [59_949, "59.9 s"],
    [59_960, "1 min 00 s"],
    [125_000, "2 min 05 s"],
    [3_599_700, "1 h 00 min"],
    [7_380_000, "2 h 03 min"],
  ])("%d ms is %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
