import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lookAgain, type Rested, type Sight } from "../../src/daemon/ripe.ts";

function sight(name: string, about: Partial<Sight> = {}): Sight {
  return { path: `/inbox/${name}`, name, print: "1", size: 10, mtime: 0, marked: null, ...about };
}

/** Looks one after the other; the names that were ripe at each. */
function looks(settle: number, all: readonly (readonly [at: number, found: readonly Sight[]])[]): string[][] {
  let seen: ReadonlyMap<string, Rested> = new Map();
  return all.map(([at, found]) => {
    const looked = lookAgain(seen, found, at, settle);
    seen = looked.seen;
    return looked.ripe.map(({ name }) => name);
  });
}

describe("lookAgain", () => {
  it("finds a file complete when it has stayed the same for the time to settle, as this process saw it", () => {
    const file = [sight("a.csv")];
    expect(
      looks(100, [
        [0, file],
        [99, file],
        [100, file],
      ]),
    ).toEqual([[], [], ["a.csv"]]);
  });

  it("begins anew with each change, and with a file that was away", () => {
    const [one, two] = [[sight("a.csv")], [sight("a.csv", { print: "2" })]];
    expect(
      looks(100, [
        [0, one],
        [90, two],
        [150, two],
        [190, two],
      ]),
    ).toEqual([[], [], [], ["a.csv"]]);
    expect(
      looks(100, [
        [0, one],
        [50, []],
        [120, one],
        [220, one],
      ]),
    ).toEqual([[], [], [], ["a.csv"]]);
  });

  it("gives an empty file more time: what writes it may only just have opened it", () => {
    const file = [sight("a.csv", { size: 0 })];
    expect(
      looks(100, [
        [0, file],
        [2_999, file],
        [3_000, file],
      ]),
    ).toEqual([[], [], ["a.csv"]]);
  });

  it("goes by the marker alone where there are markers", () => {
    const file = (marked: boolean) => [sight("a.csv", { marked })];
    expect(
      looks(100, [
        [0, file(false)],
        [500, file(false)],
        [501, file(true)],
      ]),
    ).toEqual([[], [], ["a.csv"]]);
  });

  it("has the oldest first, then goes by name", () => {
    const files = [sight("c", { mtime: 1 }), sight("b", { mtime: 2 }), sight("a", { mtime: 2 })];
    expect(looks(0, [[0, files]])).toEqual([["c", "a", "b"]]);
  });

  it("says when to look again, and never finds a file ripe that changed within the time to settle", () => {
    const step = fc.record({ wait: fc.nat(150), print: fc.constantFrom("1", "2") });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let [seen, now, changed, last]: [ReadonlyMap<string, Rested>, number, number, string | null] = [
          new Map(),
          0,
          0,
          null,
        ];
        for (const { wait, print } of steps) {
          now += wait;
          if (print !== last) changed = now;
          last = print;
          const looked = lookAgain(seen, [sight("a", { print })], now, 100);
          seen = looked.seen;
          expect(looked.ripe.length).toBe(now - changed >= 100 ? 1 : 0);
          expect(looked.next).toBe(now - changed >= 100 ? null : changed + 100);
        }
      }),
    );
  });
});
