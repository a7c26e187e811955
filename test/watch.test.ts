// What a coordinator makes of its endpoint's outage, as Redis knows it, when its own process could not listen.
import { expect, test } from "vitest";
import { type Clock, systemClock } from "../src/clock.ts";
import { makeHolds } from "../src/queue/holds.ts";
import { watchEndpoint } from "../src/watch.ts";
import { silent } from "./queue/support.ts";
import { useRedis } from "./support/redis.ts";

const redis = useRedis();
const GIVE_UP_MS = 600_000;

test("an outage whose end a process slept through does not halt its run, one that lasts does", async () => {
  const client = redis.connect();
  const holds = makeHolds(client, "e");
  const rings: (() => void)[] = [];
  // It looks once; then it sleeps until its patience with the endpoint is over.
  const clock: Clock = {
    ...systemClock,
    sleep: (ms) => new Promise((resolve) => (ms === GIVE_UP_MS ? rings.push(resolve) : undefined)),
  };
  const halts: string[] = [];
  const states: unknown[] = [];
  const begin = async () => {
    await holds.declare({ since: 0, fault: "http-503" });
    const watch = await watchEndpoint({
      ...{
        redis: client,
        news: redis.connect(),
        endpoint: "e",
        baseUrl: "https://api.example.com",
        clock,
        log: silent,
      },
      ...{ giveUpAfter: GIVE_UP_MS, notice() {} },
      coordinator: { close: (by) => void states.push(by), halt: ({ rule }) => void halts.push(rule) },
    });
    await expect.poll(() => rings.length).toBe(1);
    return watch;
  };
  const asleep = await begin();
  await client.flushall();
  rings.pop()?.();
  await expect.poll(() => states).toEqual(["outage", null]);
  asleep.stop();
  expect(halts).toEqual([]);
  const awake = await begin();
  rings.pop()?.();
  await expect.poll(() => halts).toEqual(["give-up-after"]);
  awake.stop();
});
