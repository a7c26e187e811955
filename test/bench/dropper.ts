// A folder, a number of files and rows in; the files dropped at once, some whole, some piece by piece, some renamed or appended to afterwards, out.
import { appendFileSync, closeSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import * as z from "zod";

/** How a file comes to be in the folder; each by turns, so that each is met by every state of the watcher. */
export const WAYS = ["whole", "renamed", "part", "pieces", "held-open", "late"] as const;
type Way = (typeof WAYS)[number];

const HEADER = "customerId,firstName,email\n";
/** Shorter than a file needs to settle. */
const PAUSE_MS = 60;

export const customerOf = (file: number, row: number) => `csta_${file}_${row}`;
export const fileName = (file: number) => `file-${String(file).padStart(4, "0")}.csv`;

function linesOf(file: number, from: number, to: number): string {
  let lines = "";
  for (let row = from; row < to; row++) lines += `${customerOf(file, row)},Ann,a${file}.${row}@example.com\n`;
  return lines;
}

async function drop(way: Way, path: string, file: number, rows: number): Promise<void> {
  const half = Math.floor(rows / 2);
  const [first, rest] = [HEADER + linesOf(file, 0, half), linesOf(file, half, rows)];
  switch (way) {
    case "whole":
      return writeFileSync(path, first + rest);
    case "renamed":
      writeFileSync(`${path}.first.csv`, first + rest);
      await setTimeout(PAUSE_MS);
      // Whoever renames what is taken by then finds that it is not there any more.
      return renameSync(`${path}.first.csv`, path);
    case "part":
      writeFileSync(`${path}.part`, first);
      await setTimeout(5 * PAUSE_MS);
      appendFileSync(`${path}.part`, rest);
      return renameSync(`${path}.part`, path);
    case "pieces":
      writeFileSync(path, first);
      for (const line of rest.trimEnd().split("\n")) {
        await setTimeout(PAUSE_MS);
        appendFileSync(path, `${line}\n`);
      }
      return;
    case "held-open": {
      const handle = openSync(path, "w");
      writeSync(handle, first);
      await setTimeout(PAUSE_MS);
      writeSync(handle, rest);
      await setTimeout(20 * PAUSE_MS);
      return closeSync(handle);
    }
    case "late":
      // Opened long before the first byte, as by a query whose output goes there.
      writeFileSync(path, "");
      await setTimeout(20 * PAUSE_MS);
      return writeFileSync(path, first + rest);
    default:
      return way satisfies never;
  }
}

/** Drops all of them side by side. */
export async function dropAll(folder: string, files: number, rows: number): Promise<void> {
  const all = Array.from({ length: files }, (_, file) => {
    const way = WAYS[file % WAYS.length] ?? "whole";
    return drop(way, join(folder, fileName(file)), file, rows);
  });
  await Promise.all(all);
}

// A process of its own, so that what it does is no part of what is measured.
if (process.argv[1] === import.meta.filename) {
  const [folder, files, rows] = z
    .tuple([z.string(), z.coerce.number(), z.coerce.number()])
    .parse(process.argv.slice(2));
  await dropAll(folder, files, rows);
}
