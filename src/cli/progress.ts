// How far a run is, in; the one line a person reads of it, for a terminal of any width or for a plain file, out.
import type { Progress } from "../events.ts";
import type { Status } from "../settle/outcome.ts";
import { thousands } from "../write/render.ts";

/** Outcomes that people want to see come in; `updated` is what the figure in front shows anyway. */
const NOTED: readonly Status[] = ["unchanged", "rejected", "failed", "unknown", "unsent"];

const WIDEST_BAR = 24;
const NARROWEST_BAR = 8;

/** Rows of this phase that are done: answered while sending, passed over while the reports are written. */
export function rowsDone({ phase, counts, read }: Progress): number {
  return phase === "reporting" ? read : Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Whole per cent; 100 only when all is done, because `total` is an estimate until the file has been read. */
export function percentDone(progress: Progress): number {
  const done = rowsDone(progress);
  if (progress.total <= 0) return 0;
  return done >= progress.total ? 100 : Math.min(99, Math.floor((done * 100) / progress.total));
}

/** A line of at most `width` characters: the bar shrinks first, then the least needed facts go. */
export function progressBar(progress: Progress, width: number): string {
  const percent = percentDone(progress);
  const head = `${String(percent).padStart(3)} %`;
  const facts = factsOf(progress);
  for (let kept = facts.length; kept > 0; kept--) {
    const tail = facts.slice(0, kept).join("  ");
    const room = width - head.length - tail.length - 5;
    if (room < NARROWEST_BAR && kept > 1) continue;
    const cells = Math.min(WIDEST_BAR, room);
    if (cells < NARROWEST_BAR) return `${head}  ${tail}`.slice(0, Math.max(0, width));
    const full = Math.round((cells * percent) / 100);
    return `${head} [${"#".repeat(full)}${".".repeat(cells - full)}]  ${tail}`;
  }
  return head.slice(0, Math.max(0, width));
}

/** The same facts without a bar, for a stream that keeps every line. */
export function progressLine(progress: Progress): string {
  return [`${percentDone(progress)} %`, ...factsOf(progress)].join("  ");
}

/** In the order of their worth: the last goes first where there is no room. */
function factsOf(progress: Progress): string[] {
  const { counts, total, rowsPerSecond, secondsLeft, limitedBy, phase } = progress;
  const done = rowsDone(progress);
  const noted = NOTED.filter((status) => counts[status] > 0).map((status) => `${thousands(counts[status])} ${status}`);
  const facts = [`${thousands(done)}/${thousands(Math.max(done, total))} rows`];
  if (phase === "reporting") return [...facts, "writing reports"];
  if (noted.length > 0) facts.push(noted.join(", "));
  facts.push(`${thousands(rowsPerSecond)} rows/s`);
  if (secondsLeft !== null) facts.push(`${clockTime(secondsLeft)} left`);
  return [...facts, `limit: ${limitedBy}`];
}

/** 65 → "1:05", 3700 → "1:01:40". */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (figure: number) => String(figure).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
