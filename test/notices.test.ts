import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Event, eventOf, NOTHING_TOLD, toldAfter } from "../src/notices.ts";
import type { LiveState } from "../src/queue/status.ts";

/** States as they are seen at their times; what is told of them, and when. */
function tellAll(seen: readonly (readonly [at: number, state: LiveState])[]): [at: number, event: Event][] {
  const all: [number, Event][] = [];
  let told = NOTHING_TOLD;
  for (const [at, state] of seen) {
    const event = eventOf(told, state, at);
    if (event === null) continue;
    told = toldAfter(told, event, at);
    all.push([at, event]);
  }
  return all;
}

describe("what is told of a run that goes on", () => {
  test("is that it waits, and that it goes on, once each however often one looks", () => {
    const seen = [0, 1, 2, 3, 4, 5].map((i) => [i * 250, i === 0 || i > 3 ? "running" : "waiting"] as const);
    expect(tellAll(seen)).toEqual([
      [250, "waiting"],
      [1_000, "recovered"],
    ]);
  });

  test("is nothing of a pause, and of a pause within an outage only that it goes on in the end", () => {
    const states = ["paused", "running", "waiting", "paused", "running"] as const;
    expect(tellAll(states.map((state, i) => [i, state]))).toEqual([
      [2, "waiting"],
      [4, "recovered"],
    ]);
  });

  test("is nothing of what is told when the run has ended", () => {
    expect(tellAll([[0, "stopped"] as const, [1, "cancelled"] as const])).toEqual([]);
  });

  test("is each at most once a minute, whatever the endpoint does, and in the end how it stands", () => {
    const states = fc.array(fc.constantFrom<LiveState[]>("running", "waiting", "paused"), { maxLength: 2_000 });
    fc.assert(
      fc.property(
        states,
        fc.integer({ min: 1, max: 5_000 }),
        fc.constantFrom("running", "waiting"),
        (flaps, step, last) => {
          const end = Array.from({ length: Math.ceil(60_000 / step) + 1 }, () => last);
          const all = tellAll([...flaps, ...end].map((state, i) => [i * step, state]));
          for (const event of ["waiting", "recovered"]) {
            const times = all.filter(([, told]) => told === event).map(([at]) => at);
            for (const [i, at] of times.entries())
              expect(at - (times[i - 1] ?? -Infinity)).toBeGreaterThanOrEqual(60_000);
          }
          expect(all.at(-1)?.[1] ?? "recovered").toBe(last === "waiting" ? "waiting" : "recovered");
          // One is never told twice in a row.
          for (const [i, [, event]] of all.entries()) expect(event).not.toBe(all[i + 1]?.[1]);
        },
      ),
    );
  });
});
