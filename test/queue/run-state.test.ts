// What befalls a run, one thing after the other and several at once; the state that people are told, and who waits for it woken.
import { describe, expect, test } from "vitest";
import { makeRunState } from "../../src/queue/run-state.ts";

function begin(shut = false) {
  const stop = new AbortController();
  const state = makeRunState(stop.signal, shut);
  /** Waits for what never comes: until the run is over. */
  const waiting = state.until(() => false);
  waiting.catch(() => {});
  return { stop, state, waiting };
}
const RULE = { rule: "stop-after", message: "too many rows failed", rows: [3] } as const;

describe("makeRunState", () => {
  test("a person and a time window hold a run, and neither undoes the other", () => {
    const { state } = begin(true);
    expect([state.now, state.shut, state.held]).toEqual(["paused", true, true]);
    state.become("paused");
    state.keepTo("open");
    expect([state.now, state.shut, state.held]).toEqual(["paused", false, true]);
    state.keepTo("shut");
    state.become("running");
    expect([state.now, state.shut, state.held]).toEqual(["paused", true, true]);
    state.keepTo("open");
    expect([state.now, state.held, state.over]).toEqual(["running", false, false]);
  });

  test("an outage makes it wait, a rest does not, and what a person wished is told before both", () => {
    const { state } = begin();
    state.close("rest");
    expect(state.now).toBe("running");
    state.close("outage");
    expect([state.now, state.held]).toEqual(["waiting", false]);
    state.become("paused");
    expect([state.now, state.closedBy]).toEqual(["paused", "outage"]);
    state.become("running");
    state.close(null);
    expect(state.now).toBe("running");
  });

  test.each<[string, string, (run: ReturnType<typeof begin>) => void]>([
    ["a rule", "stopped", ({ state }) => state.halt(RULE)],
    ["a cancel", "cancelled", ({ state }) => state.become("cancelled")],
    [
      "refused credentials",
      "running",
      ({ state }) => {
        state.block("credentials");
        state.block("forbidden");
        state.wake();
      },
    ],
    [
      "the end of its process",
      "running",
      ({ stop, state }) => {
        stop.abort();
        state.wake();
      },
    ],
  ])("%s ends every wait, and it is %s to people", async (_by, told, end) => {
    const run = begin();
    end(run);
    await run.waiting;
    expect([run.state.over, run.state.stopping.aborted, run.state.now]).toEqual([true, true, told]);
    expect([null, "credentials"]).toContain(run.state.blocked);
  });

  test("what failed it is thrown to whoever waits, now or later, though it is not over", async () => {
    const { state, waiting } = begin();
    const failure = new Error("the disk");
    state.fail(failure);
    await expect(waiting).rejects.toBe(failure);
    await expect(state.until(() => true)).rejects.toBe(failure);
    expect([state.over, state.stopping.aborted, state.failure]).toEqual([false, true, failure]);
  });

  test("who waits goes on when what it waits for has come, and is asked only when something has changed", async () => {
    const { state } = begin();
    let asked = 0;
    let room = false;
    const waiting = state.until(() => {
      asked++;
      return room;
    });
    state.wake();
    await Promise.resolve();
    room = true;
    expect(asked).toBe(2);
    state.wake();
    await waiting;
    expect([asked, state.stopping.aborted]).toEqual([3, false]);
  });
});
