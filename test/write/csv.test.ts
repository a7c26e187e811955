import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guarded, unguarded } from "../../src/parse/report.ts";
import { cellWriter, csvLines, csvStyle } from "../../src/write/csv.ts";
import { bad, cells, outcome } from "./support.ts";

/** Strings with many of the characters that matter to CSV. Lone surrogates cannot be written as UTF-8, in any file. */
const special = fc.constantFrom(",", '"', "\n", "\r", "\r\n", " ", "\t", ";", "=", "\uFEFF", "'", "\\", "\u2028");
const text = fc
  .array(fc.oneof(special, fc.string({ unit: "grapheme" })), { maxLength: 8 })
  .map((parts) => parts.join(""));

const EXPLAINED = [{ column: "State", code: "required", message: 'column "State" (stateCode): missing' }];

const COMMA = csvStyle(undefined, false);
const styles = fc.record({ delimiter: fc.constantFrom(",", ";", "\t", "|"), mark: fc.boolean() });

describe("cellWriter", () => {
  it("quotes exactly as csv-stringify does, with each delimiter", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), styles, (values, { delimiter }) => {
        const expected = stringify([values.map(guarded)], { delimiter, quoted_match: [/\uFEFF/] });
        expect(`${values.map(cellWriter({ delimiter })).join(delimiter)}\n`).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("csvStyle", () => {
  it("keeps the delimiters that spreadsheets know and takes commas for any other", () => {
    const delimiters = [",", ";", "\t", "|", " ", ", ", "::", undefined];
    expect(delimiters.map((delimiter) => csvStyle(delimiter, false).delimiter)).toEqual([
      ",",
      ";",
      "\t",
      "|",
      ",",
      ",",
      ",",
      ",",
    ]);
  });
});

describe("csvLines", () => {
  it("gives back every cell of the input whatever it holds", () => {
    const tables = fc.integer({ min: 1, max: 4 }).chain((width) => {
      const values = fc.array(text, { minLength: width, maxLength: width });
      const names = values.map((parts) => parts.map((part, index) => `${index}${part}`));
      return fc.tuple(names, fc.array(values, { minLength: 1, maxLength: 5 }));
    });
    fc.assert(
      fc.property(tables, styles, ([columns, records], style) => {
        const lines = csvLines(columns, 0, style);
        const rows = records.map((values, index) => cells(index + 1, ...values));
        for (const file of [
          lines.errorsHeader + rows.map((row) => lines.error(row, outcome(row.row), EXPLAINED).text).join(""),
          lines.unsentHeader + rows.map((row) => lines.unsent(row, outcome(row.row)).text).join(""),
        ]) {
          const [header = [], ...body] = parse(Buffer.from(file), {
            bom: true,
            record_delimiter: "\n",
            delimiter: style.delimiter,
          });
          expect(file.startsWith("\uFEFF")).toBe(style.mark);
          expect(header.slice(0, columns.length).map(unguarded)).toEqual(columns);
          expect(body.map((record) => record.slice(0, columns.length).map(unguarded))).toEqual(records);
          expect(body.flat().filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("leaves the columns of an earlier report out of the input's own", () => {
    const lines = csvLines(["customerId", "updraft_row", "city", "updraft_message"], 0, COMMA);
    expect(lines.errorsHeader).toBe(
      "customerId,city,updraft_row,updraft_line,updraft_status,updraft_column,updraft_code,updraft_message,updraft_attempts\n",
    );
    const line = lines.error(cells(1, "c1", "99", "Lyon", "old"), outcome(1, { status: "failed" }), EXPLAINED);
    expect(line.text).toBe('c1,Lyon,1,2,failed,State,required,"column ""State"" (stateCode): missing",1\n');
  });

  it("puts a record that could not be read into the first column that is not customerId, and says so", () => {
    const lines = csvLines(["customerId", "city", "zip"], 0, COMMA);
    const [record] = parse(
      lines.error(bad(3, 'c1,"Lyon",,'), outcome(3, { status: "rejected", attempts: 0 }), EXPLAINED).text,
    );
    expect(record?.slice(0, 3)).toEqual(["", 'c1,"Lyon",,', ""]);
    expect(record?.at(-2)).toContain('the record as it stands in the file is in column "city"');
  });

  it("puts a record that could not be read nowhere when every column is customerId", () => {
    const lines = csvLines(["customerId"], 0, COMMA);
    const [record] = parse(lines.error(bad(3, "c1,c2"), outcome(3, { status: "rejected" }), EXPLAINED).text);
    expect(record?.[0]).toBe("");
    expect(record?.at(-2)).toContain("see line 4 of the file");
  });

  it("names the line of a record that is too long to be repeated", () => {
    const lines = csvLines(["customerId", "city"], 0, COMMA);
    expect(lines.error(bad(3, ""), outcome(3, { status: "rejected" }), EXPLAINED).text).toContain(
      "too long to be repeated here: see line 4 of the file",
    );
  });

  it("keeps one record per row and the pairs of columns and codes when a row has several problems", () => {
    const lines = csvLines(["customerId"], 0, COMMA);
    const line = lines.error(cells(1, "c1"), outcome(1, { status: "rejected" }), [
      ...EXPLAINED,
      { column: null, code: "enum", message: "countryCodeA3: unknown" },
    ]);
    const [record] = parse(line.text);
    expect(record?.slice(4, 7)).toEqual([
      "State; -",
      "required; enum",
      'column "State" (stateCode): missing; countryCodeA3: unknown',
    ]);
  });

  it("says where a mark can be put in at the end of the message, quoted or not, without quoting it", () => {
    const lines = csvLines(["customerId"], 0, COMMA);
    fc.assert(
      fc.property(text, styles, (message, style) => {
        const lines = csvLines(["customerId"], 0, style);
        const { text: line, tail } = lines.error(cells(1, "c1"), outcome(1), [{ column: null, code: "x", message }]);
        const at = line.length - tail;
        const marked = `${line.slice(0, at)}; MARK: it${line.slice(at)}`;
        const [record] = parse(marked, { record_delimiter: "\n", delimiter: style.delimiter });
        expect(record?.slice(-2)).toEqual([`${guarded(message)}; MARK: it`, "1"]);
      }),
    );
    const { text: line, tail } = lines.unsent(cells(1, "c1"), outcome(1, { status: "unsent", attempts: 0 }));
    expect(`${line.slice(0, -tail)}MARK${line.slice(-tail)}`).toBe("c1,1,2,unsent,MARK,0\n");
  });

  it("writes the time of an outcome as ISO 8601 in UTC with milliseconds", () => {
    const lines = csvLines(["customerId"], 0, COMMA);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4_000_000 }).map((ms) => 1_769_860_805_000 + ms)), (times) => {
        for (const at of times) {
          const line = lines.success(cells(1, "c"), outcome(1, { at }), "c");
          expect(line.trimEnd().split(",").at(-1)).toBe(new Date(at).toISOString());
        }
      }),
    );
  });
});
