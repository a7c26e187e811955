// Rows in the file's order, each with whether it belongs into a report, in; what that report has too little, too much or elsewhere, out.
import type { Row } from "../parse/row.ts";
import type { Mismatch, Wanted } from "./compare.ts";
import { type Reread, told } from "./reread.ts";

export interface Placement {
  /** Called for each row, ascending. */
  check(wanted: Wanted, belongs: boolean): Promise<void>;
  /** What stands behind the last row. */
  finish(): Promise<void>;
  /** Records read so far. */
  readonly records: number;
}

/** @param whole a row that belongs here and is not there is a difference */
export function makePlacement(
  report: Reread,
  compare: (record: Row, wanted: Wanted) => Mismatch[],
  whole: boolean,
  differ: (mismatch: Mismatch, at: Wanted | null) => void,
): Placement {
  let records = 0;

  async function head(): Promise<Row | null> {
    while (report.hungry()) await report.fill();
    return report.head();
  }

  function take(): void {
    report.advance();
    records++;
  }

  return {
    async check(wanted, belongs) {
      let found = false;
      for (let record = await head(); record !== null; record = await head()) {
        const due = belongs && !found;
        const row = rowOf(record, report, due ? wanted : null);
        // One that names no row is met by the next row that belongs here.
        if (row === null ? !due : row > wanted.row) break;
        take();
        if (row !== wanted.row) {
          differ({ expected: "each row once, in the order of the file", got: whatIs(row) }, wanted);
        } else if (!belongs || found) {
          differ(
            { expected: found ? "the row once" : "not this row", got: found ? "the row again" : "this row" },
            wanted,
          );
        } else {
          found = true;
          for (const mismatch of compare(record, wanted)) differ(mismatch, wanted);
        }
      }
      if (belongs && !found && whole) differ({ expected: "the row", got: "no such row" }, wanted);
    },
    async finish() {
      for (let record = await head(); record !== null; record = await head()) {
        take();
        differ({ expected: "nothing behind the last row", got: whatIs(rowOf(record, report, null)) }, null);
      }
    },
    get records() {
      return records;
    },
  };
}

/**
 * The number that the record gives itself; null for what is none. One that the reader cannot take apart (a NUL, or longer than
 * it reads) is what it should be if it says so in the place where that stands, or was too long to be kept.
 */
function rowOf(record: Row, { columns, delimiter }: Reread, wanted: Wanted | null): number | null {
  if (record.kind === "bad") {
    if (wanted === null) return null;
    const place = [delimiter, wanted.row, delimiter, wanted.source?.line ?? ""].join("");
    return record.code === "row-too-long" || record.raw.includes(place) ? wanted.row : null;
  }
  const text = told(record, columns, "updraft_row") ?? "";
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

function whatIs(row: number | null): string {
  return row === null ? "a record that names no row" : `row ${row}`;
}
