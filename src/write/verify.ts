// A run's folder, its ledger and its file in; whether each row has exactly one outcome and stands in exactly the right report, out.
import { readdirSync } from "node:fs";
import type { Reader, Row } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Origin } from "../settle/origin.ts";
import type { Outcome, Status } from "../settle/outcome.ts";
import { readStopped } from "../settle/stop.ts";
import { type Mismatch, makeCompare, type Wanted } from "./compare.ts";
import { makePlacement, type Placement } from "./placement.ts";
import { compareSummary, readSummary } from "./recount.ts";
import { openReread, type ReportName, type Reread, reportOf } from "./reread.ts";

export interface Difference extends Mismatch {
  /** A file of the run's folder, `file` for the run's input, or `folder`. */
  readonly where: string;
  /** Null where no row is meant. */
  readonly row: number | null;
  /** Null also where the file is not at hand. */
  readonly line: number | null;
}

export interface Verdict {
  readonly run: string;
  readonly state: string;
  readonly agrees: boolean;
  /** False: the run is not over, and what is there was compared. */
  readonly ended: boolean;
  /** Records of the file; null where it is not at hand. */
  readonly rows: number | null;
  /** Rows that the run has read. */
  readonly read: number;
  readonly counts: Readonly<Record<Status, number>>;
  /** Records by report. */
  readonly reports: Readonly<Record<string, number>>;
  /** The first ones. */
  readonly differences: readonly Difference[];
  /** How many there are. */
  readonly differing: number;
}

export interface VerifyInput {
  readonly run: string;
  readonly dir: string;
  readonly ledger: Ledger;
  /** Null where the run ended before anything was noted. */
  readonly origin: Origin | null;
  /** Null where the file is not at hand. */
  readonly file: { readonly bytes: number; readonly sha256: string } | null;
  /** Null also where it is another file than the run's. */
  readonly input: { readonly reader: Reader; readonly plan: Plan } | null;
}

/** Differences that are told one by one. */
const SHOWN = 20;
/** A run in one of these has written its reports, and does not go on by itself. */
const ENDED = new Set(["complete", "cancelled", "stopped", "blocked", "interrupted"]);
/** In these each row of the file is answered for; what has no outcome is unsent. */
const SETTLED = new Set(["complete", "cancelled", "stopped"]);

/** One pass over each of them; memory does not grow with the file. */
export async function verifyRun({ run, dir, ledger, origin, file, input }: VerifyInput): Promise<Verdict> {
  const state = ledger.meta("state") ?? "running";
  const ended = ENDED.has(state);
  const read = Number(ledger.meta("read") ?? "0");
  const { differ, differences, count } = makeDifferences();
  const counts: Record<Status, number> = { updated: 0, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0 };

  if (file !== null && origin !== null && file.sha256 !== origin.sha256)
    differ("file", { expected: `sha256 ${origin.sha256}`, got: `sha256 ${file.sha256}` });
  const { places, close } = await openPlaces(dir, origin, input, ended, differ);
  try {
    let rows = 0;
    for await (const wanted of wantedRows(input?.reader ?? null, ledger, ended ? read : 0)) {
      const { row, source, outcome } = wanted;
      rows = source === null && input !== null ? rows : row;
      if (outcome !== null) counts[outcome.status]++;
      else if (ended && row <= read) counts.unsent++;
      const belongs = placeOf(outcome, state, row <= read);
      const stray = outcome !== null && ((input !== null && source === null) || (ended && row > read));
      if (stray)
        differ("ledger.db", { expected: "no outcome: the run has not read such a row", got: outcome.status }, wanted);
      if (outcome === null && state === "complete" && row <= read)
        differ("ledger.db", { expected: "an outcome", got: "none" }, wanted);
      for (const [report, place] of places) await place.check(wanted, report === belongs);
    }
    for (const place of places.values()) await place.finish();

    if (input !== null && SETTLED.has(state) && (origin?.limit === null ? rows !== read : rows < read))
      differ("file", { expected: `${read} rows`, got: `${rows} rows` });
    if (ended) {
      const rule = state === "stopped" ? (readStopped(ledger.meta("stopped"))?.rule ?? null) : null;
      const told = { run, state, rule, read, counts, ...requestsOf(ledger), file: origin };
      checkSummary(dir, told, ledger, (mismatch) => differ("summary.json", mismatch));
      for (const name of readdirSync(dir).filter((one) => one.endsWith(".partial")))
        differ("folder", { expected: "no file that is half written", got: name });
    }
    const reports = Object.fromEntries([...places].map(([name, { records }]) => [name, records]));
    const about = { run, state, ended, rows: input === null ? null : rows, read, counts, reports };
    return { ...about, agrees: count() === 0, differences, differing: count() };
  } finally {
    await close();
  }
}

type Differ = (where: string, mismatch: Mismatch, at?: Wanted | null) => void;

/** The reports that can be compared row by row; what is wrong with the others is told. */
async function openPlaces(
  dir: string,
  origin: Origin | null,
  input: VerifyInput["input"],
  ended: boolean,
  differ: Differ,
): Promise<{ places: ReadonlyMap<ReportName, Placement>; close(): Promise<void> }> {
  const places = new Map<ReportName, Placement>();
  const open: Reread[] = [];
  // What an earlier spell left unsent may have been sent since.
  const names: readonly ReportName[] = ended ? ["success", "errors", "unsent"] : ["success", "errors"];
  for (const report of names) {
    const reread = await openReread(dir, report, origin?.format ?? "csv");
    const { name, there, trouble, columns, delimiter } = reread;
    open.push(reread);
    if (trouble !== null || (!there && ended && report !== "unsent")) {
      differ(name, { expected: "a report", got: trouble ?? "no file" });
      continue;
    }
    const compare = makeCompare({
      ...{ names: columns, delimiter },
      input: input && { columns: input.reader.columns, plan: input.plan },
      report,
    });
    places.set(
      report,
      makePlacement(reread, compare, ended, (mismatch, wanted) => differ(name, mismatch, wanted)),
    );
  }
  return {
    places,
    async close() {
      for (const reread of open) await reread.close();
    },
  };
}

function makeDifferences() {
  const differences: Difference[] = [];
  let found = 0;
  return {
    differences,
    count: () => found,
    differ(where: string, mismatch: Mismatch, at: Wanted | null = null): void {
      found++;
      const row = at?.row ?? null;
      const line = at?.source?.line ?? null;
      if (differences.length < SHOWN) differences.push({ where, row, line, ...mismatch });
    },
  };
}

/** Each row of the file with its outcome, then outcomes that no row of it has; without a file each row up to `least`, and all that have an outcome. */
async function* wantedRows(reader: Reader | null, ledger: Ledger, least: number): AsyncGenerator<Wanted> {
  const outcomes = ledger.outcomes();
  const past = ledger.past();
  let next = outcomes.next();
  let tried = past.next();
  let last = 0;
  const wanted = (row: number, source: Row | null): Wanted => {
    last = row;
    if (!next.done && next.value.row === row) {
      const outcome = next.value;
      next = outcomes.next();
      return { row, source, outcome, attempts: outcome.attempts };
    }
    while (!tried.done && tried.value[0] < row) tried = past.next();
    const attempts = !tried.done && tried.value[0] === row ? tried.value[1].requests : 0;
    return { row, source, outcome: null, attempts };
  };
  if (reader !== null) {
    for await (const block of reader.blocks()) for (const row of block) yield wanted(row.row, row);
    while (!next.done) yield wanted(next.value.row, null);
  } else while (!next.done || last < least) yield wanted(last + 1, null);
}

function placeOf(outcome: Outcome | null, state: string, read: boolean): ReportName | null {
  if (outcome !== null) return reportOf(outcome.status);
  return SETTLED.has(state) && state !== "complete" && read ? "unsent" : null;
}

function requestsOf(ledger: Ledger) {
  const { sent, retried, ambiguousUpdated } = ledger.requests();
  return { requests: { sent, retried }, ambiguousUpdated };
}

function checkSummary(
  dir: string,
  counted: Parameters<typeof compareSummary>[1],
  ledger: Ledger,
  differ: (mismatch: Mismatch) => void,
): void {
  const summary = readSummary(dir);
  if (summary === null || summary === "broken") {
    differ({ expected: "a summary", got: summary === null ? "no file" : "a file that is none" });
    return;
  }
  for (const mismatch of compareSummary(summary, counted)) differ(mismatch);
  const end = ledger.meta("end") ?? "none";
  if (summary.end !== end) differ({ expected: `end ${end}`, got: String(summary.end).slice(0, 30) });
}
