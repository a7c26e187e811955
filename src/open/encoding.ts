// What the bytes of a file tell of its encoding in; the encoding it is read with, and one sentence on that, out.
import type { Evidence } from "./evidence.ts";

/** As people write them, and as they are said. */
export const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1"] as const;
export type EncodingName = (typeof ENCODINGS)[number];

export interface Encoding {
  readonly name: EncodingName;
  /** From 0 to 1. */
  readonly confidence: number;
  /** A person said it, or a job: it is not doubted, but where the bytes say otherwise `confidence` is low. */
  readonly told: boolean;
}

/** Other names of the same, without anything but letters and digits. */
const ALIASES: Readonly<Record<string, EncodingName>> = {
  cp1252: "windows-1252",
  latin1: "iso-8859-1",
};

export function parseEncoding(text: string): EncodingName | undefined {
  const plain = plainName(text);
  return ENCODINGS.find((name) => plainName(name) === plain) ?? ALIASES[plain];
}

function plainName(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Less than this is no reason to read bytes as letters: they stay bytes that are not UTF-8, and their rows are rejected. */
const ENOUGH = 0.6;
/** In Windows-1252 two or more letters beyond ASCII rarely stand together so that they are UTF-8 by accident. */
const WEIGHT = 10;

/** Of what was told, where the bytes are whole UTF-8 and have characters beyond ASCII. */
const HARDLY = 0.01;

/** Whether all of it is UTF-8, and more than ASCII. */
function isWholeUtf8({ mark, wide, multibyte, stray }: Evidence): boolean {
  return (mark === null || mark === "utf-8") && wide === null && stray === 0 && multibyte > 0;
}

export function toldEncoding(name: EncodingName, evidence: Evidence): Encoding {
  return { name, confidence: name !== "utf-8" && isWholeUtf8(evidence) ? HARDLY : 1, told: true };
}

/**
 * Everything that is UTF-8 is read as that. Else the bytes that are not UTF-8 are weighed against those that are: a file of UTF-8
 * with some broken rows stays one. ISO-8859-1 is never recognised: where it has letters, Windows-1252 has the same.
 */
export function recogniseEncoding({ mark, wide, multibyte, stray, likely, unlikely }: Evidence): Encoding {
  const told = false;
  if (wide !== null) return { ...wide, told };
  if (mark !== null && mark !== "utf-8") return { name: mark, confidence: 1, told };
  if (stray === 0) return { name: "utf-8", confidence: 1, told };
  const whole = multibyte * WEIGHT;
  // The rule of succession: of few bytes little is known.
  const lettersAre = (likely + 1) / (likely + unlikely + 2);
  const windows = lettersAre * (stray / (stray + whole));
  const utf8 = (whole + 1) / (whole + stray + 2);
  const isWindows = mark === null && windows >= ENOUGH && windows > utf8;
  return isWindows ? { name: "windows-1252", confidence: windows, told } : { name: "utf-8", confidence: utf8, told };
}

/** What is worth saying of it; null for plain UTF-8. */
export function sayEncoding({ name, confidence, told }: Encoding): string | null {
  if (told && confidence < 1)
    return `read as ${name}, as told, although all of it is valid UTF-8: if letters look wrong, leave the encoding out`;
  if (told) return name === "utf-8" ? null : `read as ${name}, as told`;
  if (name !== "utf-8") return `read as ${name}, ${percent(confidence)} %`;
  if (confidence === 1) return null;
  const rest =
    "rows with bytes that are not UTF-8 are rejected; if the file has another encoding, name it with --encoding";
  return `read as utf-8, ${percent(confidence)} %: ${rest}`;
}

function percent(share: number): number {
  return Math.floor(share * 100);
}
