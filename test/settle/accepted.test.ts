// What an endpoint has accepted, kept as hashes on the disk: never too much of it, whatever fails and whoever dies at which moment.
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { condor } from "../../src/endpoint/condor.ts";
import { makeParts } from "../../src/plan/parts.ts";
import type { Update } from "../../src/plan/plan.ts";
import { type Accepted, type AcceptedContext, openAccepted } from "../../src/settle/accepted.ts";
import type { Status } from "../../src/settle/outcome.ts";
import { type FakeClock, KEY, makeFakeClock, outcome, useFolder } from "../queue/support.ts";

const folder = useFolder();
const parts = makeParts(condor);
const DAY = 86_400_000;
let dataDir = "";
let clock: FakeClock;
let opened: Accepted[] = [];
beforeEach(async () => {
  dataDir = await folder.dir();
  clock = makeFakeClock();
});
afterEach(() => {
  for (const one of opened) one.close();
  opened = [];
});

function open(given: Partial<AcceptedContext> = {}): Accepted {
  const plain = { dataDir, job: "nightly", endpoint: "0123456789abcdef", key: KEY, parts };
  const accepted = openAccepted({ ...plain, recheckAfter: null, compare: true, clock, ...given }, true);
  if (accepted === null) throw new Error("it was to be made");
  opened.push(accepted);
  return accepted;
}

/** Each of them in a row of its own, as if the others had been in other files. */
let row = 0;
function update(customerId: string, given: object): Update {
  row++;
  return { kind: "update", row, line: row, customerId, body: JSON.stringify({ customerId, ...given }) };
}

/** Sent, and answered so. */
async function send(accepted: Accepted, sent: Update, status: Status = "updated"): Promise<void> {
  accepted.sending(sent);
  await accepted.sync();
  accepted.settle([outcome(sent.row, { status, at: clock.wall() })]);
}

const files = () => readdirSync(join(dataDir, "accepted")).sort();
const countIn = (name: string) => {
  const db = new DatabaseSync(join(dataDir, "accepted", name), { readOnly: true });
  const { count } = db.prepare("SELECT count(*) AS count FROM accepted").get() ?? {};
  db.close();
  return count;
};
/** How many customers there are after what has expired was dropped. */
async function kept(recheckAfter: number | null): Promise<unknown> {
  const accepted = open({ recheckAfter });
  await accepted.dropExpired();
  accepted.close();
  return countIn(files()[0] ?? "");
}
const addNew = `
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
  INSERT INTO accepted SELECT highest + i, CAST(highest + i AS BLOB), ?, x'01', x'01'
  FROM n, (SELECT coalesce(max(place), 0) AS highest FROM accepted)`;
function change(sql: string, ...given: number[]): void {
  const db = new DatabaseSync(join(dataDir, "accepted", files()[0] ?? ""));
  db.prepare(sql).run(...given);
  db.close();
}
const ANN = { firstName: "Ann", email: "ann@example.com" };
const HOME = { type: "PRIMARY", addressLine1: "1 Main St", city: "Holtsville", stateCode: "NY" };
const CABIN = { ...HOME, type: "SECONDARY", addressLine1: "2 Hill Rd" };

describe("has", () => {
  test("says yes to what was accepted, also in another process, and no to any other value", async () => {
    const accepted = open();
    expect(accepted.has(update("c", ANN))).toBe(false);
    await send(accepted, update("c", ANN));
    expect(accepted.has(update("c", ANN))).toBe(true);
    accepted.close();
    const again = open();
    expect(again.has(update("c", ANN))).toBe(true);
    expect(again.has(update("c", { ...ANN, email: "ann@example.org" }))).toBe(false);
    expect(again.has(update("d", ANN))).toBe(false);
  });

  test("takes a property that is missing today for no change, and one that is new for one", async () => {
    const accepted = open();
    await send(accepted, update("c", ANN));
    expect(accepted.has(update("c", { email: ANN.email }))).toBe(true);
    expect(accepted.has(update("c", { ...ANN, lastName: "Lee" }))).toBe(false);
  });

  test("remembers what was accepted before the last update and not given in that", async () => {
    const accepted = open();
    await send(accepted, update("c", ANN));
    await send(accepted, update("c", { firstName: "Anna" }));
    expect(accepted.has(update("c", { ...ANN, firstName: "Anna" }))).toBe(true);
    expect(accepted.has(update("c", ANN))).toBe(false);
  });

  test("compares an address as a whole: one that is missing is no change, one that lacks a part is", async () => {
    const accepted = open();
    await send(accepted, update("c", { addresses: [HOME, CABIN] }));
    expect(accepted.has(update("c", { addresses: [CABIN] }))).toBe(true);
    expect(accepted.has(update("c", { addresses: [CABIN, HOME] }))).toBe(true);
    const { addressLine1: _left, ...partly } = HOME;
    expect(accepted.has(update("c", { addresses: [partly] }))).toBe(false);
  });

  test.each(["failed", "unknown", "unsent"] as const)(
    "says no to all of a customer whose last row ended %s",
    async (status) => {
      const accepted = open();
      await send(accepted, update("c", ANN));
      await send(accepted, update("c", { ...ANN, email: "new@example.com" }), status);
      expect(accepted.has(update("c", ANN))).toBe(false);
      expect(accepted.has(update("c", { firstName: "Ann" }))).toBe(false);
    },
  );

  test("says no from the moment a row of the customer is put on its way, until the last of them is answered", async () => {
    const accepted = open();
    await send(accepted, update("c", ANN));
    const [first, second] = [update("c", { firstName: "Bea" }), update("c", { firstName: "Cleo" })];
    for (const one of [first, second]) accepted.sending(one);
    expect(accepted.has(update("c", ANN))).toBe(false);
    accepted.settle([outcome(first.row)]);
    expect(accepted.has(update("c", { firstName: "Bea" }))).toBe(false);
    accepted.settle([outcome(second.row), outcome(first.row)]);
    expect(accepted.has(update("c", { firstName: "Bea" }))).toBe(false);
    expect(accepted.has(update("c", { firstName: "Cleo", email: ANN.email }))).toBe(true);
  });

  test("does not go by what it found of a row that had to wait until an earlier one of its customer was answered", async () => {
    const accepted = open();
    const [first, second] = [update("c", ANN), update("c", { ...ANN, email: "new@example.com" })];
    expect(accepted.has(first)).toBe(false);
    accepted.sending(first);
    expect(accepted.has(second)).toBe(false);
    accepted.settle([outcome(first.row)]);
    accepted.sending(second);
    expect(accepted.has(update("c", ANN))).toBe(false);
    accepted.settle([outcome(second.row)]);
    expect(accepted.has(update("c", { ...ANN, email: "new@example.com" }))).toBe(true);
  });

  test("says no to what was accepted too long ago, be it a part, and by a clock that was wrong", async () => {
    const accepted = open({ recheckAfter: 30 * DAY });
    await send(accepted, update("c", ANN));
    await clock.advance(29 * DAY);
    await send(accepted, update("c", { firstName: "Anna" }));
    expect(accepted.has(update("c", { firstName: "Anna" }))).toBe(true);
    await clock.advance(DAY);
    // The address of mail is 30 days old, and nobody knows it apart from the name.
    expect(accepted.has(update("c", { firstName: "Anna" }))).toBe(false);
    await send(accepted, update("c", { firstName: "Anna" }));
    expect(accepted.has(update("c", { firstName: "Anna" }))).toBe(true);
    expect(accepted.has(update("c", ANN))).toBe(false);
    const ahead = update("d", ANN);
    accepted.sending(ahead);
    accepted.settle([outcome(ahead.row, { at: clock.wall() + 400 * DAY })]);
    expect(accepted.has(update("d", ANN))).toBe(false);
  });

  test("without comparing says no to everything, and what is accepted is noted all the same", async () => {
    const full = open({ compare: false });
    await send(full, update("c", ANN));
    expect(full.has(update("c", ANN))).toBe(false);
    await send(full, update("c", { firstName: "Anna" }));
    full.close();
    expect(open().has(update("c", { ...ANN, firstName: "Anna" }))).toBe(true);
  });

  test("never says yes to what the endpoint does not have, whatever is answered, lost or cut off in between", async () => {
    const names = fc.constantFrom("a", "b");
    const values = fc.record(
      { firstName: fc.constantFrom("1", "2"), email: fc.constantFrom("1", "2") },
      { requiredKeys: [] },
    );
    const steps = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("row" as const), customer: names, values }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("sync" as const) }) },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant("answer" as const),
          customer: names,
          status: fc.constantFrom<"updated" | "failed" | "unknown">(
            "updated",
            "updated",
            "updated",
            "failed",
            "unknown",
          ),
          applied: fc.boolean(),
        }),
      },
      // The ledger may have had an outcome that this file was not told of.
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), applied: fc.boolean() }) },
    );
    let runs = 0;
    let yes = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 100, maxLength: 200 }), async (all) => {
        const job = `job${runs++}`;
        let accepted = open({ job });
        /** What the endpoint has. */
        const there = new Map<string, Record<string, string>>();
        /** In the file's order, by customer. Only what sync() has answered for may be sent. */
        const under = new Map<string, { sent: Update; given: Record<string, string>; written: boolean }[]>();
        const apply = (customer: string, given: Record<string, string>) =>
          there.set(customer, { ...there.get(customer), ...given });
        for (const step of all) {
          if (step.kind === "row") {
            const given = step.values;
            const sent = update(step.customer, given);
            if (Object.keys(given).length === 0) continue;
            if (accepted.has(sent)) {
              expect(there.get(step.customer)).toMatchObject(given);
              yes++;
            } else {
              accepted.sending(sent);
              under.set(step.customer, [...(under.get(step.customer) ?? []), { sent, given, written: false }]);
            }
          } else if (step.kind === "sync") {
            await accepted.sync();
            for (const one of [...under.values()].flat()) one.written = true;
          } else if (step.kind === "answer") {
            // The first ends so, and those that waited for it are updated.
            let { status } = step;
            for (let [first, ...others] = under.get(step.customer) ?? []; first?.written; [first, ...others] = others) {
              under.set(step.customer, others);
              if (status === "updated" || (status === "unknown" && step.applied)) apply(step.customer, first.given);
              accepted.settle([outcome(first.sent.row, { status })]);
              status = "updated";
            }
          } else {
            for (const [customer, [first]] of under) {
              if (first?.written && step.applied) apply(customer, first.given);
            }
            under.clear();
            accepted.close();
            accepted = open({ job });
          }
        }
        accepted.close();
      }),
      { numRuns: 60 },
    );
    expect(yes).toBeGreaterThan(100);
  });

  test("says yes to all of a file that was accepted, in the same order and in any other, with customers gone and come", async () => {
    const accepted = open();
    const customers = Array.from({ length: 200 }, (_, i): [string, object] => [
      `csta_${i}`,
      { firstName: `Name ${i}` },
    ]);
    for (const [id, given] of customers) await send(accepted, update(id, given));
    const isThere = (list: typeof customers) => list.map(([id, given]) => accepted.has(update(id, given)));
    expect(isThere(customers)).not.toContain(false);
    expect(isThere(customers.toReversed())).not.toContain(false);
    expect(isThere(customers.filter((_, i) => i % 7 !== 0))).not.toContain(false);
    const fresh = customers.flatMap((one, i) =>
      i % 50 === 9 ? [one, [`new_${i}`, { firstName: "New" }] satisfies [string, object]] : [one],
    );
    expect(isThere(fresh).filter((there) => !there)).toHaveLength(4);
  });
});

describe("sync", () => {
  test("has the customer forgotten on the disk, so that whoever dies then leaves nothing that is no longer so", async () => {
    const accepted = open();
    await send(accepted, update("c", ANN));
    const sent = update("c", { firstName: "Bea" });
    accepted.sending(sent);
    await accepted.sync();
    const left = await folder.dir();
    cpSync(join(dataDir, "accepted"), join(left, "accepted"), { recursive: true });
    expect(open({ dataDir: left }).has(update("c", ANN))).toBe(false);
    // Answered, but not noted before the end: one call more, no change missed.
    accepted.close();
    expect(open().has(update("c", { firstName: "Bea" }))).toBe(false);
  });
});

describe("enter", () => {
  test("knows of runs that were begun and not ended, whoever died, and under another key, too", () => {
    const first = open();
    expect([first.enter("a"), first.enter("b")]).toEqual([[], ["a"]]);
    first.leave("a");
    first.close();
    const second = open({ key: Buffer.alloc(32, 9) });
    expect(second.enter("b")).toEqual([]);
    expect(second.enter("c")).toEqual(["b"]);
    second.leave("b");
    second.leave("c");
    expect(second.enter("d")).toEqual([]);
  });
});

describe("openAccepted", () => {
  test("keeps each job and endpoint apart, in files that only their owner can read, without any value or id in them", async () => {
    const accepted = open();
    await send(accepted, update("csta_0042", { firstName: "Clementine", email: "clementine@example.com" }));
    for (const other of [{ job: "other" }, { endpoint: "fedcba9876543210" }])
      expect(open(other).has(update("csta_0042", { firstName: "Clementine" }))).toBe(false);
    for (const name of files()) expect(statSync(join(dataDir, "accepted", name)).mode & 0o077).toBe(0);
    const all = Buffer.concat(files().map((name) => readFileSync(join(dataDir, "accepted", name)))).toString("latin1");
    expect(all).not.toMatch(/csta_|Clementine|clementine/);
  });

  test("makes a file only where one is asked for, and uses one that is there in any case", async () => {
    const context = {
      dataDir,
      job: "nightly",
      endpoint: "e",
      key: KEY,
      parts,
      recheckAfter: null,
      compare: false,
      clock,
    };
    expect(openAccepted(context, false)).toBe(null);
    openAccepted(context, true)?.close();
    const accepted = openAccepted(context, false);
    expect(accepted).not.toBe(null);
    accepted?.close();
  });

  test("drops who was accepted too long ago and in no file since, and nobody where nothing expires", async () => {
    const accepted = open();
    await send(accepted, update("left", ANN));
    await send(accepted, update("stays", ANN));
    await send(accepted, update("failed", ANN), "failed");
    await clock.advance(30 * DAY);
    await send(accepted, update("stays", ANN));
    accepted.close();
    expect([await kept(null), await kept(31 * DAY), await kept(30 * DAY)]).toEqual([2, 2, 1]);
    const again = open({ recheckAfter: 30 * DAY });
    expect([again.has(update("stays", ANN)), again.has(update("left", ANN))]).toEqual([true, false]);
  });

  test("looks at a part of many customers each time, so that a small file need not wait, and in the end at all", async () => {
    open().close();
    change(addNew, 50_000, clock.wall());
    await kept(DAY);
    change("UPDATE accepted SET at = 1 WHERE place % 40000 <> 0");
    const left = [await kept(DAY), await kept(DAY), await kept(DAY), await kept(DAY)];
    expect(left).toEqual([30_000, 10_001, 1, 1]);
  });

  test("looks at more of them where each file brings more new ones than that, so that it does not grow for ever", async () => {
    open().close();
    const left: unknown[] = [];
    for (let night = 0; night < 5; night++) {
      change(addNew, 30_000, clock.wall());
      await clock.advance(DAY);
      left.push(await kept(DAY));
    }
    expect(left).toEqual([0, 0, 0, 0, 0]);
  });

  test("refuses a second one while the first is open", () => {
    open();
    expect(() => open()).toThrow(expect.objectContaining({ code: "accepted-held" }));
  });

  test("forgets what was noted under another key, or for another contract", async () => {
    for (const other of [{ key: Buffer.alloc(32, 1) }, { parts: { ...parts, labels: ["email"] } }]) {
      const accepted = open();
      await send(accepted, update("c", ANN));
      accepted.close();
      const now = open(other);
      expect(now.has(update("c", { email: ANN.email }))).toBe(false);
      now.close();
      expect(open().has(update("c", ANN))).toBe(false);
      opened.at(-1)?.close();
    }
  });

  test("refuses a damaged file, and says that it may be moved away", async () => {
    const accepted = open();
    await send(accepted, update("c", ANN));
    accepted.close();
    const [name = ""] = files();
    writeFileSync(join(dataDir, "accepted", name), "SQLite format 3\u0000 and no more");
    expect(() => open()).toThrow(expect.objectContaining({ code: "accepted-broken" }));
    expect(() => open()).toThrow(expect.objectContaining({ next: expect.stringContaining("move it away") }));
  });
});
