// Sealing: what is sealed says nothing to anybody without the key, epoch and context, and a data folder has one key.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyFingerprint, loadKey, makeSealer } from "../../src/queue/seal.ts";
import { KEY, useFolder } from "./support.ts";

const SECRET = "Ann Oduya, 12 Harbour Road, ann@example.org";
const folder = useFolder();

describe("makeSealer", () => {
  test("gives back any bytes that were sealed", () => {
    const sealer = makeSealer(KEY, "run-1");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.string(), (bytes, context) => {
        expect(sealer.unseal(context, sealer.seal(context, Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test("shows nothing of what was sealed, and never the same bytes twice", () => {
    const sealer = makeSealer(KEY, "run-1");
    const one = sealer.seal("batch:1", SECRET);
    const other = sealer.seal("batch:1", SECRET);
    for (const sealed of [one, other]) {
      for (const word of SECRET.split(/\W+/)) expect(sealed.toString("latin1")).not.toContain(word);
    }
    expect(one).not.toEqual(other);
    expect(one.subarray(0, 12)).not.toEqual(other.subarray(0, 12));
  });

  test.each([
    ["another key", makeSealer(randomBytes(32), "run-1"), "batch:1"],
    ["another epoch", makeSealer(KEY, "run-2"), "batch:1"],
    ["another context", makeSealer(KEY, "run-1"), "batch:2"],
  ])("refuses to unseal with %s, and says so without what was sealed", (_, sealer, context) => {
    const sealed = makeSealer(KEY, "run-1").seal("batch:1", SECRET);
    expect(() => sealer.unseal(context, sealed)).toThrow(
      expect.objectContaining({ code: "sealed-with-another-key", message: expect.not.stringContaining("Ann") }),
    );
  });

  test("refuses what was changed in any bit, cut short or is no sealed text at all", () => {
    const sealer = makeSealer(KEY, "run-1");
    const sealed = sealer.seal("batch:1", SECRET);
    const refused = expect.objectContaining({ code: "sealed-with-another-key" });
    fc.assert(
      fc.property(fc.nat(sealed.length * 8 - 1), fc.nat(sealed.length - 1), (bit, length) => {
        const changed = Buffer.from(sealed);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => sealer.unseal("batch:1", changed)).toThrow(refused);
        expect(() => sealer.unseal("batch:1", sealed.subarray(0, length))).toThrow(refused);
      }),
    );
  });
});

describe("keyFingerprint", () => {
  test("is the same for a key, another for another key, and holds nothing of it", () => {
    expect(keyFingerprint(KEY)).toMatch(/^[0-9a-f]{16}$/);
    expect(keyFingerprint(Buffer.from(KEY))).toBe(keyFingerprint(KEY));
    expect(keyFingerprint(randomBytes(32))).not.toBe(keyFingerprint(KEY));
    expect(KEY.toString("hex")).not.toContain(keyFingerprint(KEY));
  });
});

describe("loadKey", () => {
  test("takes a given key and leaves the data folder alone", async () => {
    const dir = join(await folder.dir(), "never-made");
    expect(loadKey(KEY, dir)).toBe(KEY);
    expect(existsSync(dir)).toBe(false);
  });

  test("makes a key of 32 bytes in a file that only its owner can read, and finds it again", async () => {
    const dir = join(await folder.dir(), "data");
    const key = loadKey(null, dir);
    expect(key).toHaveLength(32);
    expect(statSync(join(dir, "key")).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(loadKey(null, dir)).toEqual(key);
    expect(readdirSync(dir)).toEqual(["key"]);
  });

  test.each([0o640, 0o604, 0o620])("refuses a key file of mode %o, which others can open", async (mode) => {
    const dir = await folder.dir();
    loadKey(null, dir);
    chmodSync(join(dir, "key"), mode);
    expect(() => loadKey(null, dir)).toThrow(
      expect.objectContaining({ code: "key-file-open", exit: 2, message: expect.stringContaining(mode.toString(8)) }),
    );
  });

  test.each([
    ["is empty", ""],
    ["is cut short", "ab".repeat(31)],
    ["has other characters", "zz".repeat(32)],
    ["has more than a key", `${"ab".repeat(32)} and more`],
    ["has more digits than a key", "ab".repeat(33)],
  ])("refuses a key file that %s, and keeps it as it is", async (_, content) => {
    const dir = await folder.dir();
    writeFileSync(join(dir, "key"), content, { mode: 0o600 });
    expect(() => loadKey(null, dir)).toThrow(expect.objectContaining({ code: "key-file-broken", exit: 2 }));
    expect(readFileSync(join(dir, "key"), "utf8")).toBe(content);
  });

  test("says that a data folder below a regular file cannot be written", async () => {
    const dir = await folder.dir();
    writeFileSync(join(dir, "file"), "");
    const refused = expect.objectContaining({ code: "data-dir-unwritable", exit: 5 });
    expect(() => loadKey(null, join(dir, "file"))).toThrow(refused);
    expect(() => loadKey(null, join(dir, "file", "below"))).toThrow(refused);
  });

  test("says that a key cannot be read where its place is taken by a folder", async () => {
    const dir = await folder.dir();
    mkdirSync(join(dir, "key"), { mode: 0o700 });
    expect(() => loadKey(null, dir)).toThrow(expect.objectContaining({ code: "data-dir-unwritable" }));
  });

  test("processes that start at once agree on one key, and leave no draft of another", async () => {
    const dir = join(await folder.dir(), "data");
    const script = `
      const { loadKey } = await import(${JSON.stringify(new URL("../../src/queue/seal.ts", import.meta.url).href)});
      process.stdout.write("r");
      process.stdin.once("data", () => {
        process.stdout.write(loadKey(null, ${JSON.stringify(dir)}).toString("hex"));
        process.stdin.destroy();
      });`;
    const children = [1, 2, 3].map(() => spawn(process.execPath, ["--input-type=module", "-e", script]));
    const said = children.map((child) => text(child.stdout));
    await Promise.all(children.map((child) => once(child.stdout, "readable")));
    for (const child of children) child.stdin.write("\n");
    const keys = await Promise.all(said);
    expect(keys[0]).toMatch(/^r[0-9a-f]{64}$/);
    expect(new Set(keys)).toEqual(new Set([`r${loadKey(null, dir).toString("hex")}`]));
    expect(readdirSync(dir)).toEqual(["key"]);
  });
});
