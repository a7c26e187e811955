// Files and streams of every kind in; their fingerprint and bytes, or one sentence that refuses them, out.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openSource, type Source } from "../../src/open/source.ts";

const ROWS = `customerId,email\n${"csta_1,ann@example.com\n".repeat(20_000)}`;
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-open-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function opened(path: string): Promise<Source> {
  return openSource(path, { dataDir: join(folder, "data") });
}

async function contentOf(source: Source): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("openSource: what is read", () => {
  test.each([
    ["rows.csv", (rows: string) => rows],
    ["rows.csv.gz", (rows: string) => gzipSync(rows)],
    [
      "rows.csv.gz",
      (rows: string) => Buffer.concat([gzipSync(rows.slice(0, 1_000)), gzipSync(rows.slice(1_000), { level: 1 })]),
    ],
    ["padded.csv.gz", (rows: string) => Buffer.concat([gzipSync(rows), Buffer.alloc(100_000)])],
    ["rows.csv.zst", (rows: string) => zstdCompressSync(rows)],
    [
      "two-frames.zst",
      (rows: string) => Buffer.concat([rows.slice(0, 99), rows.slice(99)].map((part) => zstdCompressSync(part))),
    ],
    ["misnamed.csv", (rows: string) => zstdCompressSync(rows)],
    [
      "rows.csv.zst",
      (rows: string) => Buffer.concat([Buffer.from("5f2a4d180400000007000000", "hex"), zstdCompressSync(rows)]),
    ],
  ])("%s has the fingerprint of its content, however it is compressed", async (name, pack) => {
    const source = await opened(file(name, pack(ROWS)));
    const plain = await opened(file("plain.csv", ROWS));
    expect(source).toMatchObject({ name, format: "csv", bytes: ROWS.length, lines: 20_001, sha256: plain.sha256 });
    expect(await contentOf(source)).toBe(ROWS);
    expect(await contentOf(source)).toBe(ROWS);
  });

  test.each([
    ["a.csv", "id,x\n1,2\n", "csv"],
    ["a.txt", "id,x\n1,2\n", "csv"],
    ["a.ndjson", '{"id":1}\n', "ndjson"],
    ["a.JSONL", 'nonsense\n{"id":1}\n', "ndjson"],
    ["a.csv", '\uFEFF\n {"id":1}\n', "ndjson"],
    ["a.ndjson", "id,x\n1,2\n", "csv"],
    ["a.json.gz", gzipSync('oops\n{"id":1}\n'), "ndjson"],
    ["a.json", '[\n  {"id":1}\n]\n', "ndjson"],
    ["a.txt", '[ {"id":1}]', "ndjson"],
    ["a.csv", "[id],x\n1,2\n", "csv"],
    ["a.csv", `id,x\n1,${"x".repeat(248)} Mustard\n`, "csv"],
  ])(
    "%s: the format is told by the content, and by the name where that leaves it open",
    async (name, content, format) => {
      const source = await opened(file(name, content));
      expect(source.format).toBe(format);
    },
  );

  test("reading may be given up at any chunk", async () => {
    const source = await opened(file("rows.csv.gz", gzipSync(ROWS)));
    for await (const _ of source.read()) break;
    expect(await contentOf(source)).toBe(ROWS);
  });
});

function zstdAnd(more: Buffer): Buffer {
  return Buffer.concat([zstdCompressSync(ROWS), more]);
}

describe("openSource: what is refused, with exit code 2", () => {
  test.each([
    ["nothing", "", "file-empty"],
    ["a byte order mark alone", "\uFEFF", "file-empty"],
    ["blank lines alone", ` \r\n${"\n".repeat(100_000)}`, "file-empty"],
    ["nothing, compressed", gzipSync(""), "file-empty"],
    ["half a gzip file", gzipSync(ROWS).subarray(0, 300), "file-damaged"],
    ["the first bytes of a gzip file", gzipSync(ROWS).subarray(0, 2), "file-damaged"],
    ["half a zstd file", zstdCompressSync(ROWS).subarray(0, 40), "file-damaged"],
    ["zstd whose second frame has just begun", zstdAnd(zstdCompressSync(ROWS).subarray(0, 3)), "file-damaged"],
    ["zstd with something else behind it", zstdAnd(Buffer.from("garbage!")), "file-damaged"],
    ["gzip with something else behind it", Buffer.concat([gzipSync(ROWS), Buffer.from("garbage!")]), "file-damaged"],
    [
      "gzip with more behind its padding",
      Buffer.concat([gzipSync(ROWS), Buffer.alloc(9), gzipSync(ROWS)]),
      "file-damaged",
    ],
    [
      "gzip with more far behind its padding",
      Buffer.concat([gzipSync(ROWS), Buffer.alloc(200_000), gzipSync(ROWS)]),
      "file-damaged",
    ],
    ["gzip with a wrong checksum", Buffer.concat([gzipSync(ROWS).subarray(0, -8), Buffer.alloc(8)]), "file-damaged"],
    ["blank lines alone, in UTF-16", Buffer.from("\uFEFF\r\n \r\n", "utf16le"), "file-empty"],
    ["an Excel workbook of before 2007", Buffer.from("d0cf11e0a1b11ae1", "hex"), "file-kind"],
    ["gzip within gzip", gzipSync(gzipSync(ROWS)), "file-kind"],
    ["bzip2", Buffer.from("BZh91AY&SY"), "file-kind"],
    ["a tar archive, compressed", gzipSync(`rows.csv${"\0".repeat(249)}ustar\0\0${ROWS}`), "file-kind"],
    ["a 7-Zip archive", Buffer.from("377abcaf271c0004", "hex"), "file-kind"],
    ["text in UTF-32", Buffer.from("fffe0000690000000a000000310000000a000000", "hex"), "file-kind"],
    ["a picture", Buffer.from("89504e470d0a1a0a0000000d4948445200010203040506070802000000", "hex"), "file-kind"],
    ["a page that a program named .xls", "\uFEFF\r\n<html><table><tr><td>id</td></tr></table></html>", "file-kind"],
    ["the same in UTF-16", Buffer.from("\uFEFF<!DOCTYPE html>\r\n<html></html>", "utf16le"), "file-kind"],
    ["XML", '<?xml version="1.0"?>\n<rows><row id="1"/></rows>\n', "file-kind"],
  ])("%s", async (_, content, code) => {
    const error = await opened(file("rows.csv", content)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, exit: 2 });
    expect(String(error)).not.toMatch(/[{}]/);
  });

  test("a path that leads nowhere", async () => {
    await expect(opened(join(folder, "no.csv"))).rejects.toMatchObject({ code: "file-missing", exit: 2 });
    await expect(opened(join(file("rows.csv", ROWS), "no.csv"))).rejects.toMatchObject({ code: "file-missing" });
  });

  test("a path with characters that would do something to a terminal", async () => {
    await expect(opened(join(folder, "no\x1b[31m\u202E.csv"))).rejects.toThrow("no?[31m?.csv does not exist");
  });

  test("a directory", async () => {
    await expect(opened(folder)).rejects.toMatchObject({ code: "file-directory", exit: 2 });
  });

  test("what is no regular file, without waiting for it", async () => {
    const pipe = join(folder, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    await expect(opened(pipe)).rejects.toMatchObject({ code: "file-not-regular", fields: { kind: "a named pipe" } });
    await expect(opened("/dev/null")).rejects.toMatchObject({ code: "file-not-regular", exit: 2 });
  });

  test("a file that this user may not read", async () => {
    const path = file("rows.csv", ROWS);
    chmodSync(path, 0o000);
    chmodSync(folder, 0o755);
    // For root no file is unreadable: there, this test asks as somebody else.
    const root = process.getuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    try {
      const error = await opened(path).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "file-unreadable", exit: 2, fields: { cause: "EACCES" } });
    } finally {
      if (root) process.seteuid?.(0);
    }
  });
});

describe("Source.read: a file that changed since it was fingerprinted is refused", () => {
  test("with other content of the same size", async () => {
    const path = file("rows.csv", ROWS);
    const source = await opened(path);
    writeFileSync(path, ROWS.replace("ann", "bob"));
    await expect(contentOf(source)).rejects.toMatchObject({ code: "file-changed", exit: 2 });
  });

  test("by another file in its place", async () => {
    const source = await opened(file("rows.csv", ROWS));
    rmSync(join(folder, "rows.csv"));
    file("rows.csv", ROWS);
    await expect(contentOf(source)).rejects.toMatchObject({ code: "file-changed" });
  });

  test("while it is read", async () => {
    const path = file("rows.csv", ROWS);
    const source = await opened(path);
    const chunks = source.read();
    await chunks[Symbol.asyncIterator]().next();
    truncateSync(path, 200_000);
    await expect(async () => {
      for await (const _ of chunks);
    }).rejects.toMatchObject({ code: "file-changed" });
  });

  test.each<[string, (text: string) => string | Buffer]>([
    ["as it is", (text) => text],
    ["as gzip", (text) => gzipSync(text, { level: 0 })],
    ["as zstd", (text) => zstdCompressSync(text)],
  ])(
    "%s, in nothing but what no time or size tells, before a byte of the change is given out",
    async (_how, written) => {
      const path = file("rows.csv", written(ROWS));
      const when = new Date("2026-01-01T00:00:00Z");
      utimesSync(path, when, when);
      for (const at of [0, 70_000, 200_000, ROWS.length - 30]) {
        const source = await opened(path);
        const changed = `${ROWS.slice(0, at)}${ROWS.slice(at).replace(/ann|sta/, "xxx")}`;
        expect(changed).not.toBe(ROWS);
        writeFileSync(path, written(changed));
        const size = written(ROWS).length;
        if (written(changed).length === size) utimesSync(path, when, when);
        let given = "";
        await expect(async () => {
          for await (const chunk of source.read()) given += chunk.toString();
        }).rejects.toMatchObject({ code: "file-changed" });
        expect(ROWS.startsWith(given)).toBe(true);
        writeFileSync(path, written(ROWS));
        utimesSync(path, when, when);
      }
    },
  );

  test("in nothing but what no time or size tells, by its hash at the end", async () => {
    const path = file("rows.csv", ROWS);
    const when = new Date("2026-01-01T00:00:00Z");
    utimesSync(path, when, when);
    const source = await opened(path);
    writeFileSync(path, ROWS.replace("ann", "bob"));
    utimesSync(path, when, when);
    await expect(contentOf(source)).rejects.toMatchObject({ code: "file-changed" });
  });

  test("by its removal", async () => {
    const source = await opened(file("rows.csv", ROWS));
    rmSync(join(folder, "rows.csv"));
    await expect(contentOf(source)).rejects.toMatchObject({ code: "file-missing" });
    expect(() => readFileSync(join(folder, "rows.csv"))).toThrow();
  });
});

describe("openSource: when it is stopped", () => {
  const refused = { code: "not-begun", exit: 130 };

  test("it waits no longer for a standard input that says nothing and does not end", async () => {
    const [stdin, stop] = [new PassThrough(), new AbortController()];
    const opening = openSource("-", { dataDir: join(folder, "data"), stdin, stop: stop.signal });
    opening.catch(() => {});
    stdin.write(ROWS);
    await expect.poll(() => stdin.readableLength).toBe(0);
    stop.abort();
    await expect(opening).rejects.toMatchObject(refused);
  });

  test("what came is not taken for the whole where the same Ctrl-C ended what wrote it", async () => {
    const [stdin, stop] = [new PassThrough(), new AbortController()];
    const opening = openSource("-", { dataDir: join(folder, "data"), stdin, stop: stop.signal });
    stdin.end(ROWS.slice(0, -100));
    stop.abort();
    await expect(opening).rejects.toMatchObject(refused);
  });

  test("it does not begin with a standard input where the Ctrl-C came first", async () => {
    const stdin = new PassThrough();
    const failures: unknown[] = [];
    const note = (error: unknown) => void failures.push(error);
    process.once("uncaughtException", note);
    onTestFinished(() => void process.off("uncaughtException", note));
    const opening = openSource("-", { dataDir: join(folder, "data"), stdin, stop: AbortSignal.abort() });
    await expect(opening).rejects.toMatchObject(refused);
    expect(failures).toEqual([]);
  });

  test("a file is read no further", async () => {
    const path = file("rows.csv", ROWS);
    await expect(openSource(path, { dataDir: folder, stop: AbortSignal.abort() })).rejects.toMatchObject(refused);
  });
});
