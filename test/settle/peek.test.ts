// Looking into a run's ledger: it says what is there, keeps nobody from it, and leaves it as it was.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLedger } from "../../src/settle/ledger.ts";
import { notedInput, noteInput, peekLedger } from "../../src/settle/peek.ts";
import { outcome, useFolder } from "../queue/support.ts";

const folder = useFolder();
const size = (dir: string) => peekLedger(dir, (ledger) => ledger.size());

describe("peekLedger", () => {
  test("reads a ledger that nobody holds, and leaves nothing beside it", async () => {
    const dir = await folder.dir();
    const ledger = openLedger(dir);
    ledger.write([outcome(1), outcome(2)], [], { state: "interrupted" });
    ledger.close();
    const found = peekLedger(dir, (peeked) => [peeked.size(), peeked.counts().updated, peeked.meta("state")]);
    expect(found).toEqual([2, 2, "interrupted"]);
    expect(readdirSync(dir)).toEqual(["ledger.db"]);
    openLedger(dir).close();
  });

  test("says null while a process holds it", async () => {
    const dir = await folder.dir();
    folder.keep(openLedger(dir));
    expect(size(dir)).toBeNull();
  });

  test("is refused for a folder without a ledger, which gets none, and for what is no ledger", async () => {
    const dir = await folder.dir();
    expect(() => size(dir)).toThrow(expect.objectContaining({ code: "ledger-missing" }));
    expect(readdirSync(dir)).toEqual([]);
    writeFileSync(join(dir, "ledger.db"), "no ledger ".repeat(500));
    expect(() => size(dir)).toThrow(expect.objectContaining({ code: "ledger-broken" }));
  });
});

describe("noteInput", () => {
  test("keeps the name of the run's file beside its ledger, where it can be kept", async () => {
    const dir = await folder.dir();
    expect(notedInput(dir)).toBeNull();
    noteInput(dir, "Kunden 2026.csv");
    expect(notedInput(dir)).toBe("Kunden 2026.csv");
    noteInput(join(dir, "missing"), "in.csv");
    expect(notedInput(join(dir, "missing"))).toBeNull();
  });
});
