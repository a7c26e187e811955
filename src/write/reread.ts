// A report that was written in; its records in their order, read by the reader that reads input files, out.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";
import type { Format } from "../open/source.ts";
import { openSource } from "../open/source.ts";
import { openReader } from "../parse/reader.ts";
import type { Row } from "../parse/row.ts";

export interface Reread {
  /** With its ending: `success.csv`. */
  readonly name: string;
  readonly there: boolean;
  /** Why it cannot be read as a file of rows; null where it can. */
  readonly trouble: string | null;
  readonly columns: readonly string[];
  /** The record that comes next; null behind the last one. Call `fill` first where `hungry` says so. */
  head(): Row | null;
  advance(): void;
  hungry(): boolean;
  fill(): Promise<void>;
  close(): Promise<void>;
}

const EMPTY = new Set(["file-empty", "file-no-records"]);

export async function openReread(dir: string, report: string, format: Format): Promise<Reread> {
  const name = `${report}.${format}`;
  const path = join(dir, name);
  const nothing = {
    name,
    columns: [],
    head: () => null,
    advance: () => {},
    hungry: () => false,
    fill: async () => {},
    close: async () => {},
  };
  if (!existsSync(path)) return { ...nothing, there: false, trouble: null };
  try {
    const source = await openSource(path, { dataDir: dir });
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
