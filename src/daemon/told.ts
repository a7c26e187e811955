// What became of a file in a watched folder in; one line that a person or a log reads, out.
import { STATUSES, type Status } from "../settle/outcome.ts";
import { printable } from "../write/explain.ts";
import { duration, thousands } from "../write/render.ts";
import type { Told } from "./inbox.ts";
import type { Herald } from "./standing.ts";

/** Null for what is no news to people. */
export function lineOf(what: Told): string | null {
  const file = what.file === null ? "" : printable(what.file);
  switch (what.kind) {
    case "taken":
      return `taken ${file}${what.again ? ", to go on where it was left" : ""}`;
    case "begun":
      return null;
    case "back":
      return `the folder ${printable(what.folder)} is looked after again`;
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

/** What of it is a change for the worse, or the end of one. How a run ended, that run tells itself. */
export function passOn(what: Told, herald: Herald): void {
  const { kind, file } = what;
  if (kind === "refused" && what.reason.code !== "watch-run-stopped")
    herald.worse({ event: "refused", reason: what.reason.code, file });
  if (kind === "waiting" && what.code !== null) herald.worse({ event: "waiting", reason: what.code, file });
  // Nothing waits any more.
  if (kind === "begun" || kind === "back" || kind === "done" || kind === "refused") herald.begun();
  if (kind === "done" || kind === "refused") herald.settled();
}

function countsOf(counts: Readonly<Record<Status, number>>): string {
  const some = STATUSES.filter((status) => counts[status] > 0).map(
    (status) => `${thousands(counts[status])} ${status}`,
  );
  return some.join(", ") || "no rows";
}
