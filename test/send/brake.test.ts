import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Brake, limitAt, makeMeter, pressBrake } from "../../src/send/brake.ts";
import { makeHaste } from "../../src/send/haste.ts";
import { makeFakeClock } from "../queue/support.ts";

describe("the brake", () => {
  test("halves the speed at which the endpoint refused, and gives it back step by step within ten seconds", () => {
    const brake = pressBrake(null, 100, 0);
    expect(limitAt(brake, 0)).toBe(50);
    expect(limitAt(brake, 1_000)).toBe(55);
    expect(limitAt(brake, 10_000)).toBe(100);
  });

  test("is off when nothing was refused at twice that speed", () => {
    const brake = pressBrake(null, 100, 0);
    expect(limitAt(brake, 29_900)).toBeCloseTo(199.5);
    expect(limitAt(brake, 30_000)).toBeNull();
  });

  test("pressed again halves what it had come to, and grows by less", () => {
    const twice = pressBrake(pressBrake(null, 100, 0), 60, 2_000);
    expect(limitAt(twice, 2_000)).toBe(30);
    expect(limitAt(twice, 3_000)).toBe(33);
  });

  test("never lets more through after a refusal than before, never stands still, and only grows in between", () => {
    const refusals = fc.array(
      fc.record({
        after: fc.integer({ min: 1, max: 40_000 }),
        measured: fc.float({ min: 0, max: 5_000, noNaN: true }),
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(refusals, (all) => {
        let brake: Brake = null;
        let now = 0;
        for (const { after, measured } of all) {
          const [start, middle] = [limitAt(brake, now), limitAt(brake, now + after / 2)];
          now += after;
          const before = limitAt(brake, now);
          if (start !== null && middle !== null) expect(middle).toBeGreaterThanOrEqual(start);
          brake = pressBrake(brake, measured, now);
          const limit = limitAt(brake, now) ?? 0;
          expect(limit).toBeGreaterThanOrEqual(0.5);
          expect(limit).toBeLessThanOrEqual(Math.max(0.5, (before ?? measured) / 2));
        }
      }),
    );
  });
});

test("the meter counts the requests of the last second, to a tenth of it", () => {
  const starts = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 200 });
  fc.assert(
    fc.property(starts, (gaps) => {
      const meter = makeMeter();
      const times: number[] = [];
      let now = 5_000;
      for (const gap of gaps) {
        now += gap;
        meter.count(now);
        times.push(now);
      }
      const within = (ms: number) => times.filter((at) => at > now - ms).length;
      expect(meter.perSecond(now)).toBeGreaterThanOrEqual(within(900));
      expect(meter.perSecond(now)).toBeLessThanOrEqual(within(1_000));
      expect(meter.perSecond(now + 1_000)).toBe(0);
    }),
  );
});

describe("haste", () => {
  function hasty(starts: number) {
    const clock = makeFakeClock();
    const haste = makeHaste(clock);
    for (let i = 0; i < starts; i++) haste.started(clock.now());
    return { clock, haste };
  }

  test("is free until the endpoint refuses, then has its slots evenly apart", async () => {
    const { clock, haste } = hasty(100);
    expect([haste.braked(), haste.within(250)]).toEqual([false, Number.POSITIVE_INFINITY]);
    await clock.advance(1);
    expect(haste.press(clock.now())).toBe(true);
    expect(haste.braked()).toBe(true);
    const [first = 0, second = 0] = haste.slots(2);
    expect([first - clock.now(), second - first]).toEqual([20, 20]);
  });

  test("is slowed down once by requests that were under way together, and again by a later one", async () => {
    const { clock, haste } = hasty(100);
    await clock.advance(1);
    const sentAt = clock.now();
    await clock.advance(10);
    expect([haste.press(sentAt), haste.press(sentAt), haste.press(sentAt + 5)]).toEqual([true, false, false]);
    await clock.advance(10);
    expect(haste.press(clock.now())).toBe(true);
  });

  test("is slowed down by another worker's word, unless it just was by its own", async () => {
    const { clock, haste } = hasty(100);
    await clock.advance(1);
    haste.pressed();
    const [first = 0, second = 0] = haste.slots(2);
    expect(second - first).toBe(20);
    await clock.advance(100);
    haste.pressed();
    const [third = 0, fourth = 0] = haste.slots(2);
    expect(fourth - third).toBeLessThan(21);
  });

  test("has as many requests within a while as its limit, and none for those that are spent", async () => {
    const { clock, haste } = hasty(100);
    await clock.advance(1);
    haste.press(clock.now());
    await clock.advance(20);
    expect(haste.within(250)).toBe(13);
    haste.spend(13);
    expect(haste.within(250)).toBe(0);
    expect(haste.wait()).toBeGreaterThan(250);
  });
});
