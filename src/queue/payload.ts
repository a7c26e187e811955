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

const header = z.object({
  /** How often BullMQ had found this job stalled when the payload was written: more now means a worker died with it. */
  stalls: z.number().int().min(0),
  rows: z.array(
    z.tuple([
      z.number().int().positive(),
      z.number().int().min(0),
      z.number().int().min(0),
      z.union([z.literal(0), z.literal(1)]),
      z.number().int().positive(),
    ]),
  ),
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
  const lengths = rows.map((r) => Buffer.byteLength(r.body));
  const head = rows.map((r, i) => [r.row, r.tries, r.requests, r.ambiguous ? 1 : 0, lengths[i]]);
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
  const rows = head.rows.map(([row, tries, requests, ambiguous, length]) => {
    const body = plain.subarray(at, at + length);
    at += length;
    return { row, tries, requests, ambiguous: ambiguous === 1, body };
  });
  if (at !== plain.length) throw new Error(`batch ${id} is not as long as its header says`);
  return { stalls: head.stalls, rows };
}
