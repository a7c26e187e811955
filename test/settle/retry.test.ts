// The ledger of a retry: that of the first run, less the rows to be sent again, of which it keeps what was tried.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../src/settle/entry.ts";
import { type Ledger, openLedger } from "../../src/settle/ledger.ts";
import { openLedgerFile } from "../../src/settle/ledger-file.ts";
import { type Origin, readOrigin } from "../../src/settle/origin.ts";
import { type Outcome, STATUSES, stopped } from "../../src/settle/outcome.ts";
import { NOTHING_TRIED } from "../../src/settle/past.ts";
import { makeRetryLedger, RETRIABLE, type RetryNote, readRetry } from "../../src/settle/retry.ts";
import { AT, outcome, useFolder } from "../queue/support.ts";

const folder = useFolder();

const ORIGIN: Origin = {
  encoding: "utf-8",
  ...{ v: 1, path: "/files/in.csv", name: "in.csv", format: "csv", bytes: 9, sha256: "ab".repeat(32) },
  ...{ job: "default", mapping: { set: {}, ignoreColumns: [] }, limit: null, baseUrl: "https://api.example.com" },
};
const note = (given: Partial<RetryNote> = {}): RetryNote => ({
  ...{ v: 1, of: "id", only: [...RETRIABLE], superseded: false },
  ...given,
});

interface Made {
  readonly first: string;
  readonly ledger: Ledger;
}

/** A ledger that `fill` writes, and the one that a retry of it makes. */
async function retry(
  fill: (ledger: Ledger) => void,
  given: { only?: RetryNote["only"]; read: number; left?: readonly number[] },
): Promise<Made> {
  const first = await folder.dir();
  const ledger = openLedger(first);
  fill(ledger);
  ledger.close();
  const dir = join(await folder.dir(), "made");
  const file = openLedgerFile(first, false);
  try {
    const { only = [...RETRIABLE], read, left = [] } = given;
    makeRetryLedger(file, dir, { retry: note({ only }), origin: ORIGIN, read, left, now: AT + 5 });
  } finally {
    file.close();
  }
  return { first, ledger: folder.keep(openLedger(dir, { make: false })) };
}

const READ = 24;
const anyOutcome = fc.record({
  status: fc.constantFrom(...STATUSES),
  attempts: fc.nat(3),
  ambiguous: fc.boolean(),
});
const anyRun = fc.record({
  outcomes: fc.array(fc.option(anyOutcome, { freq: 3 }), { minLength: READ, maxLength: READ }),
  past: fc.array(fc.option(fc.record({ tries: fc.nat(4), requests: fc.nat(6), ambiguous: fc.boolean() })), {
    minLength: READ,
    maxLength: READ,
  }),
  doubtful: fc.constantFrom(0, 5, READ, Number.MAX_SAFE_INTEGER),
  only: fc.subarray([...RETRIABLE]),
  left: fc.subarray(Array.from({ length: READ }, (_, i) => i + 1)),
});

describe("makeRetryLedger", () => {
  test("leaves open exactly the rows to be sent again, with the requests of before, in doubt where they were, their tries forgiven", async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ outcomes, past, doubtful, only, left }) => {
        const given = outcomes.flatMap((one, i) => (one === null ? [] : [outcome(i + 1, { ...one, http: 200 })]));
        const statusOf = (row: number) => outcomes[row - 1]?.status ?? "unsent";
        const isAgain = (row: number) => only.some((status) => status === statusOf(row));
        const { ledger } = await retry(
          (ledger) => {
            ledger.write(given, [], { doubtful: String(doubtful) });
            ledger.writePast(past.flatMap((one, i) => (one === null ? [] : [[i + 1, one] as const])));
          },
          { only, read: READ, left: left.filter(isAgain) },
        );
        const rows = Array.from({ length: READ }, (_, i) => i + 1);
        const sent = rows.filter((row) => isAgain(row) && !left.includes(row));
        const unsent = (row: number) => {
          const attempts = past[row - 1]?.requests ?? 0;
          return outcome(row, { status: "unsent", attempts, http: 0, at: AT + 5, latency: 0 });
        };
        expect([...ledger.outcomes()]).toEqual(
          rows.filter((row) => !sent.includes(row)).map((row) => given.find((one) => one.row === row) ?? unsent(row)),
        );
        const known = new Map(ledger.past());
        for (const row of sent) {
          const before = outcomes[row - 1];
          const open = past[row - 1] ?? NOTHING_TRIED;
          expect([row, known.get(row) ?? NOTHING_TRIED]).toEqual([
            row,
            {
              tries: 0,
              requests: Math.max(before?.attempts ?? 0, open.requests),
              ambiguous: (before?.ambiguous ?? row <= doubtful) || open.ambiguous,
            },
          ]);
        }
        await ledger.check();
        expect(ledger.size()).toBe(READ - sent.length);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps the faults of all rows, and the exchange that ended a row as one more of them", async () => {
    const fault = (row: number, name: string): Fault => ({ row, at: AT, fault: name, http: 503, latency: 2, wait: 90 });
    const refused = {
      status: "failed",
      attempts: 1,
      http: 400,
      cause: { code: "extCondor", subCode: "C0900" },
    } as const;
    const givenUp = { attempts: 2, http: 503, cause: { code: "retries-exhausted", last: "http-503" } } as const;
    const ended: Outcome[] = [
      outcome(1, { attempts: 2 }),
      outcome(2, refused),
      outcome(3, { ...givenUp, status: "failed" }),
      outcome(4, { status: "rejected", attempts: 0, http: 0, cause: { code: "rejected" } }),
      stopped(5, 2, AT),
    ];
    const { ledger } = await retry((first) => first.write(ended, [fault(1, "http-503"), fault(3, "http-503")]), {
      read: 5,
    });
    const last = (row: number, name: string, http: number) => ({
      row,
      at: AT,
      fault: name,
      http,
      latency: 3.25,
      wait: 0,
    });
    expect(ledger.history(1)).toMatchObject({ outcome: ended[0], faults: [fault(1, "http-503")] });
    expect(ledger.history(2)).toMatchObject({ outcome: null, faults: [last(2, "extCondor", 400)] });
    expect(ledger.history(3).faults).toEqual([fault(3, "http-503"), last(3, "http-503", 503)]);
    expect(ledger.history(4)).toEqual({ outcome: null, faults: [], past: NOTHING_TRIED });
    expect(ledger.history(5)).toMatchObject({ faults: [], past: { tries: 0, requests: 2, ambiguous: true } });
  });

  test("says of what run it is a retry, which rows it sends and what it was read from; it is unfinished, and has begun no spell", async () => {
    const { ledger } = await retry(
      (first) => first.write([outcome(1)], [], { state: "complete", epoch: "7", settings: "{}" }),
      {
        only: ["failed"],
        read: 1,
      },
    );
    expect(readRetry(ledger)).toEqual(note({ only: ["failed"] }));
    expect(readOrigin(ledger)).toEqual(ORIGIN);
    const keys = ["read", "settings", "state", "epoch", "spells", "end"];
    expect(keys.map((key) => ledger.meta(key))).toEqual(["1", "{}", null, null, null, null]);
  });

  test("leaves the first ledger as it was, and still held; its own is whole and for its owner alone", async () => {
    const ended = [outcome(1), outcome(2, { status: "failed" })];
    const first = await folder.dir();
    const before = openLedger(first);
    before.write(ended);
    before.close();
    const dir = join(await folder.dir(), "made");
    const file = openLedgerFile(first, false);
    makeRetryLedger(file, dir, { retry: note(), origin: ORIGIN, read: 2, left: [], now: AT });
    expect(() => openLedger(first)).toThrow(expect.objectContaining({ code: "run-held" }));
    expect(readdirSync(dir)).toEqual(["ledger.db"]);
    expect(statSync(join(dir, "ledger.db")).mode & 0o777).toBe(0o600);
    file.close();
    expect([...folder.keep(openLedger(first)).outcomes()]).toEqual(ended);
    const copy = new DatabaseSync(join(dir, "ledger.db"));
    expect(copy.prepare("SELECT row FROM outcomes").all()).toEqual([{ row: 1 }]);
    copy.close();
  });

  test("copies nothing where it fails half way, and the first run is as it was", async () => {
    const first = await folder.dir();
    const ledger = openLedger(first);
    ledger.write([outcome(1), outcome(2, { status: "failed" })]);
    ledger.close();
    const dir = join(await folder.dir(), "made");
    const file = openLedgerFile(first, false);
    function* failing() {
      yield 2;
      throw new Error("half way");
    }
    const rows = { retry: note(), origin: ORIGIN, read: 2, left: failing(), now: AT };
    expect(() => makeRetryLedger(file, dir, rows)).toThrow("half way");
    expect(existsSync(join(dir, "ledger.db-wal"))).toBe(false);
    file.close();
    expect([...folder.keep(openLedger(dir)).outcomes()]).toEqual([]);
    expect(folder.keep(openLedger(first)).size()).toBe(2);
  });
});
