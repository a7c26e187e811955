// Rows of a batch in, one sealed blob out, and back: the versioned shape that travels through the queue.
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import * as z from "zod";
import type { Sealer } from "./seal.ts";

/** One row on its way, with what has been tried so far. */
export interface QueuedRow {
  readonly row: number;
  /** Tries that count against `--attempts`. */
  tries: number;
  /** All requests written for it, those that do not count included. */
  requests: number;
  /** Some exchange may have taken effect without our knowing; sticky. */
  ambiguous: boolean;
  /** The request body, ready to be written to a socket. */
  readonly body: Buffer;
}

/** What a batch's job data looks like in Redis: nothing but names and a sealed blob. */
export const sealedBatch = z.object({ v: z.literal(1), run: z.string(), blob: z.string() });
export type SealedBatch = z.infer<typeof sealedBatch>;

/** Figures of one row: row, tries, requests, ambiguous, bytes of its body. */
const WIDTH = 5;

// In one flat list, checked by one loop: a schema for each of them took longer than deciphering the batch.
function isFigures(value: unknown): value is number[] {
  return Array.isArray(value) && value.length % WIDTH === 0 && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

const header = z.object({
  /** How often BullMQ had found this job stalled when the payload was written: more now means a worker died with it. */
  stalls: z.number().int().min(0),
  rows: z.custom<number[]>(isFigures),
});

/** Rows of one file are alike: a fifth of the bytes to encode, copy, keep and log on their way through Redis. */
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export interface Batch {
  readonly stalls: number;
  readonly rows: QueuedRow[];
}

/** The plain text is a JSON header of figures, a line end, and the bodies as they will be sent: no JSON within JSON. */
export function packBatch(
  sealer: Sealer,
  epoch: string,
  id: string,
  stalls: number,
  rows: readonly (Omit<QueuedRow, "body"> & { readonly body: string | Buffer })[],
): SealedBatch {
  const bodies = Buffer.from(rows.map((r) => (typeof r.body === "string" ? r.body : r.body.toString("utf8"))).join(""));
  const head: number[] = [];
  for (const r of rows) head.push(r.row, r.tries, r.requests, r.ambiguous ? 1 : 0, Buffer.byteLength(r.body));
  const plain = Buffer.concat([Buffer.from(`${JSON.stringify({ stalls, rows: head })}\n`), bodies]);
  const blob = sealer.seal(`batch:${epoch}:${id}`, zstdCompressSync(plain, FAST)).toString("base64");
  return { v: 1, run: epoch, blob };
}

/** Throws a ZodError or `sealed-with-another-key` for data that is not a batch of this epoch and id. */
export function unpackBatch(sealer: Sealer, epoch: string, id: string, data: unknown): Batch {
  const sealed = sealedBatch.parse(data);
  const plain = zstdDecompressSync(sealer.unseal(`batch:${epoch}:${id}`, Buffer.from(sealed.blob, "base64")));
  const end = plain.indexOf(10);
  const head = header.parse(JSON.parse(plain.toString("utf8", 0, end)));
  let at = end + 1;
  const rows: QueuedRow[] = [];
  for (let i = 0; i < head.rows.length; i += WIDTH) {
    const [row = 0, tries = 0, requests = 0, ambiguous = 0, length = 0] = head.rows.slice(i, i + WIDTH);
    if (row === 0 || ambiguous > 1) throw new Error(`batch ${id} has a row that is none`);
    rows.push({ row, tries, requests, ambiguous: ambiguous === 1, body: plain.subarray(at, at + length) });
    at += length;
  }
  if (at !== plain.length) throw new Error(`batch ${id} is not as long as its header says`);
  return { stalls: head.stalls, rows };
}
