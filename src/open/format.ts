// The first bytes of a content and the file's name in; its format, or the reason why it has none, out.
import { UpdraftError } from "../errors.ts";
import type { Format } from "./source.ts";

interface Other {
  readonly kind: string;
  readonly remedy: string;
}

const WIDEST = { kind: "text in UTF-32", remedy: "save it as UTF-8" };
const AS_CSV = "export the table it was made from as CSV";

const OTHERS: readonly (Other & { readonly magic: readonly number[]; readonly at?: number })[] = [
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
  { magic: [0x25, 0x50, 0x44, 0x46], kind: "a PDF", remedy: AS_CSV },
  { magic: [0x42, 0x5a, 0x68], kind: "compressed with bzip2", remedy: "unpack it first: bunzip2 -k {file}" },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], kind: "compressed with xz", remedy: "unpack it first: xz -dk {file}" },
  { magic: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], kind: "a 7-Zip archive", remedy: "unpack it first: 7z x {file}" },
  { magic: [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], kind: "a RAR archive", remedy: "unpack it first: unrar x {file}" },
  // With what follows the word: `Mustard Lane` may stand there, too.
  ...[
    [0x75, 0x73, 0x74, 0x61, 0x72, 0],
    [0x75, 0x73, 0x74, 0x61, 0x72, 0x20, 0x20, 0],
  ].map((magic) => ({ magic, at: 257, kind: "a tar archive", remedy: "unpack it first: tar xf {file}" })),
  { magic: [0xff, 0xfe, 0, 0], ...WIDEST },
  { magic: [0, 0, 0xfe, 0xff], ...WIDEST },
];

/** Throws for what is known and is not text. */
export function refuseOthers(head: Buffer, file: string): void {
  refuse(
    OTHERS.find(({ magic, at = 0 }) => magic.every((byte, index) => head[at + index] === byte)),
    file,
  );
}

/** Pictures, databases and programs have many different control characters from their first bytes on; text has hardly any. */
const MOST_CONTROLS = 4;
const BINARY: Other = {
  kind: "no text, as pictures, databases and programs are none",
  remedy: `${AS_CSV}; if it is text in UTF-16, tell so (--encoding utf-16le)`,
};

/** Throws for what begins as no text does in any encoding of one byte a character. Behind a first line of ASCII, whatever follows is bad rows. */
export function refuseBinary(head: Buffer, file: string): void {
  const start = head.subarray(0, 512);
  const end = start.indexOf(0x0a);
  if (start.subarray(0, end === -1 ? start.length : end).every((byte) => byte < 0x80 && !isControl(byte))) return;
  if (new Set(start.filter(isControl)).size > MOST_CONTROLS) refuse(BINARY, file);
}

/** But for a tab, line ends, the end of a DOS file, and what begins a colour. */
function isControl(byte: number): boolean {
  return byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1a && byte !== 0x1b;
}

const MARKUP: readonly (Other & { readonly start: RegExp })[] = [
  {
    start: /^<(?:!doctype\s+html|html|head|body|table|meta)\b/i,
    kind: "an HTML page",
    remedy: "if it holds the table, open it in Excel or LibreOffice and save it as .xlsx; if not, export it again",
  },
  {
    start: /^<(?:\?xml|!doctype)\b/i,
    kind: "XML",
    remedy: "export it as CSV, or open it in Excel and save it as .xlsx",
  },
  { start: /^\{\\rtf/, kind: "a text with formats (RTF)", remedy: AS_CSV },
];

/** Throws for text that is known to hold no rows. `text` starts with its first character that is not blank. */
export function refuseMarkup(text: string, file: string): void {
  refuse(
    MARKUP.find(({ start }) => start.test(text)),
    file,
  );
}

function refuse(other: Other | undefined, file: string): void {
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
