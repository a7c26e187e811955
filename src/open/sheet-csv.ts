// The rows of a sheet in; CSV of RFC 4180 in UTF-8, of which each line is the row of the sheet with its number, out.
import { CHUNK } from "./file.ts";
import type { SheetRow } from "./sheet.ts";

/** So many rows with something in them tell where the table stands. */
const LOOKED_AT = 20;

interface Place {
  /** Columns that are left out before the table because they are empty. */
  readonly left: number;
  /** Columns of the header. */
  readonly width: number;
  /** Its row. What is above it, a title or a date, is not filled up to its width. */
  readonly header: number;
}

/** `empty` is called where there is nothing at all. */
export async function* asCsv(
  blocks: AsyncIterable<SheetRow[]>,
  empty: () => Error,
): AsyncGenerator<Buffer, void, undefined> {
  let line = 1;
  let text = "";
  let first: SheetRow[] = [];
  let place: Place | null = null;

  const write = (rows: readonly SheetRow[], where: Place) => {
    for (const { number, cells } of rows) {
      // An empty row is written when one with something in it follows.
      text += "\n".repeat(number - line);
      line = number + 1;
      text += `${record(cells, where, number)}\n`;
    }
  };

  for await (const block of blocks) {
    const filled = block.filter(({ cells }) => cells.length > 0);
    if (place === null) {
      first.push(...filled);
      if (first.length < LOOKED_AT) continue;
      place = placeOf(first.slice(0, LOOKED_AT));
      write(first, place);
      first = [];
    } else {
      write(filled, place);
    }
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (place === null) {
    if (first.length === 0) throw empty();
    write(first, placeOf(first));
  }
  if (text !== "") yield Buffer.from(text);
}

/** The header is the first row that has at least half as many filled cells as any of the first rows. */
function placeOf(rows: readonly SheetRow[]): Place {
  const filled = rows.map(({ cells }) => cells.filter((cell) => cell !== "").length);
  const enough = Math.max(...filled) / 2;
  const header = rows[filled.findIndex((count) => count >= enough)];
  const left = Math.min(...rows.map(({ cells }) => cells.findIndex((cell) => cell !== "")));
  return { left, width: (header?.cells.length ?? 0) - left, header: header?.number ?? 0 };
}

/** Cells that stand left or right of the table stay, and make the row too long: it is refused as such, and nothing is lost unseen. */
function record(cells: readonly string[], { left, width, header }: Place, row: number): string {
  const within = cells.slice(0, left).every((cell) => cell === "") ? cells.slice(left) : [...cells];
  const least = within.length === cells.length ? width + left : width;
  let text = "";
  for (const [at, cell] of within.entries()) text += at === 0 ? quoted(cell) : `,${quoted(cell)}`;
  return row < header ? text : text + ",".repeat(Math.max(0, least - within.length));
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
