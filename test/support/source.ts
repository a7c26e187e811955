// Bytes in; a source of them that needs no file, cut into chunks of any size, out.
import type { Format, Source } from "../../src/open/source.ts";

export function sourceOf(content: string | Buffer, format: Format = "csv", chunk = 64 * 1024): Source {
  const bytes = Buffer.from(content);
  async function* read(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const container = { sheet: null, about: [] };
  const print = { bytes: bytes.length, sha256: "", lines: 0 };
  return { name: `rows.${format}`, format, ...container, ...print, read, close: async () => {} };
}
