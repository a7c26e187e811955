// JSON text in; where a value ends, or the first reason why it is none, and what JSON.parse keeps to itself, out.

/** Containers within each other; more are no row of a customer, but an attack or an accident. */
export const MAX_DEPTH = 64;

export interface JsonFault {
  readonly code: "not-json" | "duplicate-key" | "too-deep";
  /** UTF-16 units from the start of the text. */
  readonly at: number;
  /** What was expected and what was there, without a word of the text. */
  readonly detail: string;
}

/** A number that is not a whole number of up to 2^53 in digits alone. */
export interface OddNumber {
  /** The key of the outermost object in which it is. */
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

export interface Scanned {
  /** Behind the value; where the scan ended, if it has a fault of syntax or depth. */
  readonly end: number;
  readonly fault: JsonFault | null;
  readonly numbers: readonly OddNumber[];
}

interface Frame {
  readonly object: boolean;
  readonly keys: string[];
  /** The same keys where there are many: a million keys must not be compared with each other. */
  many: Set<string> | null;
}

const FEW = 16;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN = /^(?:0|-?[1-9]\d{0,15})$/;
const LITERALS = ["true", "false", "null"];

/**
 * RFC 8259 to the letter, as JSON.parse, from `start` to the end of one value. A key that comes twice in an object is told, and
 * the scan goes on. It keeps its own stack, so that no depth can exhaust the program's.
 */
export function scanJson(text: string, start = 0): Scanned {
  const stack: Frame[] = [];
  const numbers: OddNumber[] = [];
  let top: Frame | undefined;
  let duplicate: JsonFault | null = null;
  let outermost = "";
  let at = start;
  let fault: JsonFault | null = null;

  function expected(what: string, where = at): false {
    fault = { code: "not-json", at: where, detail: `expected ${what}, got ${gotAt(text, where)}` };
    return false;
  }

  function string(): boolean {
    const opened = at;
    for (at++; ; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        at++;
        if (text[at] === "u") {
          const digits = /^[0-9a-fA-F]*/.exec(text.slice(at + 1, at + 5))?.[0].length ?? 0;
          at += digits;
          if (digits < 4) return expected("four hexadecimal digits behind \\u", at + 1);
        } else if (!'"\\/bfnrt'.includes(text[at] ?? "x")) return expected("a known escape behind a backslash");
      } else if (code < 32) return expected("a control character to be written as an escape");
      else if (at >= text.length) {
        fault = { code: "not-json", at: opened, detail: "a quote opens a text and is not closed" };
        return false;
      }
    }
    at++;
    return true;
  }

  /** In an object, from where a key should be to behind its colon. */
  function key(frame: Frame): boolean {
    at = behindSpace(text, at);
    if (text.charCodeAt(at) !== QUOTE) return expected("a key in quotes");
    const from = at;
    if (!string()) return false;
    const written = text.slice(from + 1, at - 1);
    const name = written.includes("\\") ? String(JSON.parse(text.slice(from, at))) : written;
    if (isTaken(frame, name)) {
      const detail = "expected each key once in an object, got one that is there already";
      duplicate ??= { code: "duplicate-key", at: from, detail };
    }
    if (stack.length === 1) outermost = name;
    at = behindSpace(text, at);
    if (text[at] !== ":") return expected("a colon behind a key");
    at++;
    return true;
  }

  function number(): boolean {
    NUMBER.lastIndex = at;
    if (!NUMBER.test(text)) return expected("digits behind a minus sign", at + 1);
    const end = NUMBER.lastIndex;
    if (!isPlain(text.slice(at, end))) numbers.push({ key: outermost, start: at, end });
    at = end;
    return true;
  }

  /** A value that has no parts. */
  function scalar(): boolean {
    const first = text[at] ?? "";
    if (first === '"') return string();
    if (first === "-" || (first >= "0" && first <= "9")) return number();
    const literal = LITERALS.find((word) => text.startsWith(word, at));
    if (literal === undefined) return expected("a value");
    at += literal.length;
    return true;
  }

  for (;;) {
    at = behindSpace(text, at);
    const first = text[at];
    if (first === "{" || first === "[") {
      if (stack.length === MAX_DEPTH) {
        const detail = `expected at most ${MAX_DEPTH} levels of objects and arrays, got more`;
        return { end: at, fault: { code: "too-deep", at, detail }, numbers };
      }
      top = { object: first === "{", keys: [], many: null };
      stack.push(top);
      at = behindSpace(text, at + 1);
      if (text[at] !== closing(top)) {
        if (top.object && !key(top)) return { end: at, fault, numbers };
        continue;
      }
    } else if (!scalar()) return { end: at, fault, numbers };
    // Behind a value, or at the end of an empty container: back to where the next value begins.
    for (let next = false; !next; ) {
      if (top === undefined) return { end: at, fault: duplicate, numbers };
      at = behindSpace(text, at);
      if (text[at] === closing(top)) {
        at++;
        stack.pop();
        top = stack.at(-1);
      } else {
        next = text[at] === "," || expected(top.object ? "a comma or a closing brace" : "a comma or a closing bracket");
        at++;
        if (!next || (top.object && !key(top))) return { end: at, fault, numbers };
      }
    }
  }
}

function closing({ object }: Frame): string {
  return object ? "}" : "]";
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Behind white space as JSON has it: no other. */
export function behindSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at++;
  }
}

function isTaken(frame: Frame, name: string): boolean {
  if (frame.many === null && frame.keys.length < FEW) {
    if (frame.keys.includes(name)) return true;
    frame.keys.push(name);
    return false;
  }
  frame.many ??= new Set(frame.keys);
  if (frame.many.has(name)) return true;
  frame.many.add(name);
  return false;
}

function isPlain(written: string): boolean {
  return PLAIN.test(written) && (written.length < 16 || Number.isSafeInteger(Number(written)));
}

/** The kind of a character; which one only where it can be no part of a value. */
export function gotAt(text: string, at: number): string {
  const character = text[at];
  if (character === undefined) return "the end";
  if (/[[\]{}:,"'+.\\/*#=;]/.test(character)) return character;
  if (/\d/.test(character)) return "a digit";
  if (/\p{L}/u.test(character)) return "a letter";
  return character < " " ? "a control character" : "another character";
}
