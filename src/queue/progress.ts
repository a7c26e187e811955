// Where a run stands in; the figures that screens and logs show out.
import type { Limit, Progress } from "../events.ts";
import type { Reader } from "../parse/row.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Carrying } from "./carry.ts";
import type { Coordinator } from "./coordinator.ts";

/** A run at this share of its rate is held by the pace. */
const AT_PACE = 0.9;
/** So many retries per answered row, and it is the retries that take the time. */
const MANY_RETRIES = 0.25;

export function progressOf(
  { rows }: Pick<Reader, "rows">,
  ledger: Ledger,
  carrying: Carrying,
  coordinator: Coordinator,
  limit: number | null,
): Progress {
  const { read, finished } = carrying;
  const { rowsPerSecond, underway } = coordinator;
  // On resume the ledger is ahead of the reading.
  const known = Math.max(read, ledger.size());
  const guess = Math.max(known, rows);
  const total = finished ? read : limit === null ? guess : Math.min(guess, Math.max(known, limit));
  const left = total - ledger.size();
  return {
    phase: "sending",
    read,
    total,
    counts: ledger.counts(),
    underway,
    rowsPerSecond,
    secondsLeft: rowsPerSecond > 0 ? left / rowsPerSecond : null,
    limitedBy: limitedBy(coordinator, finished),
  };
}

function limitedBy(coordinator: Coordinator, finished: boolean): Limit {
  if (coordinator.shut) return "window";
  if (coordinator.state === "paused") return "paused";
  if (coordinator.closedBy !== null) return coordinator.closedBy;
  const { rate, rowsPerSecond, retrying, windowFull } = coordinator;
  if (rate !== null && rowsPerSecond >= rate * AT_PACE) return "pace";
  if (retrying > rowsPerSecond * MANY_RETRIES) return "retries";
  return windowFull || finished ? "endpoint" : "reading";
}
