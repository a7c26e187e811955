// A finished report and its superseded rows in; the same report with a mark in the line of each, out.
import { createReadStream } from "node:fs";
import type { PartialFile } from "./file.ts";
import type { Superseded } from "./superseded.ts";

/** Needs no quoting in CSV or JSON. */
function markOf({ by }: Superseded): string {
  return `row ${by.row} of the same customer was updated later: sending this one now would undo it`;
}

/**
 * One pass over the report, not over the file it was made of; none where no row is superseded: then it is given back.
 * @param report finished; abandoned if it is replaced
 * @param superseded ascending by `at`, in characters of the report
 * @param before stands between what a message says and the mark
 */
export async function marked(
  report: PartialFile,
  superseded: Iterator<Superseded, unknown>,
  before: string,
  open: () => Promise<PartialFile>,
): Promise<{ readonly file: PartialFile; readonly marks: number }> {
  let next = superseded.next();
  if (next.done) return { file: report, marks: 0 };
  const copy = await open();
  let start = 0;
  let marks = 0;
  for await (const chunk of createReadStream(report.partial, { encoding: "utf8", highWaterMark: 256 * 1024 })) {
    const text = String(chunk);
    let from = 0;
    for (; !next.done && next.value.at < start + text.length; next = superseded.next()) {
      const to = next.value.at - start;
      copy.add(text.slice(from, to) + before + markOf(next.value));
      from = to;
      marks++;
    }
    copy.add(text.slice(from));
    if (copy.full()) await copy.flush();
    start += text.length;
  }
  await copy.finish();
  await report.abandon();
  return { file: copy, marks };
}
