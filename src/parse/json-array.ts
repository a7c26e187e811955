// The text of one JSON array in, cut anywhere; its elements out, one row each, with no more of it held than one element.
import { UpdraftError } from "../errors.ts";
import type { Source } from "../open/source.ts";
import { badLength } from "./bad.ts";
import { badJson, jsonRow, type Place, placeIn } from "./json-row.ts";
import { behindSpace, gotAt, scanJson } from "./json-scan.ts";
import { endOfBroken, makeSkipper, type Skipper } from "./json-skip.ts";
import { MAX_ROW } from "./lines.ts";
import type { Row } from "./row.ts";
import { isTooLong } from "./scan.ts";
import { textChunks } from "./text-chunks.ts";

/** A scan that ended so near to the end of the text may have ended because of it: `tru`, `\u00`, `-`. */
const NEAR = 6;
/** An indent is held: one of more characters tells nothing of where the next element begins. */
const WIDEST = 1_000;

type State =
  | "before" // the opening bracket is still to come
  | "first" // an element or the closing bracket
  | "element" // an element, behind a comma
  | "behind" // a comma or the closing bracket, behind an element
  | "over";

/** Throws `json-array-open` and `json-array-goes-on`: of neither can be said what is missing. */
export async function* arrayRows(source: Source): AsyncGenerator<Row[], void, undefined> {
  let state: State = "before";
  let text = "";
  let at = 0;
  let place: Place = { row: 1, line: 1, column: 1 };
  /** White space before the element, where it is the first on its line. */
  let indent: string | null = null;
  let skipper: Skipper | null = null;
  let enough = 0;
  let rows: Row[] = [];

  /** Behind a part of the array, which is in this line, then. */
  function pass(to: number, next: State): void {
    moveTo(to);
    state = next;
    indent = null;
  }

  function moveTo(to: number): void {
    place = { row: place.row, ...placeIn(text.slice(at, to), to - at, place) };
    at = to;
  }

  function give(row: Row, to: number): void {
    rows.push(row);
    pass(to, "behind");
    place = { ...place, row: place.row + 1 };
  }

  function skipSpace(): void {
    const end = behindSpace(text, at);
    const space = text.slice(at, end);
    const last = space.lastIndexOf("\n");
    if (last !== -1) indent = space.slice(last + 1);
    else if (indent !== null) indent += space;
    if (indent !== null && indent.length > WIDEST) indent = null;
    moveTo(end);
  }

  /** Takes what is there up to where more text is needed. */
  function take(final: boolean): void {
    for (;;) {
      if (skipper !== null) {
        const end = skipper.push(text, at);
        if (end === -1) {
          moveTo(text.length);
          return;
        }
        skipper = null;
        pass(end, "behind");
      }
      skipSpace();
      const next = text[at];
      if (next === undefined) return;
      if (state === "over")
        throw new UpdraftError("json-array-goes-on", { file: source.name, ...place, got: gotAt(text, at) });
      if (state === "before") {
        pass(at + 1, "first");
      } else if (state === "behind" && next === ",") {
        pass(at + 1, "element");
      } else if (next === "]") {
        if (state === "element") {
          const detail = "a comma before the end of the array: expected another object";
          rows.push(badJson("]", place, { code: "not-json", at: 0, detail }));
        }
        pass(at + 1, "over");
      } else if (!takeElement(final)) return;
    }
  }

  function isOver(): boolean {
    return state === "over";
  }

  /** False where more text is needed. */
  function takeElement(final: boolean): boolean {
    const { end, fault, numbers } = scanJson(text, at);
    const hard = fault !== null && fault.code !== "duplicate-key";
    if (!final && end >= text.length - NEAR) {
      if (text.length - at <= MAX_ROW) return false;
    } else if (!hard) {
      const element = text.slice(at, end);
      if (isTooLong(text, at, end)) give(badLength(place.row, place.line), end);
      else if (state === "behind") {
        const detail = "expected a comma between this object and the one before";
        give(badJson(element, place, { code: "not-json", at: 0, detail }), end);
      } else give(jsonRow(element, place, source.encoding.name, fault === null && numbers.length === 0), end);
      return true;
    }
    const held = final || text.length - at > MAX_ROW;
    const broken = hard ? endOfBroken(text, at, fault.at, indent, held) : -1;
    if (broken === -1 && !held) return false;
    if (broken !== -1 && hard && !isTooLong(text, at, broken)) {
      const raw = text.slice(at, broken);
      give(badJson(raw, place, { ...fault, at: fault.at - at }), broken);
    } else if (final && hard && broken === -1) {
      // Nothing behind it can be told apart any more; the array's own bracket is the last of it.
      const rest = text.slice(at).trimEnd();
      const isWhole = rest.endsWith("]") && fault.at < at + rest.length;
      give(badJson(rest, place, { ...fault, at: fault.at - at }), text.length);
      if (isWhole) state = "over";
    } else {
      rows.push(badLength(place.row, place.line));
      place = { ...place, row: place.row + 1 };
      skipper = makeSkipper();
    }
    return true;
  }

  for await (const chunk of textChunks(source.read())) {
    text = text.slice(at) + chunk;
    at = 0;
    if (text.length < enough) continue;
    rows = [];
    take(false);
    // An element that is not whole is scanned again when twice as much of it is there.
    enough = Math.min((text.length - at) * 2, MAX_ROW + 1);
    if (rows.length > 0) yield rows;
  }
  rows = [];
  take(true);
  if (!isOver()) throw new UpdraftError("json-array-open", { file: source.name, ...place });
  if (rows.length > 0) yield rows;
}
