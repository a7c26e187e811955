// Heads of files in; the dialect that is recognised in them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Told } from "../../src/parse/dialect.ts";
import { type Recognised, recognise } from "../../src/parse/recognise.ts";
import { cutRecord } from "../../src/parse/sample.ts";

const of = (head: string, told: Told = {}) => recognise(head, true, told);

/** What a reader of that dialect gets from a text. */
function read(text: string, { dialect, eol }: Recognised): (readonly string[])[] {
  const records: (readonly string[])[] = [];
  for (let start = 0; start < text.length; ) {
    const { cells, end } = cutRecord(text, start, dialect, eol);
    records.push(cells);
    start = end + 1;
  }
  return records;
}

describe("the delimiter", () => {
  test.each([
    ["a comma", ",", "customerId,name\n1,Ann\n2,Bob\n"],
    ["a semicolon", ";", "customerId;name\n1;Müller\n2;Meier\n"],
    ["a tab, beside commas in the cells", "\t", "customerId\taddress\n1\t12 Main St, Springfield\n2\t3 Elm, Troy\n"],
    ["a bar", "|", "email|phone\na@b.de|+49 170 1234\nb@c.de|+49 170 1235\n"],
    ["a comma and a space, where quotes follow", ", ", 'a, b, c\n1, "2, x", 3\n4, 5, 6\n'],
    ["a semicolon and a space, where quotes follow", "; ", '"a"; "b"\n"1, x"; "2"\n'],
    ["a comma, with spaces behind it", ",", "a, b, c\n1, 2, 3\n4, 5, 6\n"],
    ["a space", " ", 'a b c\n1 "2 x" 3\n4 5 6\n7 "8 y" 9\n'],
    ["a semicolon, with decimal commas in the cells", ";", "id;amount\n1;1,5\n2;2,75\n3;10,00\n"],
    ["a comma, with lists by semicolons in the cells", ",", "id,tags\n1,x;y;z\n2,a;b;c\n"],
    ["a semicolon, quoted in a cell", ";", 'customerId;address\n1;"Main St 1; Floor 2"\n2;x\n'],
    ["of a header and no more", ";", "customerId;name\n"],
    ["of a single record", ";", "1;2\n"],
  ])("is recognised: %s", (_, delimiter, head) => {
    const { dialect, confidence } = of(head);
    expect(dialect.delimiter).toBe(delimiter);
    expect(confidence).toBeGreaterThan(0.5);
  });

  test("is a comma, and nothing is in doubt, where there is nothing to separate", () => {
    for (const head of ["", "\n\n", "customerId\n1\n2\n", "customerId"]) {
      expect(of(head)).toMatchObject({ dialect: { delimiter: ",", preambleLines: 0 }, confidence: 1, rival: null });
    }
  });

  test("is in doubt where another reads the same text as well, and that one is named", () => {
    const { confidence, rival } = of("a;b|c\nd;e|f\n");
    expect(confidence).toBeLessThan(0.5);
    expect(rival?.delimiter).toMatch(/[;|]/);
  });

  test("is the one of most of the file where single records are ragged or broken", () => {
    const rows = Array.from({ length: 40 }, (_, at) => `${at},Ann Lee,"Main St, ${at}",2026-01-01`);
    for (const broken of ["1 2 3 4", "1,2", "1,2,3,4,5", '"7,x,"y",z', '8,"open,y,z', "9,a;b;c;d"]) {
      const head = ["id,name,street,date", ...rows.slice(0, 5), broken, ...rows.slice(5), ""].join("\n");
      expect(of(head)).toMatchObject({ dialect: { delimiter: ",", headerLines: 1, preambleLines: 0 } });
      expect(of(head).confidence).toBeGreaterThan(0.9);
    }
  });
});

describe("quote and escape", () => {
  test("are double quotes, doubled, where nothing says otherwise", () => {
    for (const head of [
      "a,b\n1,2\n",
      "a,b\n1,O'Brien\n2,'t Hooft\n",
      "a,b\n1,'hello'\n2,b\n",
      'a,b\n1,"C:\\x\\"\n2,"D:\\"\n',
    ]) {
      expect(of(head).dialect).toMatchObject({ quote: '"', escape: '"' });
    }
  });

  test("are apostrophes where these hold cells together", () => {
    expect(of("'id','note'\n'1','hel,lo'\n'2','it''s'\n").dialect).toMatchObject({ quote: "'", escape: "'" });
  });

  test("are no apostrophes where these are letters at the edges of names, in a row or two", () => {
    const plain = Array.from({ length: 20 }, (_, at) => `csta_${at},Ann,O'Neill,Oslo\n`).join("");
    for (const some of [
      "csta_x,'Umar,Shafi',Oslo\n",
      "csta_x,'Umar,Shafi',Oslo\ncsta_y,'Ali,Hasan,'Ewa Beach\n",
      "csta_x,'Abd al-Rafi','Ain,Oslo\n",
      "csta_x,'n','n',Oslo\n",
      "csta_x,Ann,Lee,'Ewa\ncsta_y,'Umar,Shafi',Sana'\n",
      "csta_x,Ann,see the 'Main Street' sign,Oslo\n",
    ]) {
      const { dialect, confidence } = of(`customerId,first,last,city\n${plain}${some}${plain}`);
      expect(dialect, some).toMatchObject({ delimiter: ",", quote: '"', escape: '"' });
      expect(confidence, some).toBeGreaterThan(0.9);
    }
    expect(of(`id,a,b,c\n${`1,"x ""y"" z",'n','n'\n`.repeat(20)}`).dialect).toMatchObject({ quote: '"' });
    expect(of(`id,a,b,c\n1,"x ""y""",b,c\n2,"x ""y""",'Umar,Shafi',c\n`).dialect).toMatchObject({ quote: '"' });
  });

  test("are apostrophes where only what needs quotes has them", () => {
    const rows = Array.from({ length: 20 }, (_, at) => `${at},O'Neill,Oslo\n`).join("");
    const { dialect } = of(`id,name,street\n${rows}1,Ann,'Main St, 5'\n2,Bob,'Elm, 6'\n`);
    expect(dialect).toMatchObject({ quote: "'", escape: "'" });
  });

  test.each([..."^$.*+?()[]{}|-/"])(
    "are looked for beside a delimiter that was told and means something to a pattern: %j",
    (delimiter) => {
      const head = `'id'${delimiter}'note'\n'1'${delimiter}'a ${delimiter} b'\n`;
      expect(recognise(head, true, { delimiter }).dialect).toMatchObject({ quote: "'", delimiter });
    },
  );

  test("is a backslash where a quote follows it within a cell", () => {
    expect(of('id,note\n1,"a \\"b\\" c"\n2,d\n').dialect).toMatchObject({ quote: '"', escape: "\\" });
  });

  test("are never given up to make a broken record fit", () => {
    for (const head of ['id,note\n1,"open\n2,b\n', 'id,note\n1,6" nail\n', 'id,note\n1,"x"y\n']) {
      expect(of(head).dialect).toMatchObject({ quote: '"', escape: '"' });
    }
  });
});

describe("the lines above the table and those of its header", () => {
  test.each([
    ["a header", 0, 1, "id,name\n1,Ann\n"],
    ["no header above numbers, dates and addresses", 0, 0, "csta_1,Ann,2020-01-01\ncsta_2,Bob,2021-01-01\n"],
    ["a header above words", 0, 1, "first,last\nAnn,Lee\nBob,Ray\n"],
    ["a header that comes twice", 0, 2, "id,name\nid,name\n1,Ann\n"],
    ["a header of two lines of names", 0, 2, "id,amount\nnumber,euro\n1,5.00\n2,6.00\n3,7.00\n4,1.00\n"],
    ["one header, above a value that is missing in words", 0, 1, "id,amount\n1,unknown\n2,6.00\n3,7.00\n4,1.00\n"],
    ["a title", 1, 1, "All customers\nid,name,zip\n1,Ann,12345\n2,Bob,23456\n"],
    ["a title, a date and a blank line", 3, 1, "All customers\n2026-01-01\n\nid,name,zip\n1,Ann,12345\n2,Bob,23456\n"],
    ["a title with its delimiters", 2, 1, "All customers,,\n,,\nid,name,zip\n1,Ann,12345\n2,Bob,23456\n"],
    [
      "a date with its name and delimiters",
      2,
      1,
      "Made on,2026-01-01,,\n,,,\nid,name,city,zip\n1,Ann,X,12345\n2,Bob,Y,23456\n",
    ],
    ["a title of several lines in quotes", 2, 1, '"All\ncustomers"\nid,name,zip\n1,Ann,12345\n2,Bob,23456\n'],
    ["a header that lacks a name", 0, 1, "id,name\n1,Ann,12345\n2,Bob,23456\n"],
    ["a header with a quote too many", 0, 1, 'id,"name,"zip",city\n1,Ann,12345,X\n2,Bob,23456,Y\n'],
    ["a title above columns of which most are empty", 1, 1, `All,,,,\nid,city,,,\n${"1,Bonn,,,\n".repeat(60)}`],
  ])("are counted: %s", (_, preambleLines, headerLines, head) => {
    expect(of(head).dialect).toMatchObject({ preambleLines, headerLines });
  });

  test("are none where a person says that there is no header: what has one cell may be a record", () => {
    const head = "1,,\n2,Ann,12345\n3,Bob,23456\n";
    expect(of(head, { headerLines: 0 }).dialect).toMatchObject({ preambleLines: 0, headerLines: 0 });
  });

  test("are none where a table with a column of the next one stands above it: it has rows of its own", () => {
    const wide = Array.from({ length: 40 }, (_, at) => `${at},Ann,Lee,Oslo,NY\n`).join("");
    for (const gap of ["", "\n"]) {
      const head = `id,email\n1,a@b.c\n2,b@b.c\n${gap}id,first,last,city,state\n${wide}`;
      expect(of(head).dialect).toMatchObject({ delimiter: ",", preambleLines: 0, headerLines: 1 });
    }
  });

  test("are those of the first table where there are two", () => {
    const rows = (count: number, cells: string) =>
      Array.from({ length: count }, (_, at) => `${at},${cells}`).join("\n");
    const head = `id,name\n${rows(20, "Ann")}\nid,name,city\n${rows(30, "Ann,Oslo")}\n`;
    expect(of(head)).toMatchObject({ dialect: { delimiter: ",", preambleLines: 0, headerLines: 1 }, confidence: 1 });
  });
});

describe("line ends", () => {
  test.each([
    ["\n", "a,b\n1,2\n"],
    ["\r\n", "a,b\r\n1,2\r\n"],
    ["\r", "a,b\r1,2\r"],
    ["\r", 'a,b\r1,"x\ny\nz"\r'],
    ["\n", 'a,b\n1,"x\r\ny\r\nz"\n'],
    ["\r\n", "a,b\r\r\n1,2\r\r\n"],
    ["\r", "a,b\r\r1,2\r"],
  ])("are recognised outside quotes: %j", (eol, head) => {
    expect(of(head).eol).toBe(eol);
  });
});

describe("what was told", () => {
  test("is not recognised but taken, and the rest fits it", () => {
    const head = "#x\na;b,c;d\n1;2,3;4\n";
    const told = { delimiter: ",", comment: "#" };
    expect(of(head, told).dialect).toMatchObject({ delimiter: ",", comment: "#", headerLines: 1, preambleLines: 0 });
    expect(of(head, { ...told, delimiter: ";" }).dialect.delimiter).toBe(";");
    expect(of(head, { preambleLines: 2, headerLines: 0, quote: null, escape: null }).dialect).toMatchObject({
      preambleLines: 2,
      headerLines: 0,
      quote: null,
    });
  });
});

test.each(["||", "'", "''"])("a delimiter that was told may be any text, also %s", (delimiter) => {
  const head = [
    ["id", "name"],
    ["1", "'Ann'"],
    ["2", "O'Neill"],
  ]
    .map((row) => row.join(delimiter))
    .join("\n");
  expect(of(head, { delimiter }).dialect).toMatchObject({ delimiter, quote: '"' });
});

test("a head that is cut within a record is judged by its whole lines", () => {
  const { dialect, confidence } = recognise('a;b\n1;"x, y"\n2;"z, ', false, {});
  expect(dialect.delimiter).toBe(";");
  expect(confidence).toBeGreaterThan(0.9);
});

test("64 KiB of anything, repeated, are recognised at once", () => {
  for (const unit of ['", ', "', '", '"a\n', "'a, ", '\\"', "'a b", '"', ",", " ", '"x" y\n', "a'b,"]) {
    const head = unit.repeat(Math.floor(65_536 / unit.length));
    const before = process.cpuUsage();
    recognise(head, true, {});
    // A walk of the text for each of its quotes takes ten seconds and more, one of all of it for each reading a tenth of one.
    expect(process.cpuUsage(before).user, JSON.stringify(unit)).toBeLessThan(5_000_000);
  }
});

test("any text at all is recognised as something", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab1 ,;|\t\"'\\\n\r=\u{1F600}\0"), maxLength: 200 });
  fc.assert(
    fc.property(text, fc.boolean(), (head, final) => {
      const { confidence, dialect } = recognise(head, final, {});
      expect(confidence).toBeGreaterThanOrEqual(0);
      expect(confidence).toBeLessThanOrEqual(1);
      expect(dialect.preambleLines).toBeLessThanOrEqual(head.split(/\r\n?|\n/).length);
    }),
    { numRuns: 1_000 },
  );
});

describe("any sensible table", () => {
  const digits = (min: number, max: number) => fc.integer({ min, max }).map(String);
  const word = fc.constantFrom(
    "Ann",
    "Müller",
    "O'Brien",
    "Main St. 12",
    "New York",
    "Łódź",
    "x",
    "Smith-Jones",
    "12 Elm",
  );
  const sentence = fc
    .array(fc.oneof(word, fc.constantFrom("and, so", 'the "big" one', "this; that", "a|b", "it's", '5" pipe')), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => parts.join(" "));
  const KINDS: readonly fc.Arbitrary<string>[] = [
    digits(1, 99_999).map((id) => `csta_${id}`),
    digits(0, 9_999),
    fc.tuple(digits(0, 999), digits(10, 99)).map((parts) => parts.join(".")),
    fc.tuple(digits(0, 999), digits(10, 99)).map((parts) => parts.join(",")),
    fc.tuple(digits(1990, 2030), digits(10, 12), digits(10, 28)).map((parts) => parts.join("-")),
    digits(1, 999).map((id) => `person${id}@example.com`),
    word,
    sentence,
    fc.oneof(fc.constant(""), word),
  ];
  const NAMES = ["customerId", "first name", "last_name", "Amount", "date of birth", "E-Mail", "city", "note"];
  const table = fc
    .integer({ min: 2, max: 7 })
    .chain((width) =>
      fc
        .tuple(
          fc.shuffledSubarray(NAMES, { minLength: width, maxLength: width }),
          fc.array(fc.constantFrom(...KINDS), { minLength: width, maxLength: width }),
        )
        .chain(([names, kinds]) =>
          fc.array(fc.tuple(...kinds), { minLength: 3, maxLength: 30 }).map((rows) => ({ names, rows })),
        ),
    );
  const style = fc.record({
    delimiter: fc.constantFrom(",", ";", "\t", "|", ", ", "; ", " "),
    quote: fc.constantFrom('"', "'"),
    backslash: fc.boolean(),
    everyCell: fc.boolean(),
    eol: fc.constantFrom("\n", "\r\n", "\r"),
    title: fc.boolean(),
  });

  test("is read back exactly when it was written in any of the dialects", () => {
    fc.assert(
      fc.property(table, style, ({ names, rows }, { delimiter, quote, backslash, everyCell, eol, title }) => {
        const before = backslash ? "\\" : quote;
        // Where apostrophes quote only what needs it, what begins with one is told from that by nothing.
        // Nor is a space behind a delimiter told from a cell's own.
        const all = everyCell || quote === "'" || delimiter.length > 1;
        const written = (cell: string) =>
          all || cell === "" || cell.includes(delimiter) || cell.includes(quote) || /^\s|\s$|[ ,;|]/.test(cell)
            ? `${quote}${cell.replaceAll(quote, before + quote)}${quote}`
            : cell;
        const lines = [names, ...rows].map((row) => row.map(written).join(delimiter) + eol);
        // Lines of words under a title of words are a table with spaces between its cells to nobody.
        const above = title && delimiter !== " " ? `${written("All customers")}${eol}${eol}` : "";
        const recognised = of(above + lines.join(""));
        // Written in a way that is hardly ever met, a table may be refused as unsure; it is never read wrongly.
        const usual = quote === '"' && [",", ";", "\t", "|"].includes(delimiter);
        if (!usual && recognised.confidence < 0.6) return;
        expect(recognised.confidence).toBeGreaterThanOrEqual(0.6);
        expect({ ...recognised.dialect, eol: recognised.eol }).toMatchObject({
          headerLines: 1,
          preambleLines: above === "" ? 0 : 2,
          eol,
        });
        expect(read(lines.join(""), recognised)).toEqual([names, ...rows]);
      }),
      { numRuns: 500 },
    );
  });
});
