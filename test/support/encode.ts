// A text and an encoding in; its bytes, and whether the encoding has them all, out.
import type { EncodingName } from "../../src/open/encoding.ts";
import { WINDOWS_1252 } from "../../src/open/transcode.ts";

export function encode(text: string, encoding: EncodingName): Buffer {
  switch (encoding) {
    case "utf-8":
      return Buffer.from(text);
    case "utf-16le":
      return Buffer.from(text, "utf16le");
    case "utf-16be":
      return Buffer.from(text, "utf16le").swap16();
    case "windows-1252":
      return Buffer.from([...text].map((character) => WINDOWS_1252.indexOf(character)));
    case "iso-8859-1":
      return Buffer.from(text, "latin1");
    default:
      return encoding satisfies never;
  }
}

/** Of the two that hold 256 characters at most. */
export function canEncode(text: string, encoding: EncodingName): boolean {
  if (encoding === "iso-8859-1") return /^[\0-\xFF]*$/.test(text);
  return encoding !== "windows-1252" || [...text].every((character) => WINDOWS_1252.includes(character));
}
