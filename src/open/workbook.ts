// The entries of a zip archive in; the first sheet that can be seen, as CSV, where they are an Excel workbook, out.
import { posix } from "node:path";
import { UpdraftError } from "../errors.ts";
import { general, type Shown, shownBy } from "./cell-text.ts";
import type { Content } from "./container.ts";
import { refuseBomb } from "./decompress.ts";
import { readSharedStrings, type SharedStrings } from "./shared-strings.ts";
import { readSheet } from "./sheet.ts";
import { asCsv } from "./sheet-csv.ts";
import { elementsOf, type XmlElement } from "./xml.ts";
import { printable, type ZipEntry } from "./zip.ts";

/** Told by an entry that only they have. */
const OTHERS = [
  { entry: "xl/workbook.bin", kind: "a binary Excel workbook (.xlsb)" },
  { entry: "word/document.xml", kind: "a Word document" },
  { entry: "ppt/presentation.xml", kind: "a PowerPoint presentation" },
  { entry: "META-INF/manifest.xml", and: "content.xml", kind: "an OpenDocument file (.ods)" },
  { entry: "Index/Document.iwa", kind: "an Apple Numbers document" },
] as const;

/** Null where they are no workbook. */
export async function openWorkbook(entries: readonly ZipEntry[], file: string): Promise<Content | null> {
  const parts = new Map(entries.map((entry) => [entry.name, entry]));
  for (const { entry, kind, ...rest } of OTHERS) {
    if (!parts.has(entry) || ("and" in rest && !parts.has(rest.and))) continue;
    throw new UpdraftError("file-kind", { file, kind, remedy: "save the table as .xlsx or CSV UTF-8" });
  }
  if (!parts.has("[Content_Types].xml")) return null;
  const read = (name: string) => partOf(parts, name, file);
  const main = (await targets(read, "", "_rels/.rels")).find(({ type }) => type === "officeDocument")?.path;
  if (main === undefined) return null;
  const book = await read(main).elements();
  const links = await targets(read, posix.dirname(main), relationsOf(main));
  const { chosen, named, about } = chooseSheet(book, links, file);
  const linked = (type: string) => links.find((link) => link.type === type)?.path;

  const stylesPart = linked("styles");
  const says = (element: string, attribute: string) =>
    /^(?:1|true)$/.test(book.find(({ path }) => path === `workbook/${element}`)?.attributes.get(attribute) ?? "");
  const date1904 = says("workbookPr", "date1904");
  const styles = stylesPart === undefined ? [] : stylesOf(await read(stylesPart).elements(), date1904);
  const unsettled = says("calcPr", "fullCalcOnLoad");
  const sheet = read(chosen);
  const stringsPart = linked("sharedStrings");

  // Every reading needs all of them, and a file is read a few times, mostly its beginning.
  let held: Promise<SharedStrings> | null = null;
  const stringsOf = (): Promise<SharedStrings> => {
    held ??= (async () => {
      if (stringsPart === undefined) return { get: () => undefined };
      const part = read(stringsPart);
      return readSharedStrings(part.bytes(), file, part.damaged);
    })();
    return held;
  };

  async function* csv(): AsyncGenerator<Buffer, void, undefined> {
    const strings = await stringsOf();
    const context = { file, sheet: named, strings, styles, unsettled, damaged: sheet.damaged };
    const rows = readSheet(sheet.bytes(), context);
    const empty = () =>
      new UpdraftError("sheet-empty", { file, sheet: named, others: about === "" ? "" : ` (${about})` });
    let made = 0;
    for await (const chunk of asCsv(rows, empty)) {
      made += chunk.length;
      refuseBomb(file, sheet.packed, made);
      yield chunk;
    }
  }

  return {
    name: `${file}.csv`,
    sheet: named,
    about: [`read from the workbook: sheet ${named}${about === "" ? "" : `; ${about}`}`],
    read: csv,
  };
}

interface Part {
  /** In bytes, as it is in the archive. */
  readonly packed: number;
  bytes(): AsyncGenerator<Buffer, void, undefined>;
  elements(): Promise<readonly XmlElement[]>;
  damaged(reason: string, cause?: unknown): UpdraftError;
}

function partOf(parts: ReadonlyMap<string, ZipEntry>, name: string, file: string): Part {
  const damaged = (reason: string, cause?: unknown) =>
    new UpdraftError("workbook-damaged", { file, part: name, reason }, { cause });
  const entry = parts.get(name);
  if (entry === undefined) throw damaged("it is not there");
  return {
    packed: entry.packed,
    bytes: entry.read,
    elements: () => elementsOf(entry.read(), damaged),
    damaged,
  };
}

interface Link {
  readonly id: string;
  /** The last word of its address: `worksheet`, whichever edition of the standard it is of. */
  readonly type: string;
  readonly path: string;
}

/** What a part refers to. */
async function targets(read: (name: string) => Part, folder: string, name: string): Promise<readonly Link[]> {
  const elements = await read(name).elements();
  return elements
    .filter(({ path }) => path === "Relationships/Relationship")
    .map(({ attributes }) => {
      const target = attributes.get("Target") ?? "";
      const type = attributes.get("Type") ?? "";
      return {
        id: attributes.get("Id") ?? "",
        type: type.slice(type.lastIndexOf("/") + 1),
        path: target.startsWith("/") ? target.slice(1) : posix.join(folder, target),
      };
    });
}

function relationsOf(part: string): string {
  return posix.join(posix.dirname(part), "_rels", `${posix.basename(part)}.rels`);
}

interface Choice {
  readonly chosen: string;
  readonly named: string;
  /** Of the others; empty where there are none. */
  readonly about: string;
}

const TOLD = 10;

function chooseSheet(book: readonly XmlElement[], links: readonly Link[], file: string): Choice {
  const sheets = book
    .filter(({ path }) => path === "workbook/sheets/sheet")
    .map(({ attributes }) => ({
      name: `"${printable(attributes.get("name") ?? "")}"`,
      hidden: /hidden/i.test(attributes.get("state") ?? ""),
      link: links.find(({ id, type }) => id === attributes.get("id") && type === "worksheet"),
    }));
  const first = sheets.find(({ hidden, link }) => !hidden && link !== undefined);
  const others = sheets
    .filter((sheet) => sheet !== first)
    .map(({ name, hidden, link }) => `${name}${hidden ? " (hidden)" : link === undefined ? " (no cells)" : ""}`);
  const rest = others.length > TOLD ? ` and ${others.length - TOLD} more` : "";
  const about = others.length === 0 ? "" : `not read: ${others.slice(0, TOLD).join(", ")}${rest}`;
  if (first?.link === undefined) {
    throw new UpdraftError("workbook-no-sheet", { file, others: about === "" ? "" : ` (${about})` });
  }
  return { chosen: first.link.path, named: first.name, about };
}

function stylesOf(elements: readonly XmlElement[], date1904: boolean): readonly Shown[] {
  const own = new Map(
    elements
      .filter(({ path }) => path === "styleSheet/numFmts/numFmt")
      .map(({ attributes }) => [Number(attributes.get("numFmtId")), attributes.get("formatCode") ?? ""]),
  );
  return elements
    .filter(({ path }) => path === "styleSheet/cellXfs/xf")
    .map(({ attributes }) => {
      const id = Number(attributes.get("numFmtId") ?? 0);
      return id === 0 ? general : shownBy(id, own, date1904);
    });
}
