// What became of a file in a watched folder in; one line that a person or a log reads, out.
import { STATUSES, type Status } from "../settle/outcome.ts";
import { printable } from "../write/explain.ts";
import { duration, thousands } from "../write/render.ts";
import type { Told } from "./inbox.ts";

export function lineOf(what: Told): string {
  const file = what.file === null ? "" : printable(what.file);
  switch (what.kind) {
    case "taken":
      return `taken ${file}${what.again ? ", to go on where it was left" : ""}`;
    case "done":
      return `done ${file}: ${what.summary === null ? "its run had ended already" : countsOf(what.summary.counts)}; run ${what.run}, reports in ${printable(what.to)}`;
    case "refused":
      return `refused ${file}: ${printable(what.reason.message)}; see ${printable(what.to)}.reason.json`;
    case "waiting":
      return `waiting${file && ` with ${file}`}: ${printable(what.message)}${what.ms > 0 ? `; tried again in ${duration(what.ms)}` : ""}`;
    case "left":
      return `left ${file}: the next start goes on with it`;
    default:
      return what satisfies never;
  }
}

function countsOf(counts: Readonly<Record<Status, number>>): string {
  const some = STATUSES.filter((status) => counts[status] > 0).map(
    (status) => `${thousands(counts[status])} ${status}`,
  );
  return some.join(", ") || "no rows";
}
