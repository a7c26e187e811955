// Bytes in; a source of them that needs no file, cut into chunks of any size, out.
import type { EncodingName } from "../../src/open/encoding.ts";
import type { Format, Source } from "../../src/open/source.ts";
import { transcode } from "../../src/open/transcode.ts";

export function sourceOf(
  content: string | Buffer,
  format: Format = "csv",
  chunk = 64 * 1024,
  name: EncodingName = "utf-8",
): Source {
  const bytes = Buffer.from(content);
  async function* read(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const encoding = { name, confidence: 1, told: false };
  const about = { name: `rows.${format}`, format, encoding, bytes: bytes.length, sha256: "", lines: 0 };
  return { ...about, sheet: null, about: [], read: () => transcode(read(), name), close: async () => {} };
}
