// A file as it is on the disk in; the content to be read, out of whatever it is packed in, out.
import { UpdraftError } from "../errors.ts";
import { compressionOf, decompress } from "./decompress.ts";
import { gathered, type Input } from "./file.ts";
import { refuseOthers } from "./format.ts";
import { openWorkbook } from "./workbook.ts";
import { openZip, printable, type ZipEntry } from "./zip.ts";

export interface Content {
  /** What it is named by whoever packed it: tells the format where the content leaves it open. */
  readonly name: string;
  /** Of a workbook the sheet whose cells the content is, as CSV of RFC 4180 in UTF-8; else null. */
  readonly sheet: string | null;
  /** What was chosen among what is in the container, and what is left: a sentence each. */
  readonly about: readonly string[];
  read(): AsyncGenerator<Buffer, void, undefined>;
}

/** Enough to tell containers apart. */
const HEAD = 8;

/** By what the content says, whatever the file's name. One compression within a zip archive is taken off, too. */
export async function openContent(input: Input, file: string, name: string): Promise<Content> {
  const head = await headOf(input.read());
  if (isZip(head)) {
    const entries = await openZip(input, file);
    return (await openWorkbook(entries, file)) ?? (await openArchive(entries, file));
  }
  if (isOle(head)) await refuseOle(input, head, file);
  return { name: bare(name), sheet: null, about: [], read: await taken(() => input.read(), file) };
}

async function openArchive(entries: readonly ZipEntry[], file: string): Promise<Content> {
  const found = entries.filter(holdsData);
  const [one, ...others] = found;
  if (one === undefined) {
    const names = entries.length === 0 ? "" : `; in it are ${listed(entries)}, which hold none`;
    throw new UpdraftError("zip-none", { file, names });
  }
  if (others.length > 0) throw new UpdraftError("zip-several", { file, count: found.length, names: listed(found) });
  const name = one.name.slice(one.name.lastIndexOf("/") + 1);
  const about = [`read from the zip archive: ${printable(one.name)}`];
  return { name: bare(name), sheet: null, about, read: await taken(one.read, file) };
}

/** What archivers and systems add of their own is nobody's data. */
function holdsData({ name, size }: ZipEntry): boolean {
  return size > 0 && !name.endsWith("/") && !/(?:^|\/)(?:__MACOSX\/|\.[^/]*$|Thumbs\.db$|desktop\.ini$)/i.test(name);
}

/** Without the compression that may be around it. */
async function taken(
  read: () => AsyncGenerator<Buffer, void, undefined>,
  file: string,
): Promise<() => AsyncGenerator<Buffer, void, undefined>> {
  const compression = compressionOf(await headOf(read()));
  return compression === null ? read : () => decompress(read(), compression, file);
}

async function headOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  for await (const chunk of chunks) {
    head = Buffer.concat([head, chunk.subarray(0, HEAD)]);
    if (head.length >= HEAD) break;
  }
  return head;
}

/** A first entry, an archive of none, or the first of several parts. */
function isZip(head: Buffer): boolean {
  return ["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"].includes(head.toString("latin1", 0, 4));
}

function isOle(head: Buffer): boolean {
  return head.toString("latin1", 0, 4) === "\xd0\xcf\x11\xe0";
}

/** Workbooks before 2007, and those with a password, whatever their version: told apart by what the folder in it lists. */
async function refuseOle(input: Input, head: Buffer, file: string): Promise<void> {
  const sizes = await gathered(input.read(0, 512));
  const sector = sizes.length === 512 ? 1 << (sizes.readUInt16LE(30) & 15) : 0;
  const at = sector === 0 ? 0 : (sizes.readUInt32LE(48) + 1) * sector;
  const folder = await gathered(input.read(at, at + 4096));
  if (folder.includes(Buffer.from("EncryptedPackage", "utf16le"))) throw new UpdraftError("file-encrypted", { file });
  refuseOthers(head, file);
}

/** Without the endings of compression. */
function bare(name: string): string {
  return name.replace(/\.(?:gz|zst|zstd|zip)$/i, "");
}

const LISTED = 5;

function listed(entries: readonly ZipEntry[]): string {
  const names = entries.slice(0, LISTED).map(({ name }) => printable(name));
  const rest = entries.length - names.length;
  return `${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
