// A report that was written in; its records in their order, read by the reader that reads input files, out.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";
import { type Format, openSource } from "../open/source.ts";
import { openReader } from "../parse/reader.ts";
import type { Row } from "../parse/row.ts";
import type { Status } from "../settle/outcome.ts";
import type { Explanation } from "./explain.ts";

export interface Reread {
  /** With its ending: `success.csv`. */
  readonly name: string;
  readonly there: boolean;
  /** Why it cannot be read as a file of rows; null where it can. */
  readonly trouble: string | null;
  readonly columns: readonly string[];
  /** Of its cells; a report that has none yet, or is NDJSON, has commas. */
  readonly delimiter: string;
  /** The record that comes next; null behind the last one. Call `fill` first where `hungry` says so. */
  head(): Row | null;
  advance(): void;
  hungry(): boolean;
  fill(): Promise<void>;
  close(): Promise<void>;
}

export type ReportName = "success" | "errors" | "unsent";

/** The report in which rows of this status stand. */
export function reportOf(status: Status): ReportName {
  switch (status) {
    case "updated":
    case "unchanged":
      return "success";
    case "rejected":
    case "failed":
    case "unknown":
      return "errors";
    case "unsent":
      return "unsent";
    default:
      return status satisfies never;
  }
}

const EMPTY = new Set(["file-empty", "file-no-records"]);

export async function openReread(dir: string, report: ReportName, format: Format): Promise<Reread> {
  const name = `${report}.${format}`;
  const path = join(dir, name);
  const nothing = {
    name,
    columns: [],
    delimiter: ",",
    head: () => null,
    advance: () => {},
    hungry: () => false,
    fill: async () => {},
    close: async () => {},
  };
  if (!existsSync(path)) return { ...nothing, there: false, trouble: null };
  try {
    const source = await openSource(path, { dataDir: dir, encoding: "utf-8" });
    const reader = await openReader(source);
    const blocks = reader.blocks();
    let block: Row[] = [];
    let at = 0;
    let ended = false;
    return {
      name,
      there: true,
      trouble: null,
      columns: reader.columns,
      delimiter: reader.dialect?.delimiter ?? ",",
      head: () => block[at] ?? null,
      advance: () => void at++,
      hungry: () => at >= block.length && !ended,
      async fill() {
        const next = await blocks.next();
        ended = next.done === true;
        block = next.value ?? [];
        at = 0;
      },
      async close() {
        await blocks.return(undefined);
        await source.close();
      },
    };
  } catch (error) {
    if (!(error instanceof UpdraftError)) throw error;
    return { ...nothing, there: true, trouble: EMPTY.has(error.code) ? null : error.message };
  }
}

/** A value of one of our own columns, as text; null where the record has none of that name, or cannot be read. */
export function told(record: Row, columns: readonly string[], name: string): string | null {
  if (record.kind === "bad") return null;
  const value = record.kind === "cells" ? record.cells[columns.lastIndexOf(name)] : record.object[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

/** What a report says of one row; null where none has it. It is read up to there. */
export async function findReported(
  dir: string,
  format: Format,
  status: Status,
  row: number,
): Promise<{ readonly line: number; readonly reasons: readonly Explanation[] } | null> {
  const report = await openReread(dir, reportOf(status), format);
  const { columns } = report;
  try {
    for (;;) {
      while (report.hungry()) await report.fill();
      const record = report.head();
      if (record === null) return null;
      report.advance();
      if (told(record, columns, "updraft_row") !== String(row)) continue;
      const [column, code, message] = ["column", "code", "message"].map((name) =>
        told(record, columns, `updraft_${name}`),
      );
      const reasons = message ? [{ column: column || null, code: code ?? "", message }] : [];
      return { line: Number(told(record, columns, "updraft_line")), reasons };
    }
  } finally {
    await report.close();
  }
}
