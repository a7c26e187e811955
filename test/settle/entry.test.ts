// What a worker writes to the outcome stream: it comes back as it was, and anything else is refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packEntry, unpackEntry } from "../../src/settle/entry.ts";
import { type Outcome, STATUSES } from "../../src/settle/outcome.ts";
import { outcome } from "../queue/support.ts";

const word = fc.string({ maxLength: 20 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const part = fc
  .tuple(word, word, maybe(word))
  .map(([path, keyword, property]) => (property === null ? { path, keyword } : { path, keyword, property }));
const cause = fc
  .tuple(word, maybe(word), maybe(word), maybe(fc.array(part, { maxLength: 3 })))
  .map(([code, subCode, last, parts]) => ({
    code,
    ...(subCode === null ? {} : { subCode }),
    ...(last === null ? {} : { last }),
    ...(parts === null ? {} : { parts }),
  }));
const whole = fc.nat(2 ** 31);
const latency = fc.nat(10_000_000).map((n) => n / 100);
const outcomes: fc.Arbitrary<Outcome> = fc.record({
  row: whole,
  status: fc.constantFrom(...STATUSES),
  attempts: fc.nat(100),
  http: fc.nat(599),
  at: fc.nat(2 ** 42),
  ambiguous: fc.boolean(),
  latency,
  cause: maybe(cause),
});
const faults = fc.record({ row: whole, at: whole, fault: word, http: fc.nat(599), latency, wait: fc.nat(1e6) });

describe("an entry of the outcome stream", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(
        fc.record({
          outcomes: fc.array(outcomes),
          faults: fc.array(faults),
          blocked: fc.constantFrom("credentials", "forbidden", null),
        }),
        (entry) => {
          expect(unpackEntry(packEntry(entry))).toEqual(entry);
        },
      ),
    );
  });

  const good = JSON.parse(packEntry({ outcomes: [outcome(1)], faults: [], blocked: null }));
  test.each([
    ["no JSON", "o"],
    ["nothing in it", "{}"],
    ["a version that is not known", JSON.stringify({ ...good, v: 2 })],
    ["a status that is not known", JSON.stringify({ ...good, o: good.o.with(1, STATUSES.length) })],
    ["a row that is no number", JSON.stringify({ ...good, o: good.o.with(0, "1") })],
    ["a row that is no whole number", JSON.stringify({ ...good, o: good.o.with(0, 1.5) })],
    ["an outcome cut short", JSON.stringify({ ...good, o: good.o.slice(0, 6) })],
    ["a cause without a code", JSON.stringify({ ...good, c: [[0, { last: "http-503" }]] })],
    ["a fault cut short", JSON.stringify({ ...good, f: [[1, 2, "reset"]] })],
  ])("is refused with %s", (_, text) => {
    expect(() => unpackEntry(text)).toThrow();
  });
});
