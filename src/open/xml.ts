// The bytes of an XML part of a workbook in; its elements and texts, told to whoever listens, out.
import { Parser } from "saxen";
import { UpdraftError } from "../errors.ts";

export interface XmlListener {
  /** Names are without their prefix; attributes as they are written: `decoded` makes texts of their values. */
  open(name: string, attributes: () => Readonly<Record<string, string>>): void;
  close(name: string): void;
  text?(text: string): void;
}

/** No element, and no text between two, may be longer: what is not whole yet is kept in memory. Excel's longest cell has 32,767 characters. */
const LONGEST = 4 * 1024 ** 2;
/** A cell of rich text is at eight; what encloses is kept in memory, too. */
const DEEPEST = 100;
/** In characters, with what is kept of it for each element within. */
const LONGEST_NAME = 256;

/** Yields after each chunk of the part, so that what was made of it can be taken. */
export async function* hearXml(
  chunks: AsyncIterable<Buffer>,
  listener: XmlListener,
  damaged: (reason: string, cause?: unknown) => UpdraftError,
): AsyncGenerator<void, void, undefined> {
  const parser = new Parser();
  let silent = 0;
  let depth = 0;
  parser.on("openTag", (name, attributes) => {
    silent = 0;
    if (++depth > DEEPEST) throw damaged("its elements are nested too deeply");
    if (name.length > LONGEST_NAME) throw damaged("it has a name that is too long");
    listener.open(local(name), attributes);
  });
  parser.on("closeTag", (name) => {
    silent = 0;
    depth--;
    listener.close(local(name));
  });
  parser.on("text", (text) => listener.text?.(decoded(text)));
  parser.on("cdata", (text) => listener.text?.(text));
  // A definition of entities has no place in a workbook, and is how a few bytes become many.
  parser.on("attention", () => {
    throw damaged("it has a document type");
  });
  parser.on("warn", (cause) => {
    throw damaged("it is not well-formed XML", cause);
  });
  let decoder: TextDecoder | null = null;
  try {
    for await (const chunk of chunks) {
      decoder ??= new TextDecoder(chunk[0] === 0xff && chunk[1] === 0xfe ? "utf-16le" : "utf-8", { fatal: true });
      silent += chunk.length;
      parser.write(decoder.decode(chunk, { stream: true }));
      if (silent > LONGEST) throw damaged("it has an element that is too long");
      yield;
    }
    parser.write(decoder?.decode() ?? "");
    parser.end();
    yield;
  } catch (cause) {
    if (cause instanceof UpdraftError) throw cause;
    throw damaged("it is not well-formed XML", cause);
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", apos: "'", gt: ">", lt: "<", quot: '"' };

/** saxen's own cuts characters beyond U+FFFF down to 16 bits: `&#128512;` would be another character. */
function decoded(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#x([\da-f]{1,6});|#(\d{1,7});|(\w+);)?/gi, (_, hex?: string, digits?: string, name = "") => {
    const character = hex || digits ? characterOf(hex ? Number.parseInt(hex, 16) : Number(digits)) : ENTITIES[name];
    if (character === undefined) throw new Error("a reference to no character");
    return character;
  });
}

function characterOf(code: number): string | undefined {
  return code > 0x10ffff ? undefined : String.fromCodePoint(code);
}

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

export interface XmlElement {
  /** The elements around it and its own name: `workbook/sheets/sheet`. */
  readonly path: string;
  /** By names without their prefix. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** More than any list of sheets or styles has. */
const MOST_BYTES = 64 * 1024 ** 2;
const MOST_ELEMENTS = 500_000;

/** Every element of a small part, in order. */
export async function elementsOf(
  chunks: AsyncIterable<Buffer>,
  damaged: (reason: string, cause?: unknown) => UpdraftError,
): Promise<readonly XmlElement[]> {
  const path: string[] = [];
  const found: XmlElement[] = [];
  let bytes = 0;
  async function* bounded(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw damaged("it is too large");
      yield chunk;
    }
  }
  const heard = hearXml(
    bounded(),
    {
      open(name, attributes) {
        path.push(name);
        const named = Object.entries(attributes()).map(([key, value]) => [local(key), decoded(value)] as const);
        found.push({ path: path.join("/"), attributes: new Map(named) });
        if (found.length > MOST_ELEMENTS) throw damaged("it is too large");
      },
      close: () => void path.pop(),
    },
    damaged,
  );
  for await (const _ of heard);
  return found;
}
