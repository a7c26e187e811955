// A path (or `-`) in; its decoded bytes, as often as asked, with name, size, fingerprint and format out.

export type Format = "csv" | "ndjson";

export interface Source {
  /** As people know it: the base name, or `stdin`. */
  readonly name: string;
  readonly format: Format;
  /** Length and SHA-256 (hex) of the decoded content: after decompression, before any character decoding. */
  readonly bytes: number;
  readonly sha256: string;
  /** Line ends counted while fingerprinting: an estimate of rows for progress, never for accounts. */
  readonly lines: number;
  /** The decoded bytes in chunks of about 64 KiB. Throws `file-changed` when what it reads is not what was fingerprinted. */
  read(): AsyncIterable<Buffer>;
  /** Removes what openSource made (the sealed spool of standard input). May be called twice. */
  close(): Promise<void>;
}
