import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { condor } from "../../src/endpoint/condor.ts";
import { type Simulator, startSimulator } from "../../src/endpoint/simulator.ts";
import type { FaultInput } from "../../src/endpoint/simulator-options.ts";
import type { QueuedRow } from "../../src/queue/payload.ts";
import type { Condition } from "../../src/send/condition.ts";
import type { Whose } from "../../src/send/doubt.ts";
import { makeHaste } from "../../src/send/haste.ts";
import { Aborter, type HttpClient, makeHttpClient } from "../../src/send/http.ts";
import type { Pace } from "../../src/send/pace.ts";
import { type RowContext, type Sender, sendRow } from "../../src/send/row.ts";
import type { FoundFault } from "../../src/send/streak.ts";
import { makeTokens, type Tokens } from "../../src/send/token.ts";
import { judge } from "../../src/send/verdict.ts";
import type { Fault } from "../../src/settle/entry.ts";
import type { Outcome } from "../../src/settle/outcome.ts";
import { AT, type FakeClock, makeFakeClock } from "../queue/support.ts";

/** Also the quiet period. Real time passes only where the simulator falls silent. */
const TIMEOUT = 30_000;

let simulator: Simulator;
let http: HttpClient;
let clock: FakeClock;
let outcomes: Outcome[];
let faults: Fault[];
let refusals: number;
let behind: boolean;
/** What the endpoint's condition was told. */
let told: unknown[];
let found: FoundFault[];
/** Whose a fault turns out to be. */
let whose: Whose;

beforeEach(async () => {
  simulator = await startSimulator({ maxFaultsPerRow: "none" });
  http = makeHttpClient(simulator.url, 4, 60_000, systemClock);
  clock = makeFakeClock();
  outcomes = [];
  faults = [];
  refusals = 0;
  behind = false;
  told = [];
  found = [];
  whose = "row";
});
afterEach(async () => {
  await http.close();
  await simulator.stop();
});

function newRow(given: Partial<QueuedRow> = {}): QueuedRow {
  const body = Buffer.from(JSON.stringify({ customerId: "csta_1", firstName: "Jessie" }));
  return { row: 7, tries: 0, requests: 0, ambiguous: false, body, ...given };
}

function tokensOf(password = "simulator"): Tokens {
  return makeTokens(http, condor, { login: "simulator", password }, 60_000, clock);
}

interface How extends Partial<RowContext> {
  readonly tokens?: Tokens;
  readonly http?: HttpClient;
}

const unpaced: Pace = { paced: false, slack: 2, slot: () => null, release: () => {}, tune: () => {} };

function makeTold(): Condition {
  return {
    haste: makeHaste(clock),
    closed: () => false,
    rest: () => 0,
    begin: () => {},
    finish: () => {},
    answered: () => void told.push("answered"),
    async fault(fault, name) {
      this.saw(fault, name);
      return whose;
    },
    saw(fault, name) {
      found.push(fault);
      told.push(name);
    },
    async forbidden() {
      told.push("forbidden");
      return whose;
    },
    loginFailed: () => {},
    askedToRest: (after, _at, paced) => void told.push({ ...after, paced }),
    tooFast: () => void told.push("too fast"),
    pause: async () => false,
    probed: async () => {},
    hear: () => {},
    refresh: async () => {},
    settle: () => {},
  };
}

async function send(
  row: QueuedRow,
  { tokens = tokensOf(), http: client = http, ...how }: How = {},
): Promise<number | null> {
  const sender: Sender = { http: client, tokens, contract: condor, condition: makeTold(), clock };
  const context: RowContext = {
    lease: { valid: () => true, aborter: new Aborter(), end: () => {} },
    pace: unpaced,
    settler: {
      outcome: (outcome) => void outcomes.push(outcome),
      fault: (fault) => void faults.push(fault),
      blocked: () => {},
      mark: () => 0,
      flush: async () => {},
      behind: () => behind,
      gone: () => false,
    },
    claim: { lock: "lock", token: "token", job: "job", stalls: 0 },
    attempts: 5,
    timeout: TIMEOUT,
    open: () => true,
    may: () => true,
    refused: () => {
      refusals++;
    },
    ...how,
  };
  const asked = { ...context, may: how.may ?? (() => context.lease.valid() && context.open()) };
  const left = await sendRow(sender, row, asked);
  return left === null ? null : judge(left, context, clock);
}

describe("a row that gets a definite answer", () => {
  test("is settled as updated, and the customer is", async () => {
    expect(await send(newRow())).toBeNull();
    const { latency, ...rest } = outcomes[0] ?? { latency: 0 };
    expect(rest).toEqual({
      row: 7,
      status: "updated",
      attempts: 1,
      http: 200,
      at: AT,
      ambiguous: false,
      cause: null,
    });
    expect(latency).toBeGreaterThan(0);
    expect(faults).toEqual([]);
    expect(simulator.customer("csta_1")).toMatchObject({ firstName: "Jessie" });
  });

  test("is settled as failed with codes and paths, never with the values that the endpoint repeats", async () => {
    simulator.setFaults({ echoShare: 1 });
    expect(await send(newRow())).toBeNull();
    expect(outcomes).toMatchObject([{ status: "failed", http: 400, cause: { code: "requestValidateError" } }]);
    expect(outcomes[0]?.cause?.parts).toContainEqual({ path: "/firstName", keyword: "pattern" });
    expect(JSON.stringify(outcomes)).not.toContain("Jessie");
  });

  test("is settled as failed by a redirect, which is not followed", async () => {
    simulator.setFaults({ redirectShare: 1 });
    expect(await send(newRow())).toBeNull();
    expect(outcomes).toMatchObject([{ status: "failed", http: 302, cause: { code: "redirect" } }]);
    expect(simulator.stats()).toMatchObject({ requests: 1, redirectsFollowed: 0, tokensLeaked: 0 });
  });
});

describe("a passing fault", () => {
  test.each<[string, FaultInput, { fault: string; ambiguous: boolean; wait: number }]>([
    ["503", { share503: 1 }, { fault: "http-503", ambiguous: false, wait: 125 }],
    ["500", { share500: 1 }, { fault: "http-500", ambiguous: true, wait: TIMEOUT }],
    ["a reset", { resetAfterShare: 1 }, { fault: "reset", ambiguous: true, wait: TIMEOUT }],
    ["a page of HTML", { htmlShare: 1 }, { fault: "unreadable-answer", ambiguous: true, wait: TIMEOUT }],
    ["an endless answer", { hugeShare: 1 }, { fault: "unreadable-answer", ambiguous: true, wait: TIMEOUT }],
  ])("%s counts a try and waits", async (_what, share, { fault, ambiguous, wait }) => {
    simulator.setFaults(share);
    const row = newRow();
    expect(await send(row)).toBe(wait);
    expect(row).toMatchObject({ tries: 1, requests: 1, ambiguous });
    expect(faults).toMatchObject([{ row: 7, at: AT, fault, wait }]);
    expect(outcomes).toEqual([]);
  });

  test("silence counts a try after the request's time, and waits as long again", async () => {
    simulator.setFaults({ silentAfterShare: 1 });
    const row = newRow();
    expect(await send(row, { timeout: 300 })).toBe(300);
    expect(row).toMatchObject({ tries: 1, requests: 1, ambiguous: true });
    expect(faults).toMatchObject([{ fault: "timeout", http: 0 }]);
  });

  test("nobody listening counts no try, and the row cannot have been applied", async () => {
    const tokens = tokensOf();
    await tokens.get();
    await simulator.stop();
    const row = newRow();
    // Connections of its own: what is written to one that was just closed may have arrived.
    const fresh = makeHttpClient(simulator.url, 4, 60_000, systemClock);
    expect(await send(row, { tokens, http: fresh })).toBe(125);
    await fresh.close();
    expect(row).toMatchObject({ tries: 0, ambiguous: false });
    expect([faults, found]).toMatchObject([[{ fault: "refused" }], [{ evidence: "connection" }]]);
  });

  test("once ambiguous a row stays so, and its update says it", async () => {
    const row = newRow({ tries: 1, requests: 1, ambiguous: true });
    simulator.setFaults({ share503: 1 });
    expect(await send(row)).toBe(250);
    simulator.setFaults({ share503: 0 });
    expect(await send(row)).toBeNull();
    expect(outcomes).toMatchObject([{ status: "updated", ambiguous: true, attempts: 3 }]);
  });
});

describe("a fault that was not the row's", () => {
  test("is forgiven: no try is counted, but the request and the doubt about it are", async () => {
    whose = "endpoint";
    simulator.setFaults({ share500: 1 });
    const row = newRow();
    expect(await send(row)).toBe(TIMEOUT);
    expect(row).toMatchObject({ tries: 0, requests: 1, ambiguous: true });
    expect(faults).toMatchObject([{ fault: "http-500" }]);
  });

  test("on the last try leaves the row without an end, and the attempt is told all the same", async () => {
    whose = "endpoint";
    simulator.setFaults({ share503: 1 });
    const row = newRow({ tries: 4, requests: 4 });
    expect(await send(row)).toBe(2_000);
    expect(row).toMatchObject({ tries: 4, requests: 5 });
    expect([outcomes, faults]).toMatchObject([[], [{ fault: "http-503", wait: 2_000 }]]);
  });

  test("is told with what it says of the endpoint: a row that failed before says less", async () => {
    simulator.setFaults({ share503: 1 });
    await send(newRow());
    const other = Buffer.from(JSON.stringify({ customerId: "csta_2", firstName: "Jo" }));
    await send(newRow({ row: 8, tries: 2, body: other }));
    const tokens = tokensOf();
    await tokens.get();
    await simulator.stop();
    const fresh = makeHttpClient(simulator.url, 4, 60_000, systemClock);
    await send(newRow({ row: 9 }), { tokens, http: fresh });
    await fresh.close();
    expect(found).toMatchObject([
      { evidence: "service", first: true },
      { evidence: "service", first: false },
      { evidence: "connection", first: true },
    ]);
    const [one, two, three] = found.map(({ customer }) => customer);
    expect([one === two, one === three]).toEqual([false, true]);
  });
});

describe("a refusal for the number of requests", () => {
  test.each([429, 503])(
    "%i with Retry-After counts no try, makes all workers rest, and comes back after it",
    async (http) => {
      const share = http === 429 ? { share429: 1, retryAfter: 7 } : { share503: 1, retryAfter503: 7 };
      simulator.setFaults(share);
      const row = newRow({ tries: 4 });
      expect(await send(row, { pace: { ...unpaced, paced: true } })).toBe(7_000);
      expect(row).toMatchObject({ tries: 4, requests: 1, ambiguous: false });
      expect(told).toEqual([{ ms: 7_000, capped: false, paced: true }, `http-${http}`]);
      expect(found).toMatchObject([{ evidence: http === 503 ? "rest" : "haste" }]);
      expect([outcomes, faults]).toMatchObject([[], [{ fault: `http-${http}`, wait: 7_000 }]]);
    },
  );

  test("is the end of a row that has been put off a hundred times", async () => {
    simulator.setFaults({ share429: 1, retryAfter: 7 });
    expect(await send(newRow({ requests: 98 }))).toBe(7_000);
    expect(await send(newRow({ requests: 99 }))).toBeNull();
    expect(outcomes).toMatchObject([
      { status: "failed", attempts: 100, cause: { code: "retries-exhausted", last: "http-429" } },
    ]);
  });

  test("429 that asks for a day makes it an hour, and says that it was more", async () => {
    simulator.setFaults({ share429: 1, retryAfter: 86_400 });
    expect(await send(newRow())).toBe(3_600_000);
    expect(told[0]).toEqual({ ms: 3_600_000, capped: true, paced: false });
  });

  test("429 without Retry-After counts no try and slows this process down", async () => {
    simulator.setFaults({ share429: 1, retryAfter: 0 });
    const row = newRow({ tries: 4 });
    expect(await send(row)).toBe(125);
    expect(row).toMatchObject({ tries: 4, requests: 1 });
    expect(told).toEqual(["too fast", "http-429"]);
  });
});

describe("a row that is forbidden (403)", () => {
  const forbidding = (post: HttpClient["post"]): HttpClient => ({ ...http, post });
  const answer403 = forbidding(async () => ({ kind: "answer", http: 403, headers: {}, body: "", latency: 1 }));

  test("failed, where others are not", async () => {
    expect(await send(newRow(), { http: answer403 })).toBeNull();
    expect(outcomes).toMatchObject([{ status: "failed", http: 403, cause: { code: "http-403" } }]);
    expect([told, refusals]).toEqual([["forbidden"], 0]);
  });

  test("has no outcome, where all are: the login is what has to be looked at", async () => {
    whose = "endpoint";
    const row = newRow();
    expect(await send(row, { http: answer403 })).toBe(0);
    expect([row.tries, outcomes, refusals]).toEqual([0, [], 1]);
  });
});

describe("the last try", () => {
  test("ends failed where nothing can have been applied", async () => {
    simulator.setFaults({ share503: 1 });
    expect(await send(newRow({ tries: 4, requests: 6 }))).toBeNull();
    const cause = { code: "retries-exhausted", last: "http-503" };
    expect(outcomes).toMatchObject([{ status: "failed", attempts: 7, http: 503, cause }]);
    expect(faults).toEqual([]);
  });

  test("ends unknown where any exchange of the row may have been applied", async () => {
    simulator.setFaults({ share503: 1 });
    expect(await send(newRow({ tries: 4, requests: 4, ambiguous: true }))).toBeNull();
    const cause = { code: "no-definite-answer", last: "http-503" };
    expect(outcomes).toMatchObject([{ status: "unknown", ambiguous: true, cause }]);
  });
});

describe("credentials", () => {
  test("a token refused once is renewed, and the row sent again at once without counting a try", async () => {
    const tokens = tokensOf();
    simulator.setFaults({ revokeShare: 1, maxFaultsPerRow: 1 });
    const row = newRow();
    expect(await send(row, { tokens })).toBeNull();
    expect(row).toMatchObject({ tries: 0, requests: 2, ambiguous: false });
    expect(outcomes).toMatchObject([{ status: "updated", attempts: 2 }]);
    expect(simulator.stats()).toMatchObject({ logins: 2, byStatus: { 200: 1, 401: 1 } });
    expect([refusals, faults]).toEqual([0, []]);
  });

  test("64 rows that meet a revoked token share one new one", async () => {
    const tokens = tokensOf();
    await tokens.get();
    simulator.setFaults({ revokeShare: 1, maxFaultsPerRow: 1 });
    await send(newRow({ row: 1 }), { tokens });
    simulator.setFaults({ revokeShare: 0 });
    const logins = simulator.stats().logins;
    const others = Array.from({ length: 64 }, (_, i) => newRow({ row: i + 2 }));
    await Promise.all(others.map((row) => send(row, { tokens })));
    expect(outcomes.map((o) => o.status)).toEqual(Array(65).fill("updated"));
    expect(simulator.stats().logins).toBe(logins);
  });

  test("refused with a new token that is good for other rows are this row's own fault: it counts a try, the run goes on", async () => {
    const tokens = tokensOf();
    const row = newRow();
    simulator.setFaults({ revokeShare: 1 });
    // In between, the new token is accepted for another row.
    const sly: HttpClient = {
      ...http,
      async post(path, headers, body, ...rest) {
        if (row.requests === 1) {
          simulator.setFaults({ revokeShare: 0 });
          await send(newRow({ row: 8 }), { tokens });
          simulator.setFaults({ revokeShare: 1 });
        }
        return http.post(path, headers, body, ...rest);
      },
    };
    expect(await send(row, { tokens, http: sly })).toBe(125);
    expect(row).toMatchObject({ tries: 1, requests: 2, ambiguous: false });
    expect(outcomes).toMatchObject([{ row: 8, status: "updated" }]);
    expect([refusals, faults]).toMatchObject([0, [{ row: 7, fault: "http-401", http: 401 }]]);
  });

  test("refused twice are reported once per row, the row comes back untried, and no login is tried for a while", async () => {
    simulator.setFaults({ revokeShare: 1 });
    const row = newRow();
    const tokens = tokensOf();
    expect(await send(row, { tokens })).toBe(1_000);
    const { logins } = simulator.stats();
    expect(await tokens.get()).toEqual({ kind: "refused" });
    expect(simulator.stats().logins).toBe(logins);
    expect(row).toMatchObject({ tries: 0, ambiguous: false });
    expect([refusals, outcomes, faults]).toEqual([1, [], []]);
  });

  test("a refused login is reported, and no row is sent", async () => {
    const row = newRow();
    expect(await send(row, { tokens: tokensOf("wrong") })).toBe(1_000);
    expect(row).toMatchObject({ tries: 0, requests: 0 });
    expect([refusals, simulator.stats().requests]).toEqual([1, 0]);
  });

  test("a login that is out counts no try: the row comes back in a second", async () => {
    simulator.setFaults({ outage: "on" });
    const row = newRow();
    expect(await send(row)).toBe(1_000);
    expect(row).toMatchObject({ tries: 0, requests: 0 });
    expect([refusals, faults, simulator.stats().requests]).toEqual([0, [], 0]);
  });
});

describe("the right to send", () => {
  test.each<[string, How]>([
    ["a run that is held", { open: () => false }],
    ["a lease that is over", { lease: { valid: () => false, aborter: new Aborter(), end: () => {} } }],
  ])("%s sends nothing, not even a login, and the row comes back at once", async (_what, how) => {
    const row = newRow();
    expect(await send(row, how)).toBe(0);
    expect(row).toEqual(newRow());
    expect(simulator.stats()).toMatchObject({ requests: 0, logins: 0 });
  });

  test("rests while answers cannot be settled, and goes on, or back, after that", async () => {
    behind = true;
    let wait = send(newRow());
    await clock.advance(60_000);
    expect(simulator.stats().requests).toBe(0);
    behind = false;
    await clock.advance(10);
    expect(await wait).toBeNull();
    expect(simulator.stats().requests).toBe(1);

    behind = true;
    let valid = true;
    wait = send(newRow(), { lease: { valid: () => valid, aborter: new Aborter(), end: () => {} } });
    await clock.advance(1_000);
    valid = false;
    await clock.advance(10);
    expect(await wait).toBe(0);
    expect(simulator.stats().requests).toBe(1);
  });

  test("lost during the login sends nothing", async () => {
    const real = tokensOf();
    let open = true;
    const tokens: Tokens = {
      ...real,
      async get(stale) {
        const found = await real.get(stale);
        open = false;
        return found;
      },
    };
    expect(await send(newRow(), { tokens, open: () => open })).toBe(0);
    expect(simulator.stats()).toMatchObject({ requests: 0, logins: 1 });
  });

  test("taken away in flight makes the row ambiguous but counts no try; it waits the quiet period", async () => {
    simulator.setFaults({ silentBeforeShare: 1 });
    const aborter = new Aborter();
    const lease = { valid: () => true, aborter, end: () => {} };
    const row = newRow();
    const sending = send(row, { lease });
    while (simulator.stats().inFlight === 0) await new Promise(setImmediate);
    aborter.abort();
    expect(await sending).toBe(TIMEOUT);
    expect(row).toMatchObject({ tries: 0, requests: 1, ambiguous: true });
    expect([outcomes, faults]).toEqual([[], []]);
  });
});

test("a request whose connection took longer than its slot, or was made into a rest, is not written", async () => {
  const slow: HttpClient = {
    ...http,
    async post(_path, _headers, _body, _timeout, may) {
      await clock.advance(50);
      return { kind: "silence", fault: may() ? "reset" : "aborted", written: false, latency: 50 };
    },
  };
  const row = newRow();
  const paced = { ...unpaced, paced: true, slack: 5, slot: async () => true };
  expect(await send(row, { http: slow, pace: paced })).toBe(0);
  expect(await send(row, { http: slow, may: () => false })).toBe(0);
  expect([row.requests, faults]).toEqual([0, []]);
});

describe("a pace", () => {
  const paceOf = (slot: () => Promise<boolean>, slack = 100): Pace => ({ ...unpaced, slot, slack });

  test("gives each request a slot, the one after a refused token too", async () => {
    simulator.setFaults({ revokeShare: 1, maxFaultsPerRow: 1 });
    let slots = 0;
    const pace = paceOf(async () => {
      slots++;
      return true;
    });
    expect(await send(newRow(), { pace })).toBeNull();
    expect([slots, simulator.stats().requests]).toEqual([2, 2]);
  });

  test("whose wait is ended sends nothing", async () => {
    const row = newRow();
    expect(await send(row, { pace: paceOf(async () => false) })).toBe(0);
    expect([row, simulator.stats().requests]).toEqual([newRow(), 0]);
  });

  test("sends nothing to a run that was held during the wait", async () => {
    let open = true;
    const pace = paceOf(async () => {
      open = false;
      return true;
    });
    expect(await send(newRow(), { pace, open: () => open })).toBe(0);
    expect(simulator.stats().requests).toBe(0);
  });

  test("so slow that every token expires during the wait sends each row with a new one, and blocks nothing", async () => {
    const tokens = tokensOf();
    const pace = paceOf(async () => {
      await clock.advance(2 * 3_600_000);
      return true;
    }, 2 * 3_600_000);
    for (const row of [1, 2, 3]) expect(await send(newRow({ row }), { tokens, pace })).toBeNull();
    expect(outcomes.map((o) => [o.status, o.attempts])).toEqual(Array(3).fill(["updated", 1]));
    expect([refusals, simulator.stats().byStatus]).toEqual([0, { 200: 3 }]);
  });

  test("gives up a slot that a login took longer than, and takes another", async () => {
    const real = tokensOf();
    let expired = false;
    let slots = 0;
    const pace = paceOf(async () => {
      expired = ++slots === 1;
      return true;
    }, 2);
    const tokens: Tokens = {
      ...real,
      current: (stale) => (expired ? null : real.current(stale)),
      async get(stale) {
        await clock.advance(50);
        expired = false;
        return real.get(stale);
      },
    };
    expect(await send(newRow(), { tokens, pace })).toBeNull();
    expect([slots, simulator.stats().requests]).toEqual([2, 1]);
  });
});
