// Zip archives of every kind in; the one file in them, or one sentence that refuses them, out.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSource, type Source } from "../../src/open/source.ts";
import { type ZippedEntry, zipOf } from "../support/zip.ts";

const ROWS = `customerId,email\n${"csta_1,ann@example.com\n".repeat(20_000)}`;
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-zip-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function opened(content: Buffer | string, name = "rows.zip"): Promise<Source> {
  writeFileSync(join(folder, name), content);
  return openSource(join(folder, name), { dataDir: join(folder, "data") });
}

async function contentOf(source: Source): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const file = (name: string, more: Partial<ZippedEntry> = {}): ZippedEntry => ({ name, data: ROWS, ...more });

describe("openSource of a zip archive with one file of rows", () => {
  test.each<[string, readonly ZippedEntry[], { zip64?: boolean }?]>([
    ["by Deflate", [file("export/rows.csv")]],
    ["as it is", [file("rows.csv", { method: 0 })]],
    ["by zstd", [file("rows.csv", { method: 93 })]],
    ["as zip64", [file("rows.csv")], { zip64: true }],
    ["by gzip before", [file("rows.csv.gz", { data: gzipSync(ROWS) })]],
    ["by zstd before", [file("rows.csv", { data: zstdCompressSync(ROWS), method: 0 })]],
    ["under a name that leads elsewhere, which is never followed", [file("../../etc/rows.csv")]],
    [
      "beside what archivers add",
      [
        { name: "export/", method: 0 },
        { name: "__MACOSX/export/._rows.csv", data: "x" },
        { name: "export/.DS_Store", data: "x" },
        { name: "export/Thumbs.db", data: "x" },
        { name: "export/empty.csv", method: 0 },
        file("export/rows.csv"),
      ],
    ],
  ])("packed %s, has the fingerprint of that file and says which it was", async (_, entries, options) => {
    const source = await opened(zipOf(entries, options), "misnamed.csv");
    const plain = await opened(ROWS, "plain.csv");
    expect(source).toMatchObject({ name: "misnamed.csv", format: "csv", bytes: ROWS.length, sha256: plain.sha256 });
    expect(source.about).toEqual([expect.stringMatching(/^read from the zip archive: .*rows\.csv(\.gz)?$/)]);
    expect(await contentOf(source)).toBe(ROWS);
    expect(await contentOf(source)).toBe(ROWS);
  });

  test("may come from standard input", async () => {
    const zip = zipOf([{ name: "x.bin", method: 0 }, file("rows.csv", { method: 0 })]);
    const source = await openSource("-", { stdin: Readable.from([zip]), dataDir: folder });
    expect(source.about).toEqual(["read from the zip archive: rows.csv"]);
    expect(await contentOf(source)).toBe(ROWS);
    await source.close();
  });

  test("tells the format by the name of that file", async () => {
    const source = await opened(zipOf([{ name: "rows.jsonl", data: 'oops\n{"id":1}\n' }]));
    expect(source.format).toBe("ndjson");
  });
});

describe("openSource of a zip archive that is refused, with exit code 2", () => {
  test.each<[string, Buffer, string, RegExp]>([
    ["of nothing", zipOf([]), "zip-none", /expected exactly one$/],
    [
      "of empty files",
      zipOf([
        { name: "a\u001b[31m.csv", method: 0 },
        { name: "b/", method: 0 },
      ]),
      "zip-none",
      /; in it are a\?\[31m\.csv, b\/, which hold none$/,
    ],
    [
      "of seven files",
      zipOf("abcdefg".split("").map((name) => file(`${name}.csv`))),
      "zip-several",
      /of 7 files: .* in it are a\.csv, b\.csv, c\.csv, d\.csv, e\.csv and 2 more$/,
    ],
    ["with a password", zipOf([file("rows.csv", { flags: 1 })]), "file-encrypted", /password/],
    ["by Deflate64", zipOf([file("rows.csv", { method: 9 })]), "zip-method", /packed with Deflate64/],
    ["by a method of no name", zipOf([file("rows.csv", { method: 77 })]), "zip-method", /method 77/],
    ["in several parts", zipOf([file("rows.csv")], { disk: 2 }), "zip-disks", /one part/],
    [
      "of too many entries",
      zipOf(Array.from({ length: 20_001 }, (_, n) => ({ name: `${n}`, method: 0 }))),
      "zip-entries",
      /of 20001 entries/,
    ],
    ["with a wrong checksum", zipOf([file("rows.csv", { crc: 1 })]), "file-damaged", /damaged zip archive/],
    ["with a size that is too small", zipOf([file("rows.csv", { size: 100 })]), "file-damaged", /damaged zip/],
    ["with a size that is too large", zipOf([file("rows.csv", { size: 1e6 })]), "file-damaged", /damaged zip/],
    ["cut short", zipOf([file("rows.csv")]).subarray(0, -40), "file-damaged", /damaged zip archive/],
    ["of its first bytes", zipOf([file("rows.csv")]).subarray(0, 4), "file-damaged", /damaged zip archive/],
    ["with damage within", damaged(zipOf([file("rows.csv")])), "file-damaged", /damaged zip archive/],
    ["within another", zipOf([{ name: "a.zip", data: zipOf([file("rows.csv")]) }]), "file-kind", /packed twice/],
    ["within gzip", gzipSync(zipOf([file("rows.csv")])), "file-kind", /packed twice/],
    ["of gzip within gzip", zipOf([{ name: "a", data: gzipSync(gzipSync(ROWS)) }]), "file-kind", /packed twice/],
    ["of a Word document", zipOf([{ name: "word/document.xml", data: "<x/>" }]), "file-kind", /a Word document/],
    ["of an .xlsb", zipOf([{ name: "xl/workbook.bin", data: "x" }]), "file-kind", /\.xlsb/],
    [
      "of an .ods",
      zipOf([
        { name: "META-INF/manifest.xml", data: "<x/>" },
        { name: "content.xml", data: "<x/>" },
      ]),
      "file-kind",
      /\.ods/,
    ],
  ])("%s", async (_, content, code, message) => {
    const error = await opened(content).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, exit: 2, message: expect.stringMatching(message) });
    expect(String(error)).not.toMatch(/[{}]/);
  });
});

function damaged(zip: Buffer): Buffer {
  const copy = Buffer.from(zip);
  copy.fill(0xff, 60, 80);
  return copy;
}

describe("openSource of a bomb", () => {
  // Of zeros, unpacked a thousand times as large: refused after 64 MiB, long before its end.
  const zeros = Buffer.alloc(80_000_000);

  test.each<[string, () => Buffer]>([
    ["gzip", () => gzipSync(zeros)],
    ["zstd", () => zstdCompressSync(zeros)],
    ["a zip archive", () => zipOf([{ name: "rows.csv", data: zeros }])],
    ["gzip in a zip archive", () => zipOf([{ name: "rows.csv", data: gzipSync(zeros) }])],
  ])("in %s says what was found and what to do", async (_, pack) => {
    const error = await opened(pack()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "file-bomb",
      exit: 2,
      message: expect.stringMatching(/unpacks to 67 MB and more out of \d+ KB: expected at most 500 times/),
    });
  });

  test("with a zstd window larger than the memory it may take", async () => {
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb0, 0x01, 0, 0]);
    const error = await opened(header, "rows.csv.zst").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "file-window", exit: 2 });
  });

  test("that is none: one row again and again, up to 64 MiB", async () => {
    const source = await opened(gzipSync("csta_1,ann@example.com\n".repeat(2_600_000)));
    expect(source.lines).toBe(2_600_000);
  });
});
