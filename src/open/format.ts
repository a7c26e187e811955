// The first bytes of a content and the file's name in; its format, or the reason why it has none, out.
import { UpdraftError } from "../errors.ts";
import type { Format } from "./source.ts";

const OTHERS = [
  // Reached only within something else: on its own it is opened.
  ...[
    [0x50, 0x4b, 0x03, 0x04],
    [0x1f, 0x8b],
    [0x28, 0xb5, 0x2f, 0xfd],
  ].map((magic) => ({
    magic,
    kind: "packed twice: a zip archive, a workbook or a compressed file within another",
    remedy: "unpack it and give what is in it",
  })),
  {
    magic: [0xd0, 0xcf, 0x11, 0xe0],
    kind: "an Excel workbook of before 2007 (.xls)",
    remedy: "save it as .xlsx or CSV UTF-8",
  },
  { magic: [0x25, 0x50, 0x44, 0x46], kind: "a PDF", remedy: "export the table it was made from as CSV" },
  { magic: [0x42, 0x5a, 0x68], kind: "compressed with bzip2", remedy: "unpack it first: bunzip2 -k {file}" },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], kind: "compressed with xz", remedy: "unpack it first: xz -dk {file}" },
];

/** Throws for what is known and is not text. */
export function refuseOthers(head: Buffer, file: string): void {
  const other = OTHERS.find(({ magic }) => magic.every((byte, at) => head[at] === byte));
  if (other === undefined) return;
  throw new UpdraftError("file-kind", { file, kind: other.kind, remedy: other.remedy.replace("{file}", file) });
}

/** The first line of a head, and the lines that line ends within quotes add to it. */
export function firstRecord(head: string): string {
  return /^(?:[^"\r\n]+|"[^"]*")*/.exec(head)?.[0] ?? "";
}

/**
 * NDJSON starts with a brace, a JSON array of rows with a bracket, and is read as NDJSON is; where the name says either, one line
 * that starts so is enough, so that a bad first line is one bad row.
 * Where name and content contradict each other the content is believed. `text` starts with its first character that is not blank.
 */
export function recogniseFormat(text: string, name: string): Format {
  const named = /\.(?:ndjson|jsonl|json)$/i.test(name);
  const json = named ? /^\s*\{|^\[/m : /^\{|^\[\s*[{\]]/;
  return json.test(text) ? "ndjson" : "csv";
}
