// The XML of one sheet in; its rows, each cell as the text a person sees, out.
import { UpdraftError } from "../errors.ts";
import { general, type Shown } from "./cell-text.ts";
import { type SharedStrings, unescaped } from "./shared-strings.ts";
import { hearXml } from "./xml.ts";

export interface SheetRow {
  /** As the sheet counts, from 1. Rows without cells may be left out. */
  readonly number: number;
  /** From column A on; empty where there is no cell. */
  readonly cells: readonly string[];
}

export interface SheetContext {
  readonly file: string;
  readonly sheet: string;
  readonly strings: SharedStrings;
  /** By the number of the style. */
  readonly styles: readonly Shown[];
  /** The program that wrote the workbook left its formulas to be worked out by whoever opens it: a 0 may stand for any result. */
  readonly unsettled: boolean;
  damaged(reason: string, cause?: unknown): UpdraftError;
}

const MOST_ROWS = 1_048_576;
const MOST_COLUMNS = 16_384;
/** Characters made of one chunk of XML: a few bytes can name a text of a megabyte. Of a real sheet it is a tenth of a megabyte. */
const MOST_HELD = 32 * 1024 ** 2;
/** Characters of one row: a few of them are held at a time, and one of more than half as many is refused further on anyway. */
const LONGEST_ROW = 2 * 1024 ** 2;

/** In blocks, as they come. */
export async function* readSheet(
  chunks: AsyncIterable<Buffer>,
  context: SheetContext,
): AsyncGenerator<SheetRow[], void, undefined> {
  const { damaged } = context;
  let rows: SheetRow[] = [];
  let row = 0;
  let cells: string[] = [];
  let column = -1;
  let cell: Readonly<Record<string, string>> = {};
  let value: string | null = null;
  let formula = false;
  let collecting = false;
  let spoken = false;
  let inData = false;
  let held = 0;
  /** The same of one row, in however many chunks it comes. */
  let heldOfRow = 0;

  const tooMuch = () => damaged(`row ${row} and those before it have too much text`);

  const listener = {
    open(name: string, attributes: () => Readonly<Record<string, string>>) {
      if (name === "sheetData") inData = true;
      if (!inData) return;
      switch (name) {
        case "row": {
          const next = attributes().r === undefined ? row + 1 : Number(attributes().r);
          if (!(next > row && next <= MOST_ROWS)) throw damaged(`row ${row} is followed by row ${next}`);
          row = next;
          cells = [];
          column = -1;
          heldOfRow = 0;
          return;
        }
        case "c":
          cell = attributes();
          column = cell.r === undefined ? column + 1 : columnOf(cell.r);
          if (!(column >= 0 && column < MOST_COLUMNS)) throw damaged(`row ${row} has a cell outside of the sheet`);
          value = null;
          formula = false;
          return;
        case "f":
          formula = true;
          return;
        case "rPh":
          spoken = true;
          return;
        case "v":
        case "t":
          collecting = !spoken;
          value ??= "";
          return;
      }
    },
    text(text: string) {
      if (!collecting) return;
      value = (value ?? "") + text;
      if (value.length > LONGEST_ROW) throw tooMuch();
    },
    close(name: string) {
      if (!inData) return;
      switch (name) {
        case "sheetData":
          inData = false;
          return;
        case "row":
          rows.push({ number: row, cells });
          return;
        case "c": {
          if (formula && isOpen(cell, value, context)) {
            const { file, sheet } = context;
            throw new UpdraftError("sheet-formula", { file, sheet, cell: `${letters(column)}${row}` });
          }
          const text = value === null ? "" : textOf(cell, value, context);
          if (text === "") return;
          held += text.length;
          heldOfRow += text.length;
          if (held > MOST_HELD || heldOfRow > LONGEST_ROW) throw tooMuch();
          while (cells.length < column) cells.push("");
          cells[column] = text;
          return;
        }
        case "rPh":
          spoken = false;
          return;
        case "v":
        case "t":
          collecting = false;
          return;
      }
    },
  };

  for await (const _ of hearXml(chunks, listener, damaged)) {
    if (rows.length > 0) yield rows;
    rows = [];
    held = 0;
  }
}

/** Whether nobody has worked out a formula: openpyxl leaves its value empty, and XlsxWriter puts a 0 there. An empty text is one. */
function isOpen(cell: Readonly<Record<string, string>>, value: string | null, { unsettled }: SheetContext): boolean {
  return value === null || (value === "" && cell.t !== "str") || (value === "0" && unsettled && cell.t !== "b");
}

function textOf(
  cell: Readonly<Record<string, string>>,
  value: string,
  { strings, styles, damaged }: SheetContext,
): string {
  if (value === "") return "";
  switch (cell.t) {
    case "s": {
      const text = strings.get(Number(value));
      if (text === undefined) throw damaged(`cell ${cell.r ?? ""} has a text that the workbook does not hold`);
      return text;
    }
    case "str":
    case "inlineStr":
      return unescaped(value);
    case "b":
      return value === "1" || value === "true" ? "TRUE" : "FALSE";
    case "e":
      return value;
    case "d":
      return value.replace(/T00:00:00(?:\.0+)?Z?$/, "").replace(/(?:\.\d+)?Z?$/, "");
    default:
      return (styles[Number(cell.s ?? 0)] ?? general)(value);
  }
}

/** `AB12`: 27. */
function columnOf(reference: string): number {
  let column = 0;
  for (const letter of /^[A-Z]{1,3}/.exec(reference)?.[0] ?? "") column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

function letters(column: number): string {
  const last = String.fromCharCode(65 + (column % 26));
  return column < 26 ? last : letters(Math.floor(column / 26) - 1) + last;
}
