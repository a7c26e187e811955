import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { STILL_MS } from "../../src/queue/epoch.ts";
import { Aborter } from "../../src/send/http.ts";
import { type Leases, makeLeases } from "../../src/send/lease.ts";
import { type FakeClock, makeFakeClock } from "../queue/support.ts";

/** A lock lasts 6 s, and a worker that is cut off is still after 2.75 s. */
const LEASE_MS = 2_500;

let clock: FakeClock;
let leases: Leases;
let calls: { readonly ids: string[]; readonly tokens: string[] }[];
let extend: (ids: string[], tokens: string[]) => Promise<string[]>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  clock = makeFakeClock();
  calls = [];
  extend = async () => [];
  leases = makeLeases((ids, tokens) => {
    calls.push({ ids, tokens });
    return extend(ids, tokens);
  }, clock);
});
afterEach(() => {
  leases.close();
  vi.useRealTimers();
});

/** Both clocks, a quarter of a second at a time, with what follows from it. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    const step = Math.min(250, left);
    await clock.advance(step);
    await vi.advanceTimersByTimeAsync(step);
  }
}

async function lease(id = "b1") {
  const started = await leases.start(id, `token-of-${id}`);
  if (!started) throw new Error("no lease");
  return started;
}

describe("a lease", () => {
  test("is not given where another worker has the lock", async () => {
    extend = async (ids) => ids;
    expect(await leases.start("b1", "t")).toBeNull();
  });

  test("is timed from before the call: a slow Redis makes it shorter, never longer", async () => {
    extend = async () => {
      await clock.advance(1_500);
      return [];
    };
    const slow = await lease();
    expect(slow.valid()).toBe(true);
    await clock.advance(LEASE_MS - 1_500 - 1);
    expect(slow.valid()).toBe(true);
    await clock.advance(1);
    expect(slow.valid()).toBe(false);
  });

  test("whose lock may have run out before Redis answered is over when it starts", async () => {
    extend = async () => {
      await clock.advance(60_000);
      return [];
    };
    expect((await lease()).valid()).toBe(false);
  });

  test("is renewed while it is held, many in one call", async () => {
    const [a, b] = [await lease("a"), await lease("b")];
    await pass(60_000);
    expect([a.valid(), b.valid()]).toEqual([true, true]);
    expect(calls.at(-1)).toEqual({ ids: ["a", "b"], tokens: ["token-of-a", "token-of-b"] });
  });

  test("is over when Redis is not heard of for a while, and its requests are aborted", async () => {
    const held = await lease();
    extend = () => Promise.reject(new Error("connection lost"));
    await pass(LEASE_MS - 250);
    expect([held.valid(), held.aborter.over]).toEqual([true, false]);
    await pass(250);
    expect([held.valid(), held.aborter.over]).toEqual([false, true]);
  });

  test("leaves the rows of a worker that is cut off in peace for a known time before another may take them", async () => {
    const held = await lease();
    extend = () => Promise.reject(new Error("connection lost"));
    await pass(STILL_MS);
    expect([held.valid(), held.aborter.over]).toEqual([false, true]);
  });

  test("is over at once when the lock turns out to be another's, and the others go on", async () => {
    const [lost, kept] = [await lease("lost"), await lease("kept")];
    extend = async () => ["lost"];
    await pass(2_250);
    expect([lost.valid(), lost.aborter.over]).toEqual([false, true]);
    expect([kept.valid(), kept.aborter.over]).toEqual([true, false]);
  });

  test("does not come back to life by a late renewal", async () => {
    const held = await lease();
    const late = Promise.withResolvers<string[]>();
    extend = () => late.promise;
    // The process was stopped meanwhile: no timer fires, the monotonic clock goes on.
    await vi.advanceTimersByTimeAsync(2_000);
    await clock.advance(30_000);
    expect(held.valid()).toBe(false);
    late.resolve([]);
    await pass(250);
    expect([held.valid(), held.aborter.over]).toEqual([false, true]);
  });

  test("is over when its machine slept, which stops the monotonic clock, until it is renewed", async () => {
    let slept = 0;
    leases.close();
    leases = makeLeases((ids, tokens) => extend(ids, tokens), { ...clock, wall: () => clock.wall() + slept });
    const held = await lease();
    slept = 600_000;
    expect(held.valid()).toBe(false);
    await pass(1_000);
    expect([held.valid(), held.aborter.over]).toEqual([true, false]);
    // Where it was set back it says nothing.
    slept = -600_000;
    expect(held.valid()).toBe(true);
    await pass(1_000);
    slept = 0;
    expect(held.valid()).toBe(false);
  });

  test("that has ended is renewed no more, and its requests are left alone", async () => {
    const held = await lease();
    held.end();
    await pass(10_000);
    expect(calls).toHaveLength(1);
    expect(held.aborter.over).toBe(false);
  });

  test("taken again under another token is not ended by the one before", async () => {
    const before = await lease();
    const after = await leases.start("b1", "second");
    before.end();
    await pass(10_000);
    expect(after?.valid()).toBe(true);
    expect(calls.at(-1)?.tokens).toEqual(["second"]);
  });

  test("ends with all others when the worker closes", async () => {
    const held = await lease();
    leases.close();
    expect(held.aborter).toBeInstanceOf(Aborter);
    expect(held.aborter.over).toBe(true);
  });
});
