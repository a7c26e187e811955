// The ledger: one outcome per row whatever is said twice, held by one process, readable again after any crash.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UpdraftError } from "../../src/errors.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { type Outcome, STATUSES } from "../../src/settle/outcome.ts";
import { AT, outcome, useFolder } from "../queue/support.ts";

const CHILD = fileURLToPath(new URL("ledger-child.ts", import.meta.url));
const folder = useFolder();
const { keep } = folder;

/** What the disk would hold if this process died now. */
async function crashed(dir: string): Promise<string> {
  const copy = await folder.dir();
  for (const name of readdirSync(dir)) copyFileSync(join(dir, name), join(copy, name));
  return copy;
}

function openFiles(dir: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(dir) ? [target] : [];
    } catch {
      return [];
    }
  });
}

const anyOutcome: fc.Arbitrary<Outcome> = fc.record({
  row: fc.integer({ min: 1, max: 40 }),
  status: fc.constantFrom(...STATUSES),
  attempts: fc.nat(9),
  http: fc.constantFrom(0, 200, 400, 503),
  at: fc.nat(2 ** 42),
  ambiguous: fc.boolean(),
  latency: fc.nat(1_000_000).map((n) => n / 100),
  cause: fc.option(fc.record({ code: fc.string({ maxLength: 10 }), last: fc.string({ maxLength: 10 }) }), {
    nil: null,
  }),
});

describe("openLedger", () => {
  test("makes its folder and files for their owner alone, and leaves no file open", async () => {
    const dir = join(await folder.dir(), "runs", "id");
    const ledger = openLedger(dir);
    ledger.write([outcome(1)]);
    await Promise.all([ledger.sync(), ledger.sync()]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(dir)) expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600]);
    const syncing = ledger.sync();
    ledger.close();
    ledger.close();
    await syncing.catch(() => {});
    await expect.poll(() => openFiles(dir)).toEqual([]);
    expect(readdirSync(dir)).toEqual(["ledger.db"]);
  });

  test("is held once: a second one is refused until it is closed", async () => {
    const dir = await folder.dir();
    const ledger = keep(openLedger(dir));
    expect(() => openLedger(dir)).toThrow(expect.objectContaining({ code: "run-held", exit: 2 }));
    ledger.close();
    expect(keep(openLedger(dir)).size()).toBe(0);
  });

  test("is held against other processes until its own is killed, and then has all that was written", async () => {
    const dir = await folder.dir();
    const holder = spawn(process.execPath, [CHILD, "hold", dir], { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    const who = expect.stringMatching(`^process ${holder.pid} on .+ since \\d{4}-\\d\\d-\\d\\dT`);
    expect(() => openLedger(dir)).toThrow(expect.objectContaining({ code: "run-held", fields: { dir, who } }));
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
    const ledger = keep(openLedger(dir));
    expect([...ledger.outcomes()]).toEqual([
      outcome(1),
      outcome(2, { status: "failed", cause: { code: "extCondor" } }),
    ]);
    expect(ledger.meta("highest")).toBe("2");
  });

  test("refuses a database of another program, and leaves it as it is", async () => {
    const dir = await folder.dir();
    const foreign = new DatabaseSync(join(dir, "ledger.db"));
    foreign.exec("CREATE TABLE songs (name TEXT)");
    foreign.close();
    const before = readFileSync(join(dir, "ledger.db"));
    expect(() => openLedger(dir)).toThrow(expect.objectContaining({ code: "ledger-foreign", exit: 5 }));
    expect(readFileSync(join(dir, "ledger.db"))).toEqual(before);
  });

  test("refuses a ledger of a newer version, naming both versions", async () => {
    const dir = await folder.dir();
    openLedger(dir).close();
    const newer = new DatabaseSync(join(dir, "ledger.db"));
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    expect(() => openLedger(dir)).toThrow(
      expect.objectContaining({ code: "ledger-newer", fields: expect.objectContaining({ version: 99, known: 1 }) }),
    );
  });

  test.each([
    ["is no database", Buffer.from("not a database, but long enough to have a header of its own ".repeat(20))],
    ["was cut in its first page", null],
  ])("refuses a file that %s, and keeps it", async (_, content) => {
    const dir = await folder.dir();
    const file = join(dir, "ledger.db");
    if (content === null) {
      const ledger = openLedger(dir);
      ledger.write(Array.from({ length: 1_000 }, (_, i) => outcome(i + 1)));
      ledger.close();
    }
    const broken = content ?? readFileSync(file).subarray(0, 700);
    writeFileSync(file, broken);
    expect(() => openLedger(dir)).toThrow(expect.objectContaining({ code: "ledger-broken", exit: 5 }));
    expect(readFileSync(file)).toEqual(broken);
  });

  test("refuses an empty file beside reports: it was emptied, and its rows would be sent again", async () => {
    const dir = await folder.dir();
    writeFileSync(join(dir, "ledger.db"), "");
    writeFileSync(join(dir, "success.csv.partial"), "");
    const refused = expect.objectContaining({
      code: "ledger-broken",
      fields: expect.objectContaining({ why: expect.stringContaining("empty") }),
    });
    expect(() => openLedger(dir)).toThrow(refused);
  });

  test("makes none where only one that is there is asked for", async () => {
    const dir = await folder.dir();
    for (const run of [dir, join(dir, "none")]) {
      expect(() => openLedger(run, { make: false })).toThrow(
        expect.objectContaining({ code: "ledger-missing", exit: 5 }),
      );
    }
    expect(readdirSync(dir)).toEqual([]);
  });

  test("begins anew in an empty file: a process may die in the instant in which it made it", async () => {
    const dir = await folder.dir();
    writeFileSync(join(dir, "ledger.db"), "");
    expect(keep(openLedger(dir)).size()).toBe(0);
  });

  test("says that a folder below a regular file cannot be written", async () => {
    const dir = await folder.dir();
    writeFileSync(join(dir, "file"), "");
    const refused = expect.objectContaining({ code: "data-dir-unwritable", exit: 5 });
    expect(() => openLedger(join(dir, "file", "run"))).toThrow(refused);
    mkdirSync(join(dir, "run", "ledger.db"), { recursive: true });
    expect(() => openLedger(join(dir, "run"))).toThrow(refused);
  });

  test("says that the disk is full, and keeps what it has", async (context) => {
    const dir = await folder.dir();
    const mount = `mount -t tmpfs -o size=1m tmpfs "$0" && exec "$1" "$2" fill "$0"`;
    const args = ["--mount", "sh", "-c", mount, dir, process.execPath, CHILD];
    const ended = spawnSync("unshare", args, { encoding: "utf8", timeout: 30_000 });
    if (/unshare|mount/.test(ended.error?.message ?? ended.stderr))
      context.skip("needs the right to mount a small disk");
    expect(JSON.parse(ended.stdout)).toEqual({ codes: ["disk-full 5", "disk-full 5"], kept: true });
  });
});

describe("a ledger", () => {
  test("keeps the first outcome of a row, and returns and counts only those that were new", async () => {
    const ledger = keep(openLedger(await folder.dir()));
    const failed = outcome(2, { status: "failed", cause: { code: "extCondor", subCode: "C0900" } });
    expect(ledger.write([outcome(1), failed])).toEqual([outcome(1), failed]);
    expect(
      ledger.write([outcome(2), outcome(1, { status: "unknown" }), outcome(3), outcome(3, { attempts: 9 })]),
    ).toEqual([outcome(3)]);
    expect([...ledger.outcomes()]).toEqual([outcome(1), failed, outcome(3)]);
    expect(ledger.counts()).toEqual({ updated: 2, unchanged: 0, rejected: 0, failed: 1, unknown: 0, unsent: 0 });
    expect(ledger.size()).toBe(3);
  });

  test("gives the first outcome of every row after any sequence of writes, ends and crashes", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.array(anyOutcome, { maxLength: 30 }) },
      { weight: 1, arbitrary: fc.constantFrom("reopen" as const, "crash" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        let dir = await folder.dir();
        let ledger = keep(openLedger(dir));
        const first = new Map<number, Outcome>();
        for (const given of steps) {
          if (given === "reopen" || given === "crash") {
            if (given === "crash") dir = await crashed(dir);
            ledger.close();
            ledger = keep(openLedger(dir));
          } else {
            const added = given.filter((o) => !first.has(o.row) && first.set(o.row, o));
            expect(ledger.write(given)).toEqual(added);
          }
        }
        const rows = [...first.values()].sort((a, b) => a.row - b.row);
        expect([...ledger.outcomes()]).toEqual(rows);
        expect(ledger.size()).toBe(rows.length);
        for (const status of STATUSES) {
          expect(ledger.counts()[status]).toBe(rows.filter((o) => o.status === status).length);
        }
        const bits = ledger.answered();
        for (let row = 0; row <= 48; row++) {
          expect(((bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0).toBe(first.has(row));
        }
        ledger.close();
      }),
      { numRuns: 25 },
    );
  });

  test("keeps outcomes of every kind, causes and problems included, and its notes, when it is opened again", async () => {
    const dir = await folder.dir();
    const parts = [{ path: "/addresses/0", keyword: "required", property: "stateCode" }];
    const problems = [{ column: "Email", path: "/email", code: "email", message: "expected an address" }];
    const given = [
      outcome(1, { status: "rejected", attempts: 0, cause: { code: "rejected", problems } }),
      outcome(2, { status: "failed", http: 400, cause: { code: "requestValidateError", parts } }),
      outcome(1_000_000, { status: "unknown", ambiguous: true, cause: { code: "no-definite-answer", last: "reset" } }),
    ];
    const ledger = keep(openLedger(dir));
    ledger.write(given, [{ row: 2, at: AT, fault: "http-503", http: 503, latency: 1.5, wait: 250 }], { epoch: "4" });
    ledger.close();
    const again = keep(openLedger(dir));
    expect([...again.outcomes()]).toEqual(given);
    expect(again.meta("epoch")).toBe("4");
    expect(again.meta("nothing")).toBeNull();
    expect(again.counts()).toMatchObject({ rejected: 1, failed: 1, unknown: 1, updated: 0 });
  });

  test("adds up the requests, and the updates that were in doubt", async () => {
    const ledger = keep(openLedger(await folder.dir()));
    expect(ledger.requests()).toEqual({ sent: 0, retried: 0, ambiguousUpdated: 0 });
    ledger.write([
      outcome(1),
      outcome(2, { attempts: 4, ambiguous: true }),
      outcome(3, { status: "rejected", attempts: 0 }),
      outcome(4, { status: "unknown", attempts: 5, ambiguous: true }),
    ]);
    expect(ledger.requests()).toEqual({ sent: 10, retried: 7, ambiguousUpdated: 1 });
  });

  test("remembers what was tried for rows without an outcome: most tries, and doubt for ever", async () => {
    const dir = await folder.dir();
    const ledger = keep(openLedger(dir));
    ledger.writePast([
      [1, { tries: 2, requests: 5, ambiguous: true }],
      [2, { tries: 1, requests: 1, ambiguous: false }],
      [3, { tries: 1, requests: 1, ambiguous: false }],
    ]);
    ledger.writePast([
      [1, { tries: 1, requests: 6, ambiguous: false }],
      [3, { tries: 0, requests: 0, ambiguous: true }],
    ]);
    ledger.write([outcome(2)]);
    ledger.close();
    expect(new Map(keep(openLedger(dir)).past())).toEqual(
      new Map([
        [1, { tries: 2, requests: 6, ambiguous: true }],
        [3, { tries: 1, requests: 1, ambiguous: true }],
      ]),
    );
  });

  test("tells everything about one row: its outcome, its faults in order, what was tried before", async () => {
    const ledger = keep(openLedger(await folder.dir()));
    const fault = { row: 2, at: AT, fault: "http-503", http: 503, latency: 1.5, wait: 250 };
    const later = { ...fault, at: AT - 1, fault: "timeout", http: 0 };
    ledger.write([outcome(2)], [fault, { ...fault, row: 3 }, later]);
    const past = { tries: 1, requests: 2, ambiguous: true };
    ledger.writePast([[3, past]]);
    const untried = { tries: 0, requests: 0, ambiguous: false };
    expect(ledger.history(2)).toEqual({ outcome: outcome(2), faults: [fault, later], past: untried });
    expect(ledger.history(3)).toEqual({ outcome: null, faults: [{ ...fault, row: 3 }], past });
    expect(ledger.history(4)).toEqual({ outcome: null, faults: [], past: untried });
  });

  test("counts the coordinators that started on the run, and keeps the first one's start", async () => {
    const dir = await folder.dir();
    const ledger = keep(openLedger(dir));
    expect(ledger.begin(AT)).toBe(1);
    ledger.close();
    const again = keep(openLedger(dir));
    expect(again.begin(AT + 60_000)).toBe(2);
    expect([again.meta("start"), again.meta("state")]).toEqual([String(AT), "running"]);
  });

  test("a write that fails leaves nothing of itself behind, and does not stand in the way of the next", async () => {
    const ledger = keep(openLedger(await folder.dir()));
    expect(() => ledger.write([outcome(1), outcome(2, { at: 1.5 })])).toThrow();
    expect(() => ledger.writePast([[1, { tries: 1.5, requests: 0, ambiguous: false }]])).toThrow();
    expect(ledger.write([outcome(1)])).toEqual([outcome(1)]);
    expect(ledger.size()).toBe(1);
    expect([...ledger.past()]).toEqual([]);
  });
});

describe("check", () => {
  const written = Array.from({ length: 400 }, (_, i) =>
    outcome(i + 1, i % 7 === 0 ? { status: "failed", http: 400, cause: { code: "extCondor", subCode: "C0900" } } : {}),
  );

  test("finds nothing wrong with a ledger of several spells, rows that were said twice and a write that failed", async () => {
    const dir = await folder.dir();
    const ledger = keep(openLedger(dir));
    await ledger.check();
    ledger.write(written.slice(0, 300));
    expect(() => ledger.write([outcome(350), outcome(351, { at: 1.5 })])).toThrow();
    ledger.close();
    const again = keep(openLedger(dir));
    again.write([outcome(3, { status: "unknown" }), ...written.slice(200)]);
    await again.check();
    again.close();
    await keep(openLedger(dir)).check();
  });

  test("whatever bytes of the file are overwritten, says so or gives the outcomes that were written", async () => {
    const source = await folder.dir();
    const ledger = openLedger(source);
    ledger.write(written, [], { state: "running" });
    ledger.close();
    const whole = readFileSync(join(source, "ledger.db"));
    const dir = await folder.dir();
    let found = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 600 }), fc.integer({ min: 1, max: 3_000 })),
        async (at, bytes) => {
          const damaged = Buffer.from(whole);
          const noise = typeof bytes === "number" ? new Uint8Array(bytes) : bytes;
          damaged.set(noise.subarray(0, damaged.length - at), at);
          writeFileSync(join(dir, "ledger.db"), damaged);
          let opened: ReturnType<typeof openLedger> | null = null;
          try {
            opened = openLedger(dir);
            await opened.check();
            expect([...opened.outcomes()]).toEqual(written);
          } catch (error) {
            if (!(error instanceof UpdraftError)) throw error;
            expect(error.code).toMatch(/^ledger-(broken|foreign|newer)$/);
            found++;
          } finally {
            opened?.close();
          }
        },
      ),
      { numRuns: 150 },
    );
    expect(found).toBeGreaterThan(50);
  });

  test.each([0.25, 0.5, 0.9])("says so of a ledger that was cut off at %f of its length", async (share) => {
    const dir = await folder.dir();
    const ledger = openLedger(dir);
    ledger.write(written);
    ledger.close();
    const file = join(dir, "ledger.db");
    truncateSync(file, Math.floor(statSync(file).size * share));
    await expect(async () => keep(openLedger(dir)).check()).rejects.toMatchObject({ code: "ledger-broken", exit: 5 });
  });
});
