// The part of a workbook that holds each of its texts once in; any of them by its number, out of few bytes of memory, out.
import { UpdraftError } from "../errors.ts";
import { hearXml } from "./xml.ts";

export interface SharedStrings {
  /** Undefined for a number that none has. */
  get(index: number): string | undefined;
}

/** Held as UTF-8 in slabs, outside of the heap: as many strings of JavaScript would take three times as much. */
const SLAB = 1024 ** 2;
/** A million rows with ten texts of 25 bytes each, none of them twice. */
const MOST = 256 * 1024 ** 2;
/** Empty ones need room, too: four bytes each. */
const MOST_TEXTS = 2 ** 24;

export async function readSharedStrings(
  chunks: AsyncIterable<Buffer>,
  file: string,
  damaged: (reason: string, cause?: unknown) => UpdraftError,
): Promise<SharedStrings> {
  const slabs: Buffer[] = [];
  let ends = new Uint32Array(4096);
  let count = 0;
  let end = 0;
  const tooLong = () => damaged("it has a text of more than 1 MiB");
  const add = (text: string) => {
    if (count === MOST_TEXTS) throw new UpdraftError("workbook-strings", { file, limit: "16 million" });
    const length = Buffer.byteLength(text);
    if (length > SLAB) throw tooLong();
    // No text stands in two slabs.
    if (length > slabs.length * SLAB - end) {
      end = slabs.length * SLAB;
      if (end >= MOST) throw new UpdraftError("workbook-strings", { file, limit: "256 MB" });
      slabs.push(Buffer.allocUnsafeSlow(SLAB));
    }
    slabs.at(-1)?.write(text, end % SLAB);
    end += length;
    if (count === ends.length) {
      const more = new Uint32Array(count * 2);
      more.set(ends);
      ends = more;
    }
    ends[count++] = end;
  };
  const text = listenForText("si", add, tooLong);
  for await (const _ of hearXml(chunks, text, damaged));
  return {
    get(index) {
      const to = ends[index];
      if (to === undefined || index >= count) return undefined;
      const slab = Math.floor(Math.max(0, to - 1) / SLAB);
      const from = Math.max(index === 0 ? 0 : (ends[index - 1] ?? 0), slab * SLAB);
      return from >= to ? "" : slabs[slab]?.toString("utf8", from - slab * SLAB, to - slab * SLAB);
    },
  };
}

/** The texts within each element `name`, joined: of rich text its runs, and nothing of how it is pronounced. */
function listenForText(name: string, found: (text: string) => void, tooLong: () => Error) {
  let collected = "";
  let within = false;
  let spoken = false;
  return {
    open(element: string) {
      if (element === name) collected = "";
      else if (element === "rPh") spoken = true;
      else if (element === "t") within = !spoken;
    },
    close(element: string) {
      if (element === name) found(unescaped(collected));
      else if (element === "rPh") spoken = false;
      else if (element === "t") within = false;
    },
    text(text: string) {
      if (!within) return;
      collected += text;
      // However many runs it has: none of them is long.
      if (collected.length > SLAB) throw tooLong();
    },
  };
}

/** A character that XML cannot hold is written by its number: `_x000D_`; and an underscore that would be read so, as `_x005F_`. */
export function unescaped(text: string): string {
  if (!text.includes("_x")) return text;
  return text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
