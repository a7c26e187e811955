// Texts in each encoding in, cut anywhere; the same texts out, the encoding named, and only the rows rejected whose bytes it does not have.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENCODINGS, type EncodingName, parseEncoding, sayEncoding } from "../../src/open/encoding.ts";
import { openSource, type Source } from "../../src/open/source.ts";
import { transcode, WINDOWS_1252 } from "../../src/open/transcode.ts";
import { openReader } from "../../src/parse/reader.ts";
import type { Row } from "../../src/parse/row.ts";
import { encode } from "../support/encode.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-encoding-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function opened(bytes: Buffer, told: EncodingName | null = null, name = "rows.csv"): Promise<Source> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return openSource(path, { dataDir: folder, encoding: told });
}

async function textOf(source: Source): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function rowsOf(source: Source): Promise<Row[]> {
  const rows: Row[] = [];
  const reader = await openReader(source);
  for await (const block of reader.blocks()) rows.push(...block);
  return rows;
}

const characters = WINDOWS_1252.filter((character) => character !== undefined);
const texts: Record<EncodingName, fc.Arbitrary<string>> = {
  "utf-8": fc.string({ unit: "binary" }),
  "utf-16le": fc.string({ unit: "binary" }),
  "utf-16be": fc.string({ unit: "binary" }),
  "windows-1252": fc.string({ unit: fc.constantFrom(...characters) }),
  "iso-8859-1": fc.string({ unit: fc.constantFrom(...characters.filter((character) => character <= "\u00FF")) }),
};

describe("transcode", () => {
  test.each(ENCODINGS)("%s: any text, cut into chunks anywhere, is the same text", async (encoding) => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(texts[encoding], cuts, async (text, sizes) => {
        const bytes = encode(text, encoding);
        async function* chunks(): AsyncGenerator<Buffer> {
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            yield bytes.subarray(at, at + size);
            at += size;
          }
        }
        const out: Buffer[] = [];
        for await (const chunk of transcode(chunks(), encoding)) out.push(chunk);
        expect(Buffer.concat(out).toString()).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test("Windows-1252 has the characters that the platform's own decoder has, where it has any", () => {
    const decoder = new TextDecoder("windows-1252");
    for (const [byte, character] of WINDOWS_1252.entries())
      if (character !== undefined) expect(decoder.decode(Uint8Array.of(byte))).toBe(character);
    expect(WINDOWS_1252.flatMap((character, byte) => (character === undefined ? [byte] : []))).toEqual([
      0x81, 0x8d, 0x8f, 0x90, 0x9d,
    ]);
  });
});

const HEAD = "customerId;lastName;city\r\n";
const GERMAN = `${HEAD}1;Müller;Köln\r\n2;Groß;Düsseldorf\r\n3;Özdemir;“Zürich”\r\n4;O’Brien;Straße 5 – 7 €\r\n`;
const FRENCH = `${HEAD}1;Éva Lefèvre;Besançon\r\n2;Noël;Nîmes à côté\r\n`;
const RUSSIAN = `${HEAD}1;Иванов;Москва\r\n2;Петрова;Новосибирск\r\n`;

describe("openSource: an encoding is recognised", () => {
  test.each<[string, Buffer, EncodingName]>([
    ["ASCII", Buffer.from(HEAD), "utf-8"],
    ["UTF-8", Buffer.from(GERMAN), "utf-8"],
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${GERMAN}`), "utf-8"],
    ["UTF-16LE with a mark", encode(`\uFEFF${GERMAN}`, "utf-16le"), "utf-16le"],
    ["UTF-16BE with a mark", encode(`\uFEFF${RUSSIAN}`, "utf-16be"), "utf-16be"],
    ["UTF-16LE without", encode(GERMAN, "utf-16le"), "utf-16le"],
    ["UTF-16BE without", encode(FRENCH, "utf-16be"), "utf-16be"],
    ["UTF-16LE without, in Cyrillic", encode(RUSSIAN, "utf-16le"), "utf-16le"],
    ["Windows-1252", encode(GERMAN, "windows-1252"), "windows-1252"],
    ["Windows-1252 in French", encode(FRENCH, "windows-1252"), "windows-1252"],
    ["one letter of Windows-1252", encode(`${HEAD}1;José;x\r\n`, "windows-1252"), "windows-1252"],
    ["ISO-8859-1", encode(FRENCH, "iso-8859-1"), "windows-1252"],
  ])("%s", async (_name, bytes, encoding) => {
    const source = await opened(bytes);
    expect(source.encoding).toMatchObject({ name: encoding, told: false });
    expect(source.encoding.confidence).toBeGreaterThanOrEqual(0.6);
  });

  test.each([GERMAN, FRENCH])("its text is what was written, %#", async (text) => {
    for (const encoding of ["utf-16le", "utf-16be", "windows-1252"] as const) {
      expect(await textOf(await opened(encode(text, encoding)))).toBe(text);
      expect(await textOf(await opened(encode(text, encoding), encoding))).toBe(text);
    }
  });

  test("by all of the file: one letter behind 300,000 rows of ASCII is enough", async () => {
    const text = `${HEAD}${"1;Miller;Boston\r\n".repeat(300_000)}2;José;Bogotá\r\n`;
    const source = await opened(encode(text, "windows-1252"));
    expect(source.encoding.name).toBe("windows-1252");
    expect((await textOf(source)).endsWith("2;José;Bogotá\r\n")).toBe(true);
    const utf8 = await opened(Buffer.from(text));
    expect(utf8.encoding).toEqual({ name: "utf-8", confidence: 1, told: false });
  });

  test.each<[string, number[]]>([
    // Иванов, Москва, Петрова in Windows-1251 and KOI8-R; 山田太郎, 東京 in Shift-JIS; Müller, José, Köln of Mac and DOS.
    ["Windows-1251", [0xc8, 0xe2, 0xe0, 0xed, 0xee, 0xe2, 0x3b, 0xcc, 0xee, 0xf1, 0xea, 0xe2, 0xe0]],
    ["KOI8-R", [0xe9, 0xd7, 0xc1, 0xce, 0xcf, 0xd7, 0x3b, 0xed, 0xcf, 0xd3, 0xcb, 0xd7, 0xc1]],
    ["Shift-JIS", [0x8e, 0x52, 0x93, 0x63, 0x91, 0xbe, 0x98, 0x59, 0x3b, 0x93, 0x8c, 0x8b, 0x9e]],
    ["Mac Roman", [0x4d, 0x9f, 0x6c, 0x6c, 0x65, 0x72, 0x3b, 0x4a, 0x6f, 0x73, 0x8e]],
    [
      "Mac Roman with more that could be words",
      [...Buffer.from("J\x9arg;Mar\x92a;Mu\x96oz;M\x9fller;L\x97pez", "latin1")],
    ],
    ["Windows-1250 of Polish", [...Buffer.from("\xa3ukasz;Wa\xb3\xeasa;Gda\xf1sk;Ziele\xf1", "latin1")]],
    ["a pair of surrogates in CESU-8", [0x4a, 0x20, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ["code page 850 with one letter, at the end", [0x4a, 0x6f, 0x73, 0x82]],
    ["code page 850", [0x4d, 0x81, 0x6c, 0x6c, 0x65, 0x72, 0x3b, 0x4b, 0x94, 0x6c, 0x6e]],
  ])("%s is not taken for Windows-1252: its rows are rejected, not sent as other letters", async (_name, bytes) => {
    const source = await opened(Buffer.concat([Buffer.from(`${HEAD}1;`), Buffer.from(bytes), Buffer.from("\r\n")]));
    expect(source.encoding.name).toBe("utf-8");
    expect(await rowsOf(source)).toMatchObject([{ kind: "bad", code: "encoding" }]);
    expect(sayEncoding(source.encoding)).toContain("--encoding");
  });

  test("UTF-8 with a few broken rows stays UTF-8, and those rows are rejected", async () => {
    const rows = Array.from({ length: 50 }, (_, at) => `${at};Müller;Köln\r\n`).join("");
    const broken = Buffer.concat([
      Buffer.from(HEAD + rows),
      encode("51;José;Lyon\r\n", "iso-8859-1"),
      Buffer.from(rows),
    ]);
    const source = await opened(broken);
    expect(source.encoding.name).toBe("utf-8");
    const bad = (await rowsOf(source)).filter((row) => row.kind === "bad");
    expect(bad).toMatchObject([{ row: 51, line: 52, code: "encoding", column: 7 }]);
  });

  test("NUL bytes in a text of single bytes do not make it UTF-16", async () => {
    for (const bytes of ["a,b\n1,\0\n", `${HEAD}1;\0\0\0\0;x\r\n`, `${HEAD}${"1;a\0b;x\r\n".repeat(9_000)}`])
      expect((await opened(Buffer.from(bytes))).encoding.name).toBe("utf-8");
  });
});

describe("openSource: an encoding that is told", () => {
  test("is not doubted, but a text that is whole UTF-8 is spoken of", async () => {
    const source = await opened(Buffer.from(GERMAN), "windows-1252");
    expect(await textOf(source)).toContain("MÃ¼ller");
    expect(sayEncoding(source.encoding)).toContain("valid UTF-8");
    const right = await opened(encode(GERMAN, "windows-1252"), "windows-1252");
    expect(sayEncoding(right.encoding)).toBe("read as windows-1252, as told");
  });

  test("is refused where the byte order mark is of another", async () => {
    const refused = opened(encode(`\uFEFF${HEAD}`, "utf-16le"), "windows-1252");
    await expect(refused).rejects.toMatchObject({ code: "encoding-contradicted", exit: 2 });
  });

  test("is not that of our own reports, which are UTF-8, or what a spreadsheet has saved them as", async () => {
    const report = `customerId;lastName;updraft_row\r\n1;Müller;7\r\n`;
    expect((await opened(Buffer.from(report), "windows-1252")).encoding.name).toBe("utf-8");
    expect((await opened(encode(report, "windows-1252"), "windows-1252")).encoding.name).toBe("windows-1252");
    expect((await opened(encode(`\uFEFF${report}`, "utf-16le"), "windows-1252")).encoding.name).toBe("utf-16le");
    const ascii = Buffer.from(`\uFEFF${report.replace("ü", "u")}`);
    expect((await opened(ascii, "windows-1252")).encoding.name).toBe("utf-8");
    expect((await opened(ascii.subarray(3), "utf-16le")).encoding.name).toBe("utf-8");
  });

  test.each([
    ["CSV", "customerId;lastName;updraft_row\r\n1;Miller;7\r\n"],
    ["NDJSON", '{"customerId":"1","lastName":"Müller","updraft_row":7}\n'],
  ])("is not that of our own reports, whatever was told: %s", async (_name, report) => {
    for (const encoding of ENCODINGS) {
      const source = await opened(Buffer.from(report), encoding, "errors.txt");
      expect(source).toMatchObject({ format: report.startsWith("{") ? "ndjson" : "csv", encoding: { name: "utf-8" } });
    }
  });

  test("NDJSON may have any of them", async () => {
    const text = '{"customerId":"1","lastName":"Müller"}\r\n';
    for (const encoding of ENCODINGS) {
      const source = await opened(encode(text, encoding), encoding, "rows.ndjson");
      expect(source.format).toBe("ndjson");
      expect(await rowsOf(source)).toMatchObject([{ object: { customerId: "1", lastName: "Müller" } }]);
    }
  });

  test.each([
    ["UTF8", "utf-8"],
    ["utf_16le", "utf-16le"],
    ["Windows-1252", "windows-1252"],
    ["cp1252", "windows-1252"],
    ["latin1", "iso-8859-1"],
    ["ISO_8859-1", "iso-8859-1"],
    ["utf-7", undefined],
  ])("%s means %s", (text, name) => expect(parseEncoding(text)).toBe(name));
});

describe("a row whose bytes its encoding does not have is rejected, with line and byte, and no other", () => {
  const rows = (...values: Buffer[]) =>
    Buffer.concat(values.flatMap((value, at) => [Buffer.from(`${at + 1};`), value, Buffer.from(";x\r\n")]));

  test("the five bytes that Windows-1252 leaves open", async () => {
    for (const byte of [0x81, 0x8d, 0x8f, 0x90, 0x9d]) {
      const bytes = Buffer.concat([
        Buffer.from(HEAD),
        rows(encode("Müller", "windows-1252"), Buffer.from([0xe9, byte]), encode("José", "windows-1252")),
      ]);
      const [first, second, third] = await rowsOf(await opened(bytes, "windows-1252"));
      expect(first).toMatchObject({ cells: ["1", "Müller", "x"] });
      expect(second).toMatchObject({
        ...{ kind: "bad", row: 2, line: 3, code: "encoding", column: 4 },
        detail: "expected text in windows-1252, got bytes that are not valid in it, at byte 4 of line 3",
      });
      expect(third).toMatchObject({ cells: ["3", "José", "x"] });
    }
  });

  test("what ISO-8859-1 has no letters for: it would be sent as control characters", async () => {
    const bytes = Buffer.concat([
      Buffer.from(HEAD),
      rows(Buffer.from("O\x92Brien", "latin1"), encode("Müller", "iso-8859-1")),
    ]);
    expect(await rowsOf(await opened(bytes, "iso-8859-1"))).toMatchObject([
      { code: "encoding", line: 2, column: 4, detail: expect.stringContaining("at byte 4 of line 2") },
      { cells: ["2", "Müller", "x"] },
    ]);
  });

  test.each(["utf-16le", "utf-16be"] as const)("%s: half a pair, and half a character at the end", async (encoding) => {
    const text = `${HEAD}1;a\uD83Db;x\r\n2;😀;x\r\n3;\uDE00;x\r\n4;é;x\r\n5;u;y`;
    const bytes = Buffer.concat([encode(text, encoding), Buffer.from([0x41])]);
    const found = await rowsOf(await opened(bytes, encoding));
    expect(found).toMatchObject([
      { code: "encoding", line: 2, column: 4, detail: expect.stringContaining("at byte 7 of line 2") },
      { cells: ["2", "😀", "x"] },
      { code: "encoding", line: 4, column: 3, detail: expect.stringContaining("at byte 5 of line 4") },
      { cells: ["4", "é", "x"] },
      { code: "encoding", line: 6, column: 6, detail: expect.stringContaining("at byte 11 of line 6") },
    ]);
  });

  test("the byte is counted in the file's own encoding, and in the line that has it", async () => {
    const bytes = Buffer.concat([Buffer.from(`${HEAD}1;é;"a\r\né`), Buffer.from([0xff]), Buffer.from('"\r\n')]);
    const [row] = await rowsOf(await opened(bytes, "utf-8"));
    expect(row).toMatchObject({ line: 2, column: null, detail: expect.stringContaining("at byte 3 of line 3") });
  });
});

describe("line ends", () => {
  test.each(ENCODINGS)("%s: LF, CRLF and lone CR give the same rows", async (encoding) => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `customerId,lastName${end}1,Müller${end}2,"Groß"${end}`;
      expect(await rowsOf(await opened(encode(text, encoding), encoding))).toMatchObject([
        { line: 2, cells: ["1", "Müller"] },
        { line: 3, cells: ["2", "Groß"] },
      ]);
    }
  });
});
