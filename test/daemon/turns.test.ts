// Who may run now: one run of an endpoint after the other, in order, and one that is paused or has no window yet keeps nobody back.
import { describe, expect, test } from "vitest";
import { makeTurns, type Turn } from "../../src/daemon/turns.ts";
import { makeFakeClock } from "../queue/support.ts";

function begin(most = 1) {
  const clock = makeFakeClock();
  const turns = makeTurns(most, clock);
  const stop = new AbortController();
  const began: string[] = [];
  const held = new Map<string, Turn>();
  async function want(job: string, endpoint = "one", may = () => true): Promise<void> {
    const turn = await turns.take({ endpoint, job, may }, stop.signal);
    began.push(turn === null ? `${job} not` : job);
    if (turn !== null) held.set(job, turn);
  }
  return { clock, turns, stop, began, held, want };
}

describe("makeTurns", () => {
  test("lets runs of one endpoint begin one after the other, in the order in which they came, and others beside them", async () => {
    const { clock, began, held, want, turns } = begin();
    for (const job of ["a", "b", "c"]) void want(job);
    void want("d", "other");
    await clock.advance(0);
    expect(began).toEqual(["a", "d"]);
    expect([turns.waiting("b"), turns.waiting("a")]).toEqual([1, 0]);
    held.get("a")?.end();
    await clock.advance(0);
    expect(began).toEqual(["a", "d", "b"]);
    held.get("b")?.end();
    held.get("b")?.end();
    await clock.advance(0);
    expect(began).toEqual(["a", "d", "b", "c"]);
    await clock.advance(5_000);
    expect(clock.sleeping).toBe(0);
  });

  test("lets as many go on at once as it is told", async () => {
    const { clock, began, want } = begin(2);
    for (const job of ["a", "b", "c"]) void want(job);
    await clock.advance(0);
    expect(began).toEqual(["a", "b"]);
  });

  test("does not count a run that is paused, and begins no other when it goes on", async () => {
    const { clock, began, held, want } = begin();
    let paused = false;
    await want("a");
    const turn = held.get("a");
    if (turn) turn.counts = () => !paused;
    void want("b");
    void want("c");
    await clock.advance(1_000);
    expect(began).toEqual(["a"]);
    paused = true;
    await clock.advance(1_000);
    expect(began).toEqual(["a", "b"]);
    paused = false;
    held.get("b")?.end();
    await clock.advance(1_000);
    expect(began).toEqual(["a", "b"]);
  });

  test("never lets two of a job go on at once, be the first one paused, and others pass meanwhile", async () => {
    const { clock, began, held, turns, want } = begin(3);
    await want("a");
    const first = held.get("a");
    if (first) first.counts = () => false;
    void want("a");
    void want("b");
    await clock.advance(1_000);
    expect([began, turns.waiting("a")]).toEqual([["a", "b"], 1]);
    first?.end();
    await clock.advance(0);
    expect(began).toEqual(["a", "b", "a"]);
  });

  test("passes over a run whose window is not open yet", async () => {
    const { clock, began, held, want } = begin();
    let open = false;
    void want("a", "one", () => open);
    void want("b");
    await clock.advance(0);
    expect(began).toEqual(["b"]);
    open = true;
    held.get("b")?.end();
    await clock.advance(0);
    expect(began).toEqual(["b", "a"]);
  });

  test("tells all that wait when there is no more time", async () => {
    const { clock, began, stop, want, turns } = begin();
    void want("a");
    void want("b");
    await clock.advance(0);
    stop.abort();
    await clock.advance(1_000);
    expect(began).toEqual(["a", "b not"]);
    await want("c");
    expect(began).toEqual(["a", "b not", "c not"]);
    expect([turns.waiting("b"), clock.sleeping]).toEqual([0, 0]);
  });
});
