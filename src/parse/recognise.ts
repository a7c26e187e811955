// The head of a delimited file and what a person has said of it in; the dialect in which it is written, and how sure that is, out.

import { cutAnyway } from "./cut.ts";
import { type Dialect, type Eol, RFC_4180, type Told } from "./dialect.ts";
import { type SampleRecord, score, tableWidth } from "./judge.ts";
import { cutRecord, type Quoting } from "./sample.ts";
import { makeShape } from "./shape.ts";
import { tableStart } from "./table-start.ts";

export interface Recognised {
  readonly dialect: Dialect;
  /** 0 to 1; 1 where all of it was told. */
  readonly confidence: number;
  readonly eol: Eol;
  /** The next best reading that gives other cells; null where there is none. */
  readonly rival: Dialect | null;
}

/**
 * In order of preference, where two give the same cells: the first is what most programs write. A space behind a comma is part
 * of the cell, as RFC 4180 has it, unless a quote follows: there it can only belong to the delimiter.
 */
const DELIMITERS = [",", ";", "\t", "|", ", ", "; ", " "];
/** So many records are judged. */
const JUDGED = 300;
/** A space separates words as well, so it has to be far better than the others to be believed. */
const SPACE = 0.5;
/** A reading that breaks more rules than another, or leaves cells in the quotes that another takes off, is hardly meant. */
const UNLIKELY = 0.5;

interface Reading {
  readonly quoting: Quoting;
  readonly records: readonly SampleRecord[];
  readonly faults: number;
  readonly score: number;
}

/** `head` is the file's first text, without a byte order mark or a line `sep=;` and cut anywhere; all of it if `final`. */
export function recognise(head: string, final: boolean, told: Told): Recognised {
  const eol = eolOf(head, told);
  const text = behindLines(final ? head : wholeLines(head, eol), told.preambleLines ?? 0, eol);
  const [best, ...others] = readings(text, eol, told);
  const dialectOf = (quoting: Quoting, preambleLines: number, headerLines: number): Dialect => ({
    delimiter: quoting.delimiter,
    quote: quoting.quote,
    escape: quoting.escape,
    comment: told.comment ?? null,
    headerLines: told.headerLines ?? headerLines,
    preambleLines: told.preambleLines ?? preambleLines,
  });
  if (best === undefined) {
    const plain = { ...RFC_4180, escape: told.quote === undefined ? RFC_4180.escape : told.quote, ...told };
    return { dialect: dialectOf(plain, 0, 1), confidence: 1, eol, rival: null };
  }
  const rival = others.find((other) => !sameCells(best, other));
  const width = tableWidth(best.records);
  const records = best.records.map((record) => mended(record, text, best.quoting, eol, width));
  // Without a header below it, what has one cell may be a title or a record: only a person can tell.
  const bare = told.headerLines === 0;
  const named = told.columns !== undefined;
  const { preambleLines, headerLines } = bare
    ? { preambleLines: 0, headerLines: 0 }
    : tableStart(records, width, named);
  return {
    dialect: dialectOf(best.quoting, preambleLines, headerLines),
    confidence: confidence(best, rival),
    eol,
    rival: rival === undefined ? null : dialectOf(rival.quoting, preambleLines, headerLines),
  };
}

/** The most likely first. */
function readings(text: string, eol: Eol, told: Told): Reading[] {
  const there = DELIMITERS.filter(
    (one) => one === "," || (one.length > 1 ? [`${one}"`, `${one}'`] : [one]).some((some) => text.includes(some)),
  );
  const free = there.filter((one) => one !== told.quote && one !== told.escape && one !== told.comment);
  const delimiters = told.delimiter === undefined ? free : [told.delimiter];
  const readAs = (delimiter: string, quote: string | null): Reading[] =>
    (told.escape !== undefined ? [told.escape] : escapes(text, quote)).map((escaping) => {
      const quoting = { delimiter, quote, escape: escaping };
      const records = recordsOf(text, quoting, eol, told.comment ?? null);
      const faults = records.filter(({ fault }) => fault).length;
      return { quoting, records, faults, score: score(records, delimiter) * (delimiter === " " ? SPACE : 1) };
    });
  const plain = delimiters.flatMap((one) => readAs(one, told.quote === undefined ? '"' : told.quote));
  if (plain.some(({ records }) => records.length === 0)) return [];
  const withApostrophes = told.quote === undefined ? delimiters.filter((one) => usesApostrophes(text, one)) : [];
  const single = withApostrophes
    .flatMap((one) => readAs(one, "'"))
    .filter((one) => plain.every((other) => other.quoting.delimiter !== one.quoting.delimiter || isMeant(one, other)));
  const left = ({ quoting, records }: Reading) =>
    single.some((one) => one.quoting.delimiter === quoting.delimiter) && quotedIn(records) === 0;
  const judged = plain.map((one) => (left(one) ? { ...one, score: one.score * UNLIKELY } : one));
  return [...judged, ...single].sort((one, other) => other.score - one.score);
}

/**
 * Whether apostrophes are quotes and not letters, as in 'Umar: they stand in more records than double quotes do, and make more of
 * them fit than they break, or stand in half of them.
 */
function isMeant({ records, faults }: Reading, without: Reading): boolean {
  const [misfits, others] = [misfitsOf(records), misfitsOf(without.records)];
  const [used, usual] = [quotedIn(records), quotedIn(without.records)];
  return used > usual && (misfits + faults < others || (misfits <= others && used * 2 >= records.length));
}

function quotedIn(records: readonly SampleRecord[]): number {
  return records.filter(({ quoted }) => quoted.includes(true)).length;
}

function misfitsOf(records: readonly SampleRecord[]): number {
  const width = tableWidth(records);
  return records.filter(({ cells }) => cells.length !== width).length;
}

function escapes(text: string, quote: string | null): (string | null)[] {
  if (quote === null) return [null];
  return text.includes(`\\${quote}`) ? [quote, "\\"] : [quote];
}

/**
 * Whether apostrophes are quotes: around a cell that needs them, because a delimiter is in it, or around two cells next to each
 * other. Around one cell alone they may as well belong to it.
 */
function usesApostrophes(text: string, delimiter: string): boolean {
  if (delimiter.includes("'")) return false;
  const edge = RegExp.escape(delimiter);
  const cell = "'(?:[^'\\r\\n]|'')*'";
  const needed = `'(?=[^'\\r\\n]*${edge})(?:[^'\\r\\n]|'')*'`;
  return new RegExp(`(?:^|${edge})(?:${needed}|${cell}${edge}${cell})(?:${edge}|\\r?$)`, "m").test(text);
}

function recordsOf(text: string, quoting: Quoting, eol: Eol, comment: string | null): SampleRecord[] {
  const records: SampleRecord[] = [];
  const lineFeed = eol === "\r" ? "\r" : "\n";
  let line = 0;
  for (let start = 0; start < text.length && records.length < JUDGED; line++) {
    const cut = cutRecord(text, start, quoting, eol);
    const blank = cut.cells.length === 1 && cut.cells[0] === "" && cut.quoted[0] === false;
    if (!blank && !(comment !== null && text.startsWith(comment, start))) records.push({ ...cut, start, line });
    for (let at = text.indexOf(lineFeed, start); at !== -1 && at < cut.end; at = text.indexOf(lineFeed, at + 1)) line++;
    start = cut.end + 1;
  }
  return records;
}

/** A record with a quote too many, as it was most likely meant. */
function mended(record: SampleRecord, text: string, quoting: Quoting, eol: Eol, width: number): SampleRecord {
  if (!record.fault || record.cells.length === width) return record;
  const line = text.slice(record.start).split(eol, 1)[0] ?? "";
  return { ...record, cells: cutAnyway(line, { ...makeShape({ ...RFC_4180, ...quoting }, eol, 0, null), width }) };
}

/** In hundredths, so that what is said is what is judged. */
function confidence(best: Reading, rival: Reading | undefined): number {
  const close =
    rival === undefined || best.score === 0
      ? 0
      : (rival.score / best.score) * (rival.faults > best.faults ? UNLIKELY : 1);
  return Math.round((1 - close ** 4) * 100) / 100;
}

function sameCells(one: Reading, other: Reading): boolean {
  return (
    one.records.length === other.records.length &&
    one.records.every(({ cells }, at) => {
      const others = other.records[at]?.cells;
      return others?.length === cells.length && cells.every((cell, column) => cell === others[column]);
    })
  );
}

/** The first line end outside quotes. A quote behind a letter, a digit or a space opens none: it may stand in a line above the table. */
function eolOf(head: string, { quote = '"', escape: escaping = quote }: Told): Eol {
  for (let at = 0, inside = false; at < head.length; at++) {
    const char = head[at];
    if (inside && char === escaping && escaping !== quote) at++;
    else if (char === quote) inside = !inside && !/[\p{L}\p{N} ]/u.test(head[at - 1] ?? "");
    else if (!inside && char === "\n") return "\n";
    else if (!inside && char === "\r") return /\r*(\n?)/y.exec(head.slice(at))?.[1] === "\n" ? "\r\n" : "\r";
  }
  return head.includes("\n") || !head.includes("\r") ? "\n" : "\r";
}

function wholeLines(text: string, eol: Eol): string {
  const end = text.lastIndexOf(eol === "\r" ? "\r" : "\n");
  return end === -1 ? text : text.slice(0, end + 1);
}

function behindLines(text: string, lines: number, eol: Eol): string {
  let start = 0;
  for (let left = lines; left > 0; left--) {
    const end = text.indexOf(eol === "\r" ? "\r" : "\n", start);
    if (end === -1) return "";
    start = end + 1;
  }
  return text.slice(start);
}
