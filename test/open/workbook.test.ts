// Excel workbooks in; the cells of their first visible sheet as CSV, or one sentence that refuses them, out.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UpdraftError } from "../../src/errors.ts";
import { openSource, type Source } from "../../src/open/source.ts";
import { openReader } from "../../src/parse/reader.ts";
import { inlineRows, type WorkbookParts, workbookOf } from "../support/workbook.ts";
import { zipOf } from "../support/zip.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-workbook-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function opened(content: Buffer): Promise<Source> {
  writeFileSync(join(folder, "book.csv"), content);
  return openSource(join(folder, "book.csv"), { dataDir: join(folder, "data") });
}

async function contentOf(source: Source): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function csvOf(sheetData: string, parts: Omit<WorkbookParts, "sheets"> = {}): Promise<string> {
  return contentOf(await opened(workbookOf({ ...parts, sheets: { Sheet1: sheetData } })));
}

/** What becomes of one cell. */
async function cellOf(cell: string, parts: Omit<WorkbookParts, "sheets"> = {}): Promise<string> {
  const csv = await csvOf(`<row r="1"><c t="str"><v>id</v></c>${cell}</row>`, parts);
  return csv.replace(/^id,?/, "").replace(/\n$/, "");
}

describe("openSource of a workbook: cells as the text a person sees", () => {
  test.each<[string, string, string, (string | number)?]>([
    ["a whole number of 15 digits", "<c><v>123456789012345</v></c>", "123456789012345"],
    ["a whole number of more", "<c><v>12345678901234567890</v></c>", "12345678901234567890"],
    ["a phone number that was saved with an exponent", "<c><v>1.5551234567E10</v></c>", "15551234567"],
    ["an id of 19 digits, of which a sheet keeps 15", "<c><v>1.2345678901234567E+18</v></c>", "1.23456789012346E+18"],
    ["a card's number, as Java writes it", '<c s="1"><v>4.111111111111111E15</v></c>', "4.11111111111111E+15", "0"],
    ["a small number with an exponent", "<c><v>-1.5E-9</v></c>", "-0.0000000015"],
    ["0.1+0.2", "<c><v>0.30000000000000004</v></c>", "0.3"],
    ["a ZIP code that is a number", "<c><v>1234</v></c>", "1234"],
    ["a ZIP code shown with five digits", '<c s="1"><v>1234</v></c>', "01234", "00000"],
    ["a ZIP+4", '<c s="1"><v>12345678</v></c>', "01234-5678", "00000-0000"],
    ["a number of social security", '<c s="1"><v>12345678</v></c>', "012-34-5678", "000-00-0000"],
    ["a phone", '<c s="1"><v>5551234567</v></c>', "(555) 123-4567", "[<=9999999]###-####;(###) ###-####"],
    ["an id with a prefix", '<c s="1"><v>12</v></c>', "csta_0012", '"csta_"0000'],
    ["a number in groups of thousands", '<c s="1"><v>1234567</v></c>', "1234567", 3],
    ["a number with two digits", '<c s="1"><v>12.5</v></c>', "12.50", 2],
    ["a share", '<c s="1"><v>0.25</v></c>', "25%", 9],
    ["a number shown with an exponent", '<c s="1"><v>5551234567</v></c>', "5551234567", 11],
    ["a number shown in millions", '<c s="1"><v>5551234567</v></c>', "5551234567", '0.0,,"M"'],
    ["a number in an accountant's format", '<c s="1"><v>1234.5</v></c>', "1234.50", 43],
    ["a number in a format that is none", '<c s="1"><v>7</v></c>', "7", "[0?!;"],
    ["a number in a format that the workbook does not hold", '<c s="1"><v>45000</v></c>', "45000", 172],
    ["a number in a text format", '<c s="1"><v>7</v></c>', "7", "@"],
    ["a date", '<c s="1"><v>46353</v></c>', "2026-11-27", 14],
    ["a date in a format of the workbook's own", '<c s="1"><v>46353.9</v></c>', "2026-11-27", "[$-407]dd. mmm yy;@"],
    ["a date and a time", '<c s="1"><v>46353.4166666667</v></c>', "2026-11-27T10:00:00", 22],
    ["a time", '<c s="1"><v>0.4375</v></c>', "10:30:00", "h:mm AM/PM"],
    ["minutes and seconds", '<c s="1"><v>0.0104166667</v></c>', "00:15:00", "mm:ss"],
    ["hours that go on counting", '<c s="1"><v>1.5</v></c>', "36:00", "[h]:mm"],
    ["the first day", '<c s="1"><v>1</v></c>', "1900-01-01", 14],
    ["the 28th of February 1900", '<c s="1"><v>59</v></c>', "1900-02-28", 14],
    ["the day that never was", '<c s="1"><v>60</v></c>', "1900-02-29", 14],
    ["the 1st of March 1900", '<c s="1"><v>61</v></c>', "1900-03-01", 14],
    ["the last day", '<c s="1"><v>2958465</v></c>', "9999-12-31", 14],
    ["a number that is no date in a date's format", '<c s="1"><v>-3</v></c>', "-3", 14],
    ["a date as ISO", '<c t="d" s="1"><v>2026-11-27T00:00:00Z</v></c>', "2026-11-27", 14],
    ["yes", '<c t="b"><v>1</v></c>', "TRUE"],
    ["no", '<c t="b"><v>0</v></c>', "FALSE"],
    ["an error", '<c t="e"><v>#N/A</v></c>', "#N/A"],
    ["what a formula came to", '<c t="str"><f>A1&amp;"x"</f><v>idx</v></c>', "idx"],
    ["a formula that came to nothing", '<c t="str"><f>""</f><v></v></c>', ""],
    ["a text that looks like a number", '<c t="inlineStr"><is><t>00123</t></is></c>', "00123"],
    ["a cell without a value", '<c s="1"/>', "", 14],
    ["an empty value in a format", '<c s="1"><v></v></c>', "", "00000"],
    ["an empty value in a format of times", '<c s="1"><v/></c>', "", "h:mm"],
    ["an empty value that should be the number of a text", '<c t="s"><v></v></c>', ""],
    ["characters by their numbers", '<c t="str"><v>&#128512;&#x1F600;&#xD83D;&#xDE00;&#233;</v></c>', "😀😀😀é"],
    [
      "a text with markup, a comma and quotes",
      '<c t="str"><v>&lt;a&gt;, &quot;b&quot; &#252;</v></c>',
      '"<a>, ""b"" ü"',
    ],
    ["a text in CDATA", '<c t="str"><v><![CDATA[<x>]]></v></c>', "<x>"],
    ["a line break in a cell", '<c t="str"><v>a_x000D_\nb</v></c>', '"a\r\nb"'],
    ["an underscore that is one", '<c t="str"><v>_x005F_x000D_</v></c>', "_x000D_"],
    ["blanks", '<c t="inlineStr"><is><t xml:space="preserve"> a </t></is></c>', " a "],
  ])("%s", async (_, cell, text, format) => {
    expect(await cellOf(cell, format === undefined ? {} : { formats: [format] })).toBe(text);
  });

  test.each<[string, string]>([
    ["a text", "<t>00123</t>"],
    ["of runs", "<r><rPr><b/></rPr><t>00</t></r><r><t>123</t></r>"],
    ["with how it is pronounced", '<t>00123</t><rPh sb="0" eb="1"><t>zero</t></rPh>'],
  ])("shared texts: %s", async (_, shared) => {
    const strings = ["<t></t>", "<t/>", shared];
    const all = '<c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c>';
    expect(await cellOf(all, { strings })).toBe(",,00123");
  });

  test("dates of the 1904 system", async () => {
    const cell = '<c s="1"><v>44891</v></c><c s="1"><v>0</v></c>';
    expect(await cellOf(cell, { formats: [14], date1904: true })).toBe("2026-11-27,1904-01-01");
  });

  test("any texts come back as they were, through a real reader", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((one) =>
      // What XML cannot hold is tested above; a line end within a cell is one of XML's.
      one.toWellFormed().replace(/[\p{Cc}\uFFFE\uFFFF\uFEFF]|_x[0-9A-Fa-f]{4}_/gu, ""),
    );
    const table = fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(table, fc.boolean(), async (rows, prefixed) => {
        const sheets = {
          Rows: inlineRows([["customerId", "b", "c"], ...rows.map((row, at) => [`c${at}`, ...row.slice(1)])]),
        };
        const source = await opened(workbookOf({ sheets, prefix: prefixed ? "x:" : "" }));
        const reader = await openReader(source);
        const read: unknown[] = [];
        for await (const block of reader.blocks()) for (const row of block) read.push("cells" in row ? row.cells : row);
        expect(read).toEqual(rows.map((row, at) => [`c${at}`, ...row.slice(1)]));
      }),
      { numRuns: 50 },
    );
  });
});

describe("openSource of a workbook: rows", () => {
  const text = (cell: string, value: string) => `<c r="${cell}" t="str"><v>${value}</v></c>`;

  test("lines are the rows of the sheet, and cells stand in their columns", async () => {
    const rows = [
      `<row r="2">${text("A2", "id")}${text("B2", "x")}${text("C2", "y")}</row>`,
      '<row r="3"><c r="A3" s="0"/></row>',
      `<row r="5">${text("A5", "1")}${text("C5", "z")}</row>`,
      `<row r="6">${text("A6", "2")}</row>`,
      `<row r="7">${text("A7", "3")}${text("E7", "aside")}</row>`,
      '<row r="900000"><c r="A900000"/></row>',
    ];
    expect(await csvOf(rows.join(""))).toBe("\nid,x,y\n\n\n1,,z\n2,,\n3,,,,aside\n");
  });

  test("a title above the header is not filled up, and empty columns before the table are left out", async () => {
    const rows = [
      `<row r="1">${text("B1", "Customers")}</row>`,
      `<row r="3">${text("B3", "id")}${text("C3", "x")}${text("D3", "y")}</row>`,
      `<row r="4">${text("B4", "1")}</row>`,
      ...Array.from({ length: 20 }, (_, at) => `<row r="${at + 5}">${text(`B${at + 5}`, "2")}</row>`),
      `<row r="25">${text("A25", "aside")}${text("B25", "3")}</row>`,
    ];
    expect(await csvOf(rows.join(""))).toBe(`Customers\n\nid,x,y\n1,,\n${"2,,\n".repeat(20)}aside,3,,\n`);
  });

  test("rows and cells need not say where they are", async () => {
    expect(await csvOf(inlineRows([["id", "x"], ["1"], [undefined, "2"]]))).toBe("id,x\n1,\n,2\n");
  });

  test("a large sheet is read as it comes, and again", async () => {
    const rows = Array.from({ length: 30_000 }, (_, at) => [`csta_${at}`, `name ${at}`]);
    const source = await opened(workbookOf({ sheets: { Big: inlineRows([["customerId", "name"], ...rows]) } }));
    const csv = ["customerId,name", ...rows.map((row) => row.join(","))].join("\n");
    expect(source.lines).toBe(30_001);
    expect(await contentOf(source)).toBe(`${csv}\n`);
    expect(await contentOf(source)).toBe(`${csv}\n`);
  });

  test("has the fingerprint of the CSV made from it, from standard input too", async () => {
    const book = workbookOf({ sheets: { Sheet1: inlineRows([["id"], ["1"]]) } });
    const file = await opened(book);
    const piped = await openSource("-", { stdin: Readable.from([book]), dataDir: folder });
    const plain = await opened(Buffer.from("id\n1\n"));
    expect([file.sha256, piped.sha256]).toEqual([plain.sha256, plain.sha256]);
    expect(file).toMatchObject({ format: "csv", sheet: '"Sheet1"' });
    await piped.close();
  });

  test("is read as what it is, not as what it may look like", async () => {
    const cells = [
      ["id;x|y", "#a'"],
      ["1;2|3", "'"],
      ["#4;5|6", "7"],
    ];
    const reader = await openReader(await opened(workbookOf({ sheets: { Sheet1: inlineRows(cells) } })), {
      told: { delimiter: ";", quote: "'", comment: "#" },
    });
    const read: unknown[] = [];
    for await (const block of reader.blocks()) for (const row of block) read.push("cells" in row ? row.cells : row);
    expect(reader.columns).toEqual(["id;x|y", "#a'"]);
    expect(read).toEqual(cells.slice(1));
    expect(reader.about).toEqual(['read from the workbook: sheet "Sheet1"']);
  });

  test("is CSV whatever its cells look like", async () => {
    const source = await opened(workbookOf({ sheets: { Sheet1: inlineRows([["{id}"], ["{1}"]]) } }));
    expect(source.format).toBe("csv");
  });
});

describe("openSource of a workbook: sheets", () => {
  const id = inlineRows([["id"], ["1"]]);

  test("the first that can be seen is read, and which others there are is said", async () => {
    const sheets = { Old: inlineRows([["old"]]), 'A & "B"\u202e': id, Notes: inlineRows([["no"]]) };
    const source = await opened(workbookOf({ sheets, states: { Old: "hidden" } }));
    expect(await contentOf(source)).toBe("id\n1\n");
    expect(source.about).toEqual(['read from the workbook: sheet "A & "B"?"; not read: "Old" (hidden), "Notes"']);
  });

  test("what is wrong with its header is told of the sheet", async () => {
    const source = await opened(
      workbookOf({
        sheets: {
          Cover: inlineRows([
            ["id", "id"],
            ["1", "2"],
          ]),
        },
      }),
    );
    await expect(openReader(source)).rejects.toMatchObject({
      code: "header-same-name",
      message: expect.stringMatching(/^book\.csv, sheet "Cover" has two columns/),
    });
  });

  test("one alone needs no more words", async () => {
    expect((await opened(workbookOf({ sheets: { Rows: id } }))).about).toEqual([
      'read from the workbook: sheet "Rows"',
    ]);
  });
});

describe("openSource of a workbook that is refused, with exit code 2", () => {
  const sheet = (data: string, parts: Omit<WorkbookParts, "sheets"> = {}) =>
    workbookOf({ ...parts, sheets: { Sheet1: data } });
  const ole = (listed: string) => {
    const bytes = Buffer.alloc(1_536);
    bytes.write("d0cf11e0a1b11ae1", "hex");
    bytes.writeUInt16LE(9, 30);
    bytes.writeUInt32LE(1, 48);
    bytes.write(listed, 1_024, "utf16le");
    return bytes;
  };

  test.each<[string, () => Buffer, string, RegExp]>([
    ["with a password", () => ole("EncryptedPackage"), "file-encrypted", /password/],
    ["of before 2007", () => ole("Workbook"), "file-kind", /\.xls\)/],
    ["with an empty sheet", () => sheet('<row r="1"><c/></row>'), "sheet-empty", /sheet "Sheet1" is empty/],
    [
      "with no sheet to be seen",
      () => workbookOf({ sheets: { A: "", B: "" }, states: { A: "hidden", B: "veryHidden" } }),
      "workbook-no-sheet",
      /not read: "A" \(hidden\), "B" \(hidden\)/,
    ],
    [
      "with a formula that nobody worked out",
      () => sheet('<row r="3"><c r="AB3"><f>1+1</f></c></row>'),
      "sheet-formula",
      /cell AB3 of sheet "Sheet1"/,
    ],
    [
      "with a formula whose value is empty, as openpyxl leaves it",
      () => sheet('<row r="2"><c r="B2" s="1"><f>1+1</f><v></v></c></row>', { formats: ["00000"] }),
      "sheet-formula",
      /cell B2 /,
    ],
    [
      "with a formula whose value is a 0 that nobody worked out, as XlsxWriter leaves it",
      () => sheet('<row r="2"><c r="B2"><f>1+1</f><v>0</v></c></row>', { unsettled: true }),
      "sheet-formula",
      /cell B2 /,
    ],
    [
      "with an entity that nothing defines",
      () => sheet('<row><c t="str"><v>a&nbsp;b</v></c></row>'),
      "workbook-damaged",
      /well-formed/,
    ],
    [
      "with a text of more runs than memory has room for",
      () => sheet('<row><c t="s"><v>0</v></c></row>', { strings: ["<r><t>abcdefgh</t></r>".repeat(150_000)] }),
      "workbook-damaged",
      /more than 1 MiB/,
    ],
    [
      "with a cell of more runs than memory has room for",
      () => sheet(`<row><c t="inlineStr"><is>${"<t>abcdefgh</t>".repeat(300_000)}</is></c></row>`),
      "workbook-damaged",
      /row 1 and those before it/,
    ],
    [
      "with a name that is kept for each of many elements",
      () => {
        const name = "a".repeat(10_000);
        return sheet("", { more: [{ name: "xl/styles.xml", data: `<${name}>${"<b/>".repeat(10)}</${name}>` }] });
      },
      "workbook-damaged",
      /name that is too long/,
    ],
    [
      "with a text that is not there",
      () => sheet('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'),
      "workbook-damaged",
      /cell A1/,
    ],
    [
      "with rows out of order",
      () => sheet('<row r="2"/><row r="1"/>'),
      "workbook-damaged",
      /row 2 is followed by row 1/,
    ],
    [
      "with a cell far outside",
      () => sheet('<row r="1"><c r="ZZZ1"/></row>'),
      "workbook-damaged",
      /outside of the sheet/,
    ],
    ["with XML that is none", () => sheet("<row></c>"), "workbook-damaged", /worksheets\/sheet1\.xml/],
    [
      "with entities of its own",
      () => sheet("", { more: [{ name: "xl/styles.xml", data: '<!DOCTYPE x [<!ENTITY a "b">]><styleSheet/>' }] }),
      "workbook-damaged",
      /document type/,
    ],
    [
      "with more text in a row than memory has room for",
      () => sheet(`<row>${'<c t="s"><v>0</v></c>'.repeat(2_000)}</row>`, { strings: [`<t>${"x".repeat(32_000)}</t>`] }),
      "workbook-damaged",
      /row 1 and those before it/,
    ],
    [
      "with elements within elements without end",
      () => sheet("<a>".repeat(200)),
      "workbook-damaged",
      /nested too deeply/,
    ],
    [
      "with an element that does not end",
      () => sheet(`<row r="1"><c t="str"><v>${"x".repeat(5_000_000)}</v></c></row>`),
      "workbook-damaged",
      /too long/,
    ],
  ])("%s", async (_, make, code, message) => {
    const error = await opened(make()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, exit: 2, message: expect.stringMatching(message) });
    expect(String(error)).not.toMatch(/[{}]/);
  });

  test("or read, whatever bytes are damaged, and never with an error of the program itself", async () => {
    const book = workbookOf({
      sheets: {
        A: `${inlineRows([
          ["id", "x"],
          ["1", "2"],
        ])}<row><c t="s"><v>0</v></c><c s="1"><v>7</v></c></row>`,
      },
      strings: ["<r><t>a</t></r>"],
      formats: ["0000"],
    });
    const stored = zipOf(
      ["a.csv", "b/", "c.csv"].map((name, at) => ({ name, data: at === 0 ? "id\n1\n" : "", method: 0 })),
      { zip64: true },
    );
    const place = fc.tuple(fc.nat(1_000_000), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(book, stored), fc.array(place, { maxLength: 8 }), async (whole, places) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of places) bytes[at % bytes.length] = byte;
        try {
          await contentOf(await opened(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(UpdraftError);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("as a bomb, of which a few bytes become many cells", async () => {
    const long = "x".repeat(8_000);
    const cells = '<c t="s"><v>0</v></c>'.repeat(100);
    const rows = `<row>${cells}</row>`.repeat(120);
    const error = await opened(workbookOf({ sheets: { A: rows }, strings: [`<t>${long}</t>`] })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "file-bomb", exit: 2 });
  });
});
