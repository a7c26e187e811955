// The bytes of a file in, chunk by chunk; what they tell of its encoding out, without a byte being kept.
import { isAscii, isUtf8 } from "node:buffer";
import type { EncodingName } from "./encoding.ts";
import { WINDOWS_1252 } from "./transcode.ts";
import { characterAt, cutOff } from "./utf8.ts";

export interface Evidence {
  /** What its byte order mark says; null where it has none. */
  readonly mark: EncodingName | null;
  /** UTF-16 by the place of its NUL bytes. */
  readonly wide: { readonly name: EncodingName; readonly confidence: number } | null;
  /** Bytes by which characters beyond ASCII are longer as UTF-8 than as UTF-16, where they are valid. */
  readonly multibyte: number;
  /** Bytes that are not UTF-8. */
  readonly stray: number;
  /** Stretches of bytes beyond ASCII that are letters and signs where a text has them, read as Windows-1252; and those that are not. */
  readonly likely: number;
  readonly unlikely: number;
}

export interface EvidenceTaker {
  /** The first chunk has to be as long as CHUNK, or the whole file. */
  push(chunk: Buffer): void;
  end(): Evidence;
}

const MARKS: readonly { bytes: readonly number[]; name: EncodingName }[] = [
  { bytes: [0xef, 0xbb, 0xbf], name: "utf-8" },
  { bytes: [0xff, 0xfe], name: "utf-16le" },
  { bytes: [0xfe, 0xff], name: "utf-16be" },
];

export function markOfEncoding(head: Buffer): EncodingName | null {
  return MARKS.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte))?.name ?? null;
}

/** In UTF-16 each ASCII character has a NUL byte on its one side, and almost nothing has one on the other. */
export function wideByNuls(head: Buffer): Evidence["wide"] {
  const nuls = [0, 0];
  for (let at = head.indexOf(0); at !== -1; at = head.indexOf(0, at + 1)) nuls[at % 2] = (nuls[at % 2] ?? 0) + 1;
  const [first = 0, second = 0] = nuls;
  const most = Math.max(first, second);
  const share = most / (head.length / 2);
  if (share < 0.4 && (share < 0.1 || most < 100)) return null;
  if (Math.min(first, second) * 10 > most) return null;
  return { name: first > second ? "utf-16be" : "utf-16le", confidence: (most + 1) / (first + second + 2) };
}

/** So many stretches tell enough; those behind them are counted only. */
const JUDGED = 10_000;

/** Of a file of ASCII it costs next to nothing: only chunks that hold other bytes are looked into. */
export function takeEvidence(): EvidenceTaker {
  let mark: EncodingName | null = null;
  let wide: Evidence["wide"] = null;
  let begun = false;
  let multibyte = 0;
  let stray = 0;
  let likely = 0;
  let unlikely = 0;
  /** The beginning of a character that goes on in the next chunk. */
  let tail: Buffer = Buffer.alloc(0);
  let last = 0;

  function push(chunk: Buffer): void {
    if (!begun) {
      mark = markOfEncoding(chunk);
      wide = mark === null ? wideByNuls(chunk) : null;
      begun = true;
    }
    if (wide !== null || mark === "utf-16le" || mark === "utf-16be") return;
    if (tail.length === 0 && isAscii(chunk)) {
      last = chunk.at(-1) ?? last;
      return;
    }
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const whole = bytes.length - cutOff(bytes);
    look(bytes.subarray(0, whole));
    tail = Buffer.from(bytes.subarray(whole));
    if (whole > 0) last = bytes[whole - 1] ?? 0;
  }

  function look(bytes: Buffer): void {
    if (isUtf8(bytes)) {
      multibyte += bytes.length - bytes.toString("utf8").length;
      return;
    }
    for (let at = 0; at < bytes.length; at++) {
      if ((bytes[at] ?? 0) < 0x80) continue;
      let end = at + 1;
      while ((bytes[end] ?? 0) >= 0x80) end++;
      const strays = straysIn(bytes, at, end);
      if (strays > 0 && likely + unlikely < JUDGED) judge(at === 0 ? last : (bytes[at - 1] ?? 0), bytes, at, end);
      stray += strays;
      at = end;
    }
  }

  /** Also counts what is valid. */
  function straysIn(bytes: Buffer, start: number, end: number): number {
    let strays = 0;
    for (let at = start; at < end; ) {
      const length = characterAt(bytes, at);
      if (length > 0) {
        multibyte += length - (length === 4 ? 2 : 1);
        at += length;
      } else {
        strays++;
        at++;
      }
    }
    return strays;
  }

  function judge(before: number, bytes: Buffer, start: number, end: number): void {
    let text = String.fromCharCode(before);
    for (let at = start; at < end; at++) text += WINDOWS_1252[bytes[at] ?? 0] ?? "\uFFFD";
    const verdict = looksLikeText(text + String.fromCharCode(bytes[end] ?? 0));
    if (verdict === true) likely++;
    if (verdict === false) unlikely++;
  }

  return {
    push,
    end() {
      look(tail);
      tail = Buffer.alloc(0);
      return { mark, wide, multibyte, stray, likely, unlikely };
    },
  };
}

/**
 * Of a stretch of characters beyond ASCII, with the character before and behind it: whether a text in a western language has it;
 * null where that is open. Cyrillic, Greek, Chinese, Polish, Mac and DOS encodings taken for Windows-1252 give long stretches, capital
 * letters behind small ones or among them, signs within words, and on their wrong side signs that stand on the other: `Jos‚`, `£ukasz`.
 */
function looksLikeText(text: string): boolean | null {
  if (text.includes("\uFFFD")) return false;
  if (/^.[äöüßÄÖÜ]+.$/s.test(text)) return true;
  if (/[À-ÖØ-öø-ÿŠŒŽšœžŸƒ]{5}|[a-zß-öø-ÿšœž][À-ÖØ-ÞŠŒŽŸ]|[A-Z][ŠŒŽŸ][a-z]/.test(text)) return false;
  if (/\p{L}[‚„ˆ‹¼¾]|[¥£¦©¯³¹¼¾]\p{L}|\p{L}[–—]\p{Ll}/u.test(text)) return false;
  // Half of a pair, as some databases write it in UTF-8 of their own (CESU-8).
  if (/í[\u00A0-\u00BF][^\p{ASCII}]/u.test(text)) return false;
  if (/\p{L}[^\p{L}’‘´–—·°\u00A0\u00AD]+\p{L}/u.test(text)) return false;
  return /^\P{L}\p{L}{2,}\P{L}$/u.test(text) ? null : true;
}
