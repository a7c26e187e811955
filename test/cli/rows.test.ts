// `updraft rows <file>`: what it prints of files whole and broken, and what it says on stderr.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useCli } from "./support.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

const cli = useCli();

async function rows(content: string | Buffer, ...flags: string[]) {
  const file = join(cli.folder, "rows.csv");
  writeFileSync(file, content);
  const { code, stdout, stderr } = await cli.within(["rows", file, ...flags]);
  return {
    code,
    stderr,
    lines: stdout.split("\n").filter(Boolean),
    shown: stdout.split("\n").filter(Boolean).map(parsed),
  };
}

const parsed = (line: string): unknown => JSON.parse(line);

describe("updraft rows", () => {
  test("prints the dialect and its confidence, then each row with its values or why it has none", async () => {
    const { code, stderr, shown } = await rows('id;name\n1;"Ann; A."\n2;6" nail\n3\n4;Bob\n');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^cells are separated by ; .*\n$/);
    expect(shown).toMatchObject([
      {
        dialect: { format: "csv", delimiter: ";", quote: '"', escape: '"', headerLines: 1, lineEnd: "\n" },
        columns: ["id", "name"],
      },
      { row: 1, line: 2, values: { id: "1", name: "Ann; A." } },
      { row: 2, line: 3, error: { code: "quote-in-field", column: 4 }, cells: ["2", '6" nail'] },
      { row: 3, line: 4, error: { code: "column-count", message: "expected 2 cells, got 1" }, cells: ["3"] },
      { row: 4, line: 5, values: { id: "4", name: "Bob" } },
    ]);
    expect(shown[0]).toHaveProperty("dialect.confidence", expect.closeTo(1, 1));
  });

  test("needs no column customerId, no names and no header, and keeps the order of columns that are named by numbers", async () => {
    const { lines } = await rows("name,2025,2024,,name\nAnn,1,2,x,y\n", "--no-header", "--columns", "z,2,1,b,a");
    expect(lines.slice(1)).toEqual([
      '{"row":1,"line":1,"values":{"z":"name","2":"2025","1":"2024","b":"","a":"name"}}',
      '{"row":2,"line":2,"values":{"z":"Ann","2":"1","1":"2","b":"x","a":"y"}}',
    ]);
    expect((await rows("name,x,,name\nAnn,1,2,3\n")).shown[1]).toMatchObject({
      values: { name: "Ann", x: "1", "column 3": "2", "name (2)": "3" },
    });
  });

  test("takes what it is told before what it would recognise, and --limit", async () => {
    const { shown } = await rows("a;b|c\n1;2|3\n4;5|6\n", "--delimiter", "|", "--limit", "1");
    expect(shown).toMatchObject([{ dialect: { delimiter: "|", confidence: 1 } }, { values: { "a;b": "1;2", c: "3" } }]);
    expect(shown).toHaveLength(2);
  });

  test.each([
    ["\r\n", ""],
    ["\r", "lines end with a carriage return alone\n"],
  ])("tells how lines end: %j", async (lineEnd, stderr) => {
    const told = await rows(["id,name", "1,Ann", "2,Bob", ""].join(lineEnd));
    expect(told).toMatchObject({ stderr, shown: [{ dialect: { lineEnd } }, { row: 1 }, { row: 2 }] });
  });

  test("says on stderr what of the file is no row", async () => {
    const { stderr, shown } = await rows("All customers\n\nid,name,zip\n1,Ann,12345\n2,Bob,23456\n\nend\n");
    expect(shown).toHaveLength(3);
    expect(stderr).toContain("lines 1 to 2 above the table left out");
    expect(stderr).toContain("a footnote");
  });

  test("prints objects of NDJSON as they are", async () => {
    const { lines } = await rows('{"id":"1","n":12345678901234567890}\n[1]\n');
    expect(lines).toEqual([
      '{"dialect":{"format":"ndjson","encoding":"utf-8","encodingConfidence":1,"confidence":1},"columns":["id","n"]}',
      '{"row":1,"line":1,"values":{"id":"1","n":12345678901234567890}}',
      expect.stringMatching(/^\{"row":2,"line":2,"error":\{"code":"not-an-object"/),
    ]);
  });

  test("prints an element of an array on one line, however many it has", async () => {
    const { lines } = await rows('[\n  {\n    "id": "1  2",\n    "n": 1.0\n  }\n]\n');
    expect(lines[1]).toBe('{"row":1,"line":2,"values":{ "id": "1  2", "n": 1.0 }}');
  });

  test("prints text in any encoding, recognised, or told by a flag or a dialect file", async () => {
    const bytes = Buffer.from("id;name\n1;M\xfcller\n2;Jos\xe9\n", "latin1");
    const file = join(cli.folder, "dialect.json");
    writeFileSync(file, '{"encoding":"latin1"}');
    for (const [flags, name, told] of [
      [[], "windows-1252", "75 %"],
      [["--encoding", "cp1252"], "windows-1252", "as told"],
      [["--dialect", file], "iso-8859-1", "as told"],
      [["--dialect", file, "--encoding", "windows-1252"], "windows-1252", "as told"],
    ] as const) {
      const { shown, stderr } = await rows(bytes, ...flags);
      expect(shown).toMatchObject([{ dialect: { encoding: name } }, { values: { name: "Müller" } }, {}]);
      expect(stderr).toContain(`read as ${name}, ${told}`);
    }
  });

  test("prints nothing that a terminal would obey, and every value as it is", async () => {
    const [name, cell] = ["\u001b[2J\u009b31m\u{e0041}", "\u202eab\u2028c\u007f"];
    const { lines, shown } = await rows(`id,${name}\n1,${cell}\n`);
    expect(lines.join("")).toMatch(/^[\x20-\x7e]+$/);
    expect(shown).toMatchObject([{ columns: ["id", name] }, { values: { id: "1", [name]: cell } }]);
  });

  test("shows nothing of an empty file, and says so", async () => {
    const { code, lines, stderr } = await rows("");
    expect({ code, lines }).toEqual({ code: 0, lines: ['{"dialect":null,"columns":[]}'] });
    expect(stderr).toMatch(/rows\.csv is empty\n$/);
  });

  test("a file that cannot be read at all is one sentence and exit code 2", async () => {
    const { code, stdout, stderr } = await cli.within(["rows", join(cli.folder, "none.csv")]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^updraft: .*none\.csv does not exist\n/);
  });

  test("reads standard input, and ends quietly when nobody reads on", async () => {
    const file = join(cli.folder, "long.csv");
    writeFileSync(file, `id,name\n${"1,Ann\n".repeat(200_000)}`);
    const { code, stdout, stderr } = await cli.shell(
      `{ "${process.execPath}" "${MAIN}" rows - < ${file}; echo "exit $?" >&2; } | head -n 2`,
      cli.folder,
    );
    expect({ code, lines: stdout.trimEnd().split("\n").length, stderr }).toEqual({
      code: 0,
      lines: 2,
      stderr: "exit 0\n",
    });
  });

  test.skipIf(!existsSync("/dev/full"))("that there is no room for what it prints is one sentence", async () => {
    const file = join(cli.folder, "in.csv");
    writeFileSync(file, "id,name\n1,Ann\n");
    const { code, stderr } = await cli.shell(`"${process.execPath}" "${MAIN}" rows ${file} > /dev/full`, cli.folder);
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringMatching(/^updraft: what is printed cannot be/) });
    const full = await cli.shell(`"${process.execPath}" "${MAIN}" rows ${file} > /dev/full 2>&1`, cli.folder);
    expect(full).toMatchObject({ code: 5, stderr: "" });
  });
});
