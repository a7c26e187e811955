// A file as it is, or text, in; its rows as `updraft rows` shows them out: an object of values each, or the code of what is wrong.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import type { Told } from "../../src/parse/dialect.ts";
import { rowLines } from "../../src/rows.ts";

const rowShape = z.object({
  values: z.record(z.string(), z.string()).optional(),
  error: z.object({ code: z.string(), column: z.number().nullable() }).optional(),
  cells: z.array(z.string()).optional(),
});
const headShape = z.object({ dialect: z.record(z.string(), z.unknown()).nullable(), columns: z.array(z.string()) });

export type ShownRow = z.infer<typeof rowShape>;

export async function shown(
  content: string | Buffer,
  told: Told = {},
): Promise<{ readonly head: z.infer<typeof headShape>; readonly rows: readonly ShownRow[] }> {
  const dataDir = mkdtempSync(join(tmpdir(), "updraft-rows-"));
  try {
    const file = join(dataDir, "rows.csv");
    writeFileSync(file, content);
    let text = "";
    for await (const lines of rowLines({ file, told, limit: null, settings: { dataDir } }, () => {})) text += lines;
    const [head, ...rows] = text
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    return { head: headShape.parse(head), rows: rows.map((row) => rowShape.parse(row)) };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
