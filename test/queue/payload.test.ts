// What travels through the queue: any rows come back as they were, and nothing of them can be read on the way.
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packBatch, type QueuedRow, unpackBatch } from "../../src/queue/payload.ts";
import { makeSealer } from "../../src/queue/seal.ts";
import { KEY } from "./support.ts";

const EPOCH = "0123456789abcdef-1";
const sealer = makeSealer(KEY, EPOCH);

const rows = fc.array(
  fc.record({
    row: fc.integer({ min: 1, max: 2 ** 40 }),
    tries: fc.nat(100),
    requests: fc.nat(1_000),
    ambiguous: fc.boolean(),
    body: fc.string({ minLength: 1, maxLength: 200, unit: "binary" }),
  }),
  { maxLength: 50 },
);

function bytesOf(given: readonly (Omit<QueuedRow, "body"> & { body: string | Buffer })[]): QueuedRow[] {
  return given.map((row) => ({ ...row, body: Buffer.from(row.body) }));
}

/** A blob whose plain text is ours to choose. */
function seal(plain: string) {
  const blob = sealer.seal(`batch:${EPOCH}:b1`, zstdCompressSync(plain)).toString("base64");
  return { v: 1, run: EPOCH, blob };
}

describe("a packed batch", () => {
  test("comes back with every row as it was, whatever its body holds, and can be packed again from bytes", () => {
    fc.assert(
      fc.property(rows, fc.nat(5), (given, stalls) => {
        const first = unpackBatch(sealer, EPOCH, "b1", packBatch(sealer, EPOCH, "b1", stalls, given));
        expect(first).toEqual({ stalls, rows: bytesOf(given) });
        const second = unpackBatch(sealer, EPOCH, "b2", packBatch(sealer, EPOCH, "b2", stalls, first.rows));
        expect(second).toEqual(first);
      }),
    );
  });

  test("shows nothing of a body or a customer in its job data", () => {
    const body = '{"customerId":"csta_6clNH3W2pBehujY8mpTCU8","lastName":"Testman"}';
    const packed = packBatch(sealer, EPOCH, "b1", 0, [{ row: 1, tries: 0, requests: 0, ambiguous: false, body }]);
    const stored = JSON.stringify(packed);
    for (const text of [stored, Buffer.from(packed.blob, "base64").toString("latin1")]) {
      for (const word of body.match(/\w{4,}/g) ?? []) expect(text).not.toContain(word);
    }
    expect(Object.keys(packed)).toEqual(["v", "run", "blob"]);
  });

  test("cannot be passed off as another batch, as one of another epoch, or as one of another key", () => {
    const packed = packBatch(sealer, EPOCH, "b1", 0, []);
    const refused = expect.objectContaining({ code: "sealed-with-another-key" });
    expect(() => unpackBatch(sealer, EPOCH, "b2", packed)).toThrow(refused);
    expect(() => unpackBatch(sealer, "0123456789abcdef-2", "b1", packed)).toThrow(refused);
    expect(() => unpackBatch(makeSealer(Buffer.alloc(32, 1), EPOCH), EPOCH, "b1", packed)).toThrow(refused);
  });

  test("is a header of figures, a line end and the bodies one after the other", () => {
    const rows = [{ row: 7, tries: 1, requests: 2, ambiguous: true, body: Buffer.from("x") }];
    expect(unpackBatch(sealer, EPOCH, "b1", seal('{"stalls":3,"rows":[7,1,2,1,1]}\nx'))).toEqual({ stalls: 3, rows });
  });

  test.each([
    ["another version", { ...seal('{"stalls":0,"rows":[]}\n'), v: 2 }],
    ["no version", { run: EPOCH, blob: seal('{"stalls":0,"rows":[]}\n').blob }],
    ["no blob", { v: 1, run: EPOCH }],
    ["nothing", null],
    ["a header that is no JSON", seal("rows\n")],
    ["no line end after the header", seal('{"stalls":0,"rows":[]}')],
    ["rows of another shape", seal('{"stalls":0,"rows":[1,0,0,0]}\n')],
    ["row 0", seal('{"stalls":0,"rows":[0,0,0,0,1]}\nx')],
    ["a negative number of tries", seal('{"stalls":0,"rows":[1,-1,0,0,1]}\nx')],
    ["a flag that is neither 0 nor 1", seal('{"stalls":0,"rows":[1,0,0,2,1]}\nx')],
    ["no number of stalls", seal('{"rows":[]}\n')],
    ["bodies shorter than the header says", seal('{"stalls":0,"rows":[1,0,0,0,9]}\nx')],
    ["bodies longer than the header says", seal('{"stalls":0,"rows":[1,0,0,0,1]}\nxyz')],
  ])("is refused with %s", (_, data) => {
    expect(() => unpackBatch(sealer, EPOCH, "b1", data)).toThrow();
  });
});
