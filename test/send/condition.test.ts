import type { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { HOLDS, makeHolds } from "../../src/queue/holds.ts";
import { type Condition, makeCondition } from "../../src/send/condition.ts";
import type { FoundFault } from "../../src/send/streak.ts";
import { silent } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const conditions: Condition[] = [];
let client: Redis;
beforeEach(() => {
  client = redis.connect();
});
afterEach(() => {
  for (const condition of conditions.splice(0)) condition.settle();
});

/** A worker process's, which hears what others say. */
async function worker(endpoint = "e", close = () => {}, isAlive = async () => true): Promise<Condition> {
  const news = redis.connect();
  const holds = makeHolds(redis.connect(), endpoint);
  const condition = makeCondition({ holds, endpoint, timeout: 1_000, clock: systemClock, log: silent, close, isAlive });
  news.on("message", (_channel: string, message: string) => condition.hear(message));
  await news.subscribe(HOLDS);
  conditions.push(condition);
  return condition;
}

const now = () => performance.now();
const until = (holds: () => unknown) => vi.waitUntil(holds, { timeout: 150_000 });
const never = new AbortController().signal;
const found = (customer: number, given: Partial<FoundFault> = {}): FoundFault => ({
  ...{ customer, evidence: "service", sentAt: now(), first: true },
  ...given,
});

/** Ten rows that fail one after the other. */
async function failAll(condition: Condition, rows = 10): Promise<string[]> {
  condition.begin();
  const verdicts: Promise<string>[] = [];
  for (let row = 1; row <= rows; row++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    verdicts.push(condition.fault(found(row), "http-503"));
  }
  condition.finish();
  return Promise.all(verdicts);
}

describe("a fault", () => {
  test("is the row's own as soon as another row is answered", async () => {
    const condition = await worker();
    condition.begin();
    const sentBefore = now();
    const whose = condition.fault(found(1), "http-503");
    // It was under way by then: what it shows is how the endpoint was.
    condition.answered(sentBefore);
    let known = false;
    void whose.then(() => {
      known = true;
    });
    await new Promise(setImmediate);
    expect(known).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 1));
    condition.answered(now());
    expect(await whose).toBe("row");
    expect(condition.closed()).toBe(false);
  });

  test("is the row's own when there is nothing left to send that could tell", async () => {
    const condition = await worker();
    condition.begin();
    const whose = condition.fault(found(1), "http-503");
    condition.finish();
    expect(await whose).toBe("row");
  });

  test("of requests that were under way while another row was answered is no sign of an outage, however many fail", async () => {
    const condition = await worker();
    condition.begin();
    const sentAt = now();
    condition.answered(now());
    const whose = Array.from({ length: 100 }, (_, i) => condition.fault(found(i, { sentAt }), "timeout"));
    // What they meet when they are tried again is no sign, either: they have failed before.
    for (let i = 0; i < 100; i++) condition.saw(found(i, { first: false }), "timeout");
    condition.finish();
    expect(new Set(await Promise.all(whose))).toEqual(new Set(["row"]));
    expect(condition.closed()).toBe(false);
  });

  test("stays open where several customers failed in one burst, and none is left that could tell", async () => {
    const condition = await worker();
    condition.begin();
    const sentAt = now();
    const whose = [1, 2, 3].map((customer) => condition.fault(found(customer, { sentAt }), "http-503"));
    condition.finish();
    expect(await Promise.all(whose)).toEqual(["open", "open", "open"]);
    // Tried again, they show that it is no hiccup.
    expect(await failAll(condition)).toEqual(Array(10).fill("endpoint"));
  });

  test("stays open where the login does not answer, either", async () => {
    const condition = await worker(
      "e",
      () => {},
      async () => false,
    );
    condition.begin();
    const whose = condition.fault(found(1), "http-503");
    condition.finish();
    expect(await whose).toBe("open");
  });

  test("stays open when the process is told to stop", async () => {
    const condition = await worker();
    condition.begin();
    const whose = condition.fault(found(1), "timeout");
    condition.settle();
    expect(await whose).toBe("open");
  });

  test("is the endpoint's when it befalls all rows: none of them counts, and nothing more is sent", async () => {
    const close = vi.fn();
    const condition = await worker("e", close);
    expect(await failAll(condition)).toEqual(Array(10).fill("endpoint"));
    expect([condition.closed(), close.mock.calls.length]).toEqual([true, 1]);
    expect(await condition.fault(found(11), "http-503")).toBe("endpoint");
  });
});

describe("an outage", () => {
  test("is heard by all workers of the endpoint at once, and by those of no other", async () => {
    const [one, two, other] = [await worker(), await worker(), await worker("f")];
    await failAll(one);
    await until(() => two.closed());
    expect(other.closed()).toBe(false);
    expect(await makeHolds(client, "e").read()).toMatchObject({ rest: 0, outage: { fault: "http-503" } });
  });

  test("is known to a worker that begins in its midst", async () => {
    await failAll(await worker());
    const late = await worker();
    await late.refresh();
    expect(late.closed()).toBe(true);
  });

  test("lets one worker at a time send one row, a second later at first, and after twice as long every second time", async () => {
    const [one, two] = [await worker(), await worker()];
    await failAll(one);
    await until(() => two.closed());
    const from = now();
    const turns = [one, two].map(async (condition) => {
      while (!(await condition.pause(never))) if (now() - from > 30_000) throw new Error("no turn");
      return condition;
    });
    const prober = await Promise.race(turns);
    expect(now() - from).toBeGreaterThan(900);
    // The other one waits for its turn, which comes only when this one has said how it went.
    await prober.probed(true);
    expect(await client.hmget("updraft:outage:e", "step", "probes")).toEqual(["1000", "1"]);
    const failed = now();
    await Promise.all(turns);
    expect(now() - failed).toBeGreaterThan(700);
    await prober.probed(true);
    expect(await client.hmget("updraft:outage:e", "step", "probes")).toEqual(["2000", "2"]);
  });

  test("ends for all workers with the first answer to a request that was sent in it", async () => {
    const [one, two] = [await worker(), await worker()];
    const before = now();
    await failAll(one);
    await until(() => two.closed());
    two.answered(before);
    expect(two.closed()).toBe(true);
    two.answered(now());
    expect(two.closed()).toBe(false);
    await until(() => !one.closed());
    expect(await client.keys("updraft:outage:*")).toEqual([]);
  });

  test("is probed although the clock of Redis' machine went back", async () => {
    const condition = await worker();
    await failAll(condition);
    await until(() => client.exists("updraft:outage:e"));
    await client.hset("updraft:outage:e", "next", String(Date.now() + 6 * 3_600_000));
    expect(await condition.pause(never)).toBe(true);
  });

  test("is not forgotten while somebody asks for it", async () => {
    const condition = await worker();
    await failAll(condition);
    await until(() => client.exists("updraft:outage:e"));
    await client.pexpire("updraft:outage:e", 5_000);
    await condition.refresh();
    expect(await client.pttl("updraft:outage:e")).toBeGreaterThan(60_000);
  });

  test("that Redis has forgotten is over", async () => {
    const condition = await worker();
    await failAll(condition);
    await until(() => client.exists("updraft:outage:e"));
    await client.flushall();
    expect(await condition.pause(never)).toBe(false);
    expect(condition.closed()).toBe(false);
  });

  test("is found by a login that cannot be asked, with no row sent at all", async () => {
    const condition = await worker();
    for (let i = 0; i < 4; i++) condition.loginFailed("login-refused", now());
    expect(condition.closed()).toBe(true);
    await until(async () => (await makeHolds(client, "e").read()).outage?.fault === "login-refused");
  });
});

describe("a rest that the endpoint asks for", () => {
  test("is kept by all workers at once, to its end", async () => {
    const close = vi.fn();
    const [one, two] = [await worker(), await worker("e", close)];
    const from = now();
    one.askedToRest({ ms: 2_000, capped: false }, now(), true);
    expect(one.closed()).toBe(true);
    await until(() => two.closed());
    expect(close).toHaveBeenCalled();
    while (two.closed()) expect(await two.pause(never)).toBe(false);
    expect(now() - from).toBeGreaterThan(1_995);
  });

  test("is never shortened by another", async () => {
    const condition = await worker();
    condition.askedToRest({ ms: 60_000, capped: false }, now(), true);
    condition.askedToRest({ ms: 1_000, capped: false }, now(), true);
    expect(condition.rest()).toBeGreaterThan(59_000);
    await until(async () => (await client.pttl("updraft:rest:e")) > 59_000);
  });

  test("slows down what comes after it where no rate is set, so that it is no herd", async () => {
    const [free, paced] = [await worker("a"), await worker("b")];
    for (const condition of [free, paced]) condition.haste.started(now());
    free.askedToRest({ ms: 10, capped: false }, now(), false);
    paced.askedToRest({ ms: 10, capped: false }, now(), true);
    expect([free.haste.braked(), paced.haste.braked()]).toEqual([true, false]);
    const other = await worker("a");
    other.haste.started(now());
    free.askedToRest({ ms: 5_000, capped: false }, now(), false);
    await until(() => other.closed());
    expect(other.haste.braked()).toBe(true);
  });

  test("is not prolonged by a clock of Redis' machine that goes back", async () => {
    const condition = await worker();
    // As it looks then: a key that lives six hours longer than it was to.
    await client.set("updraft:rest:e", "1000", "PX", 6 * 3_600_000);
    await condition.refresh();
    expect(condition.rest()).toBeLessThanOrEqual(1_000);
  });
});

test("a refusal for the number of requests slows all workers down", async () => {
  const [one, two] = [await worker(), await worker()];
  for (const condition of [one, two]) condition.haste.started(now());
  one.tooFast(now());
  await until(() => two.haste.braked());
});

describe("rows that are forbidden", () => {
  test("are the rows' own where one is not", async () => {
    const condition = await worker();
    condition.begin();
    const whose = [1, 2, 3].map(() => condition.forbidden(now()));
    condition.answered(now());
    expect(await Promise.all(whose)).toEqual(["row", "row", "row"]);
  });

  test("are neither when an outage comes before that is known: they are sent again", async () => {
    const condition = await worker();
    condition.begin();
    const whose = condition.forbidden(now());
    await failAll(condition);
    expect(await whose).toBe("open");
  });

  test("are the login's when ten are", async () => {
    const condition = await worker();
    condition.begin();
    const whose = Array.from({ length: 10 }, () => condition.forbidden(now()));
    expect(await Promise.all(whose)).toEqual(Array(10).fill("endpoint"));
  });

  test("are the login's when they are all that there is; a single one is its own", async () => {
    for (const rows of [1, 3]) {
      const condition = await worker();
      condition.begin();
      const whose = Array.from({ length: rows }, () => condition.forbidden(now()));
      condition.finish();
      expect(new Set(await Promise.all(whose))).toEqual(new Set([rows === 1 ? "row" : "endpoint"]));
    }
  });
});
