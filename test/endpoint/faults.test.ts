import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide, delayOf, hashText, isRefused, planFaults } from "../../src/endpoint/faults.ts";
import { makeSightings } from "../../src/endpoint/sightings.ts";
import { type FaultInput, parseFaults } from "../../src/endpoint/simulator-options.ts";
import { makeSecond } from "../../src/endpoint/traffic.ts";

const planOf = (input: FaultInput, seed = 1) => planFaults(seed, parseFaults(input));

/** What befalls a body sent `times` times, as the simulator counts its faults. */
function fates(plan: ReturnType<typeof planOf>, body: string, times: number) {
  let faulted = 0;
  return Array.from({ length: times }, (_, i) => {
    const decision = decide(plan, hashText(body), i + 1, faulted);
    if (decision.fault !== null) faulted++;
    return decision;
  });
}

describe("decide", () => {
  test("depends on nothing but seed, body and how often it was seen", () => {
    const plan = planOf({ share503: 0.3, resetAfterShare: 0.2, latency: "1-100", slowShare: 0.1 });
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const alone = fates(plan, one, 6);
        fates(plan, other, 3);
        expect(fates(plan, one, 6)).toEqual(alone);
      }),
    );
  });

  test("another seed gives other faults", () => {
    const all = (seed: number) =>
      Array.from({ length: 200 }, (_, i) => decide(planOf({ share503: 0.5 }, seed), hashText(`b${i}`), 1, 0).fault);
    expect(all(1)).not.toEqual(all(2));
  });

  test("every share is met, also for bodies that differ in one digit and for each time seen", () => {
    const plan = planOf({ share503: 0.1, resetBeforeShare: 0.05, lateShare: 0.02, maxFaultsPerRow: "none" });
    for (const nth of [1, 2, 7]) {
      const count: Record<string, number> = {};
      for (let i = 0; i < 50_000; i++) {
        const { fault } = decide(plan, hashText(`{"customerId":"c${i}"}`), nth, 0);
        if (fault !== null) count[fault] = (count[fault] ?? 0) + 1;
      }
      expect((count["http-503"] ?? 0) / 50_000).toBeCloseTo(0.1, 1.9);
      expect((count["reset-before"] ?? 0) / 50_000).toBeCloseTo(0.05, 1.9);
      expect((count.late ?? 0) / 50_000).toBeCloseTo(0.02, 1.9);
    }
  });

  test("a row gets no more faults than allowed", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 5 }), (body, most) => {
        const all = fates(planOf({ share503: 1, maxFaultsPerRow: most }), body, 10);
        expect(all.map((d) => d.fault)).toEqual(Array.from({ length: 10 }, (_, i) => (i < most ? "http-503" : null)));
      }),
    );
  });

  test("a late effect comes within its bounds", () => {
    const plan = planOf({ lateShare: 1, lateMs: "200-300", maxFaultsPerRow: "none" });
    fc.assert(
      fc.property(fc.string(), (body) => {
        const { effect, late } = decide(plan, hashText(body), 1, 0);
        expect(effect).toBe("late");
        expect(late).toBeGreaterThanOrEqual(200);
        expect(late).toBeLessThanOrEqual(300);
      }),
    );
  });
});

describe("delayOf", () => {
  const delays = (input: FaultInput, inFlight: number) => {
    const plan = planOf(input);
    return ["a", "b", "c"].map((body) => delayOf(plan, decide(plan, hashText(body), 1, 0), inFlight));
  };

  test("is twice as long beyond the knee, what makes a request slow included", () => {
    const input = { latency: "10-20", slowShare: 0.5, slowMs: 100 };
    const plain = delays(input, 1_000);
    expect(delays({ ...input, latencyKnee: 40 }, 40)).toEqual(plain);
    expect(delays({ ...input, latencyKnee: 40 }, 41)).toEqual(plain.map((ms) => 2 * ms));
  });
});

test("a share of customers is refused for good, the same ones every time", () => {
  const plan = planOf({ refuseShare: 0.1 });
  const refused = Array.from({ length: 10_000 }, (_, i) => isRefused(plan, `csta_${i}`));
  expect(refused.filter(Boolean).length / 10_000).toBeCloseTo(0.1, 1);
  expect(Array.from({ length: 10_000 }, (_, i) => isRefused(plan, `csta_${i}`))).toEqual(refused);
});

test("sightings are counted per body, however many bodies there are", () => {
  const sightings = makeSightings();
  const hashes = Array.from({ length: 60_000 }, (_, i) => hashText(`body ${i}`));
  for (const hash of hashes) expect(sightings.see(hash)).toBe(1);
  for (const hash of hashes.slice(0, 100)) sightings.addFault(hash);
  for (const hash of hashes) expect(sightings.see(hash)).toBe(2);
  expect(hashes.map((hash) => sightings.faults(hash)).reduce((a, b) => a + b)).toBe(100);
});

test("a sliding second counts what a slow recount counts", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 3000 }), (gaps) => {
      const second = makeSecond();
      const times: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap / 10;
        times.push(now);
        const counted = second.add(now);
        if (times.length % 97 === 0) expect(counted).toBe(times.filter((t) => t > now - 1000).length);
      }
      expect(second.count(now)).toBe(times.filter((t) => t > now - 1000).length);
    }),
  );
});
