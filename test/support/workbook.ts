// Sheets, styles and texts as XML in; the bytes of an Excel workbook out.
import { type ZippedEntry, zipOf } from "./zip.ts";

export interface WorkbookParts {
  /** The content of `sheetData`, by the sheet's name. */
  readonly sheets: Readonly<Record<string, string>>;
  /** By the sheet's name: `hidden`, `veryHidden`. */
  readonly states?: Readonly<Record<string, string>>;
  /** Number formats; style n is the n-th, from 1; style 0 is General. */
  readonly formats?: readonly (string | number)[];
  /** The content of `si`, each. */
  readonly strings?: readonly string[];
  readonly date1904?: boolean;
  /** Its formulas are to be worked out by whoever opens it. */
  readonly unsettled?: boolean;
  /** Put before every element's name, as some programs write it: `x:`. */
  readonly prefix?: string;
  readonly more?: readonly ZippedEntry[];
}

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";

export function workbookOf(parts: WorkbookParts): Buffer {
  const { sheets, states = {}, formats = [], strings = [], date1904 = false, prefix = "", more = [] } = parts;
  const calc = parts.unsettled === true ? '<calcPr calcId="124519" fullCalcOnLoad="1"/>' : "";
  const root = (name: string, inner: string) =>
    `${HEAD}<${name} xmlns${prefix && `:${prefix.slice(0, -1)}`}="${MAIN}" xmlns:r="${OFFICE}">${inner}</${name}>`.replace(
      /<(\/?)(?!\?)/g,
      `<$1${prefix}`,
    );
  const link = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
  const links = (inner: string) => `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${inner}</Relationships>`;
  const names = Object.keys(sheets);
  const own = formats.flatMap((format, at) =>
    typeof format === "string" ? [`<numFmt numFmtId="${164 + at}" formatCode="${escaped(format)}"/>`] : [],
  );
  const styles = formats.map((format, at) => `<xf numFmtId="${typeof format === "string" ? 164 + at : format}"/>`);
  return zipOf([
    { name: "[Content_Types].xml", data: `${HEAD}<Types xmlns="${PACKAGE}/content-types"/>` },
    { name: "_rels/.rels", data: links(link("rId1", "officeDocument", "xl/workbook.xml")) },
    {
      name: "xl/workbook.xml",
      data: root(
        "workbook",
        `<workbookPr${date1904 ? ' date1904="1"' : ""}/><sheets>${names
          .map((name, at) => {
            const state = states[name] === undefined ? "" : ` state="${states[name]}"`;
            return `<sheet name="${escaped(name)}" sheetId="${at + 7}"${state} r:id="rId${at + 10}"/>`;
          })
          .join("")}</sheets>${calc}`,
      ),
    },
    {
      name: "xl/_rels/workbook.xml.rels",
      data: links(
        [
          ...names.map((_, at) => link(`rId${at + 10}`, "worksheet", `worksheets/sheet${at + 1}.xml`)),
          link("rId1", "styles", "styles.xml"),
          link("rId2", "sharedStrings", "/xl/sharedStrings.xml"),
        ].join(""),
      ),
    },
    {
      name: "xl/styles.xml",
      data: root(
        "styleSheet",
        `<numFmts>${own.join("")}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>${styles.join("")}</cellXfs>`,
      ),
    },
    { name: "xl/sharedStrings.xml", data: root("sst", strings.map((text) => `<si>${text}</si>`).join("")) },
    ...names.map((name, at) => ({
      name: `xl/worksheets/sheet${at + 1}.xml`,
      data: root("worksheet", `<cols/><sheetData>${sheets[name]}</sheetData><pageMargins/>`),
    })),
    ...more,
  ]);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

/** Rows of texts, written in line. Undefined: no cell. */
export function inlineRows(rows: readonly (readonly (string | undefined)[])[]): string {
  return rows
    .map((cells) => {
      const inner = cells.map((text) =>
        text === undefined ? "<c/>" : `<c t="inlineStr"><is><t xml:space="preserve">${escaped(text)}</t></is></c>`,
      );
      return `<row>${inner.join("")}</row>`;
    })
    .join("");
}
