// A file's rows and their outcomes in; success, errors and unsent files in input order, and the grouped causes, out.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Format } from "../open/source.ts";
import type { Reader, Row } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import type { Outcome, Status } from "../settle/outcome.ts";
import { changeLines } from "./changes.ts";
import { csvLines, csvStyle } from "./csv.ts";
import { explain } from "./explain.ts";
import { makeFolder, openPartial, type PartialFile, syncFolder } from "./file.ts";
import type { Extent, Follow } from "./follow.ts";
import { type ErrorGroup, type ErrorStatus, makeGroups } from "./groups.ts";
import type { MarkableLine } from "./lines.ts";
import { marked } from "./marks.ts";
import { ndjsonLines } from "./ndjson.ts";
import { makeFinder, type Superseded } from "./superseded.ts";

/** Absolute where `dir` is. The unsent file exists only if a row is unsent; the other two always (with no row: a header). */
export interface ReportFiles {
  readonly success: string | null;
  readonly errors: string | null;
  readonly unsent: string | null;
  /** Only where it was asked for. */
  readonly changes?: string;
}

export interface ReportResult {
  readonly files: ReportFiles;
  readonly groups: readonly ErrorGroup[];
  /** Rows of the errors and unsent files whose customer has a later row that was updated: they are marked there. */
  readonly superseded: number;
}

export interface ReportSettings {
  readonly reader: Pick<Reader, "columns" | "dialect">;
  readonly plan: Plan;
  readonly format: Format;
  readonly dir: string;
  /** Only the errors file; other rows are passed over. For `check`, which sends nothing. */
  readonly errorsOnly?: boolean;
  /** Also the changes file: what a job's transforms changed, in any row. */
  readonly showChanges?: boolean;
  /** CSV reports begin with a byte order mark. */
  readonly excel?: boolean;
}

/** Ending of a file while it gets its marks. */
const MARKED = ".marked.partial";

/** A report being written, row by row in input order. */
export interface Report {
  /** Awaits nothing; `flush` when `full()`. */
  add(row: Row, outcome: Outcome): void;
  /** Of a row that none of its files tells of: `check` has such. */
  pass(row: Row): void;
  full(): boolean;
  flush(): Promise<void>;
  /** Puts all files in place under their real names. Until then none is to be seen there. */
  finish(): Promise<ReportResult>;
  /** Ends without a report: what was written so far is removed. May be called after `finish`, and twice. */
  abandon(): Promise<void>;
}

/** Throws `disk-full` or `report-unwritable`, here and in everything it returns. */
export async function openReport(settings: ReportSettings): Promise<Report> {
  const { reader, plan, format, dir, errorsOnly = false, showChanges = false, excel = false } = settings;
  const style = csvStyle(reader.dialect?.delimiter, excel);
  const changed = changeLines(plan, format, style);
  const lines = format === "csv" ? csvLines(reader.columns, plan.customerIdColumn, style) : ndjsonLines();
  const groups = makeGroups();
  const finder = makeFinder(dir);
  const open: PartialFile[] = [];
  await makeFolder(dir);
  const errors = await openFile("errors");
  errors.add(lines.errorsHeader);
  const success = errorsOnly ? null : await openFile("success");
  success?.add(lines.successHeader);
  // Opened before it is known whether a row is unsent, so that adding a row awaits nothing.
  const unsent = errorsOnly ? null : await openFile("unsent");
  let anyUnsent = false;
  const changes = showChanges ? await openFile("changes") : null;
  changes?.add(changed.header);

  async function openFile(name: string, ending?: string): Promise<PartialFile> {
    try {
      const file = await openPartial(dir, `${name}.${format}`, ending);
      open.push(file);
      return file;
    } catch (error) {
      await abandon();
      throw error;
    }
  }

  async function abandon(): Promise<void> {
    finder.close();
    for (const file of open.splice(0)) await file.abandon();
  }

  function addError(row: Row, outcome: Outcome, status: ErrorStatus): void {
    const explanations = explain(row, outcome, plan);
    groups.add(row, status, explanations);
    addMarkable(errors, lines.error(row, outcome, explanations), row, status);
  }

  function addUnsent(row: Row, outcome: Outcome, file: PartialFile): void {
    if (!anyUnsent) file.add(lines.unsentHeader);
    anyUnsent = true;
    addMarkable(file, lines.unsent(row, outcome), row, outcome.status);
  }

  function addMarkable(file: PartialFile, { text, tail }: MarkableLine, row: Row, status: Status): void {
    file.add(text);
    if (!errorsOnly) finder.again(row, status, plan.customerId(row), file.added() - tail);
  }

  function addSuccess(row: Row, outcome: Outcome, file: PartialFile): void {
    const customerId = plan.customerId(row);
    finder.stands(row, outcome.status, customerId);
    file.add(lines.success(row, outcome, customerId));
  }

  const pass = (row: Row) => changes?.add(changed.of(row));

  return {
    pass,
    add(row, outcome) {
      pass(row);
      const { status } = outcome;
      switch (status) {
        case "updated":
        case "unchanged":
          return success ? addSuccess(row, outcome, success) : undefined;
        case "rejected":
        case "failed":
        case "unknown":
          return addError(row, outcome, status);
        case "unsent":
          return unsent ? addUnsent(row, outcome, unsent) : undefined;
        default:
          throw new Error(`no such status: ${status satisfies never}`);
      }
    },
    full: () => open.some((file) => file.full()),
    async flush() {
      for (const file of open) if (file.full()) await file.flush();
    },
    async finish() {
      if (unsent && !anyUnsent) {
        await unsent.abandon();
        // What a stopped spell of the same run left would be read as rows still to be sent.
        await rm(join(dir, `unsent.${format}`), { force: true });
      }
      // What an earlier spell listed is not all of it.
      if (changes === null) await rm(join(dir, `changes.${format}`), { force: true });
      for (const file of [errors, success, anyUnsent ? unsent : null, changes]) await file?.finish();
      const isUnsent = ({ status }: Superseded) => status === "unsent";
      const inErrors = finder.found().filter((found) => !isUnsent(found));
      const told = await marked(errors, inErrors, "; ", () => openFile("errors", MARKED));
      const rest =
        anyUnsent && unsent
          ? await marked(unsent, finder.found().filter(isUnsent), "", () => openFile("unsent", MARKED))
          : null;
      const files: ReportFiles = {
        errors: await told.file.publish(),
        success: (await success?.publish()) ?? null,
        unsent: (await rest?.file.publish()) ?? null,
        ...(changes === null ? {} : { changes: await changes.publish() }),
      };
      open.length = 0;
      finder.close();
      await syncFolder(dir);
      return { files, groups: groups.list(), superseded: told.marks + (rest?.marks ?? 0) };
    },
    abandon,
  };
}

export interface ReportInput extends Omit<ReportSettings, "reader"> {
  readonly reader: Reader;
  /** Ascending by row, one for every row that was read; asked for a row's only when `follow` says that it is there. */
  readonly outcomes: Iterable<Outcome>;
  /** Where the run goes on meanwhile, or did not come to the file's end. */
  readonly follow?: Pick<Follow, "answered" | "extent">;
  /** Rows written so far, after each block. */
  readonly onRows?: (rows: number) => void;
}

const WHOLE: Extent = { rows: Number.MAX_SAFE_INTEGER, without: "mistake" };

/**
 * One streaming pass over the file, merged with the ledger; where the run is not over, rows without an outcome are left out.
 * Throws a plain Error where rows and outcomes do not match.
 */
export async function writeReport(input: ReportInput): Promise<ReportResult> {
  const { reader, outcomes, follow, onRows, ...settings } = input;
  const report = await openReport({ ...settings, reader });
  try {
    const ledger = outcomes[Symbol.iterator]();
    try {
      let next: IteratorResult<Outcome> | null = null;
      let rows = 0;
      reading: for await (const block of reader.blocks()) {
        await follow?.answered(block.at(-1)?.row ?? 0);
        const { rows: last, without } = follow?.extent() ?? WHOLE;
        for (const row of block) {
          if (row.row > last) break reading;
          next ??= ledger.next();
          if (without === "later" && next.done) break reading;
          rows = row.row;
          if (!next.done && next.value.row === row.row) {
            report.add(row, next.value);
            next = null;
          } else if (typeof without === "function") report.add(row, without(row.row));
          else if (without === "mistake") throw new Error(`row ${row.row} has no outcome`);
          if (report.full()) await report.flush();
        }
        onRows?.(rows);
      }
      await follow?.answered(WHOLE.rows);
      next ??= ledger.next();
      if (!next.done) throw new Error(`row ${next.value.row} has an outcome, but only ${rows} rows were read`);
    } finally {
      ledger.return?.();
    }
    return await report.finish();
  } finally {
    await report.abandon();
  }
}
