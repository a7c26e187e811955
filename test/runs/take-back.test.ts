import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock as clock } from "../../src/clock.ts";
import { takeBack } from "../../src/runs/take-back.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { silent, useFolder } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const folder = useFolder();

test("of a run whose process died, or whose disk was full, before its settings were noted nothing is taken back, and none is in its way", async () => {
  const dataDir = await folder.dir();
  const dir = join(dataDir, "runs", "r1");
  openLedger(dir).close();
  await takeBack({ redis: redis.connect(), key: randomBytes(32), dataDir, clock, log: silent }, "r1");
  const ledger = folder.keep(openLedger(dir));
  expect(ledger.meta("retired")).toBeNull();
  expect(await redis.connect().keys("*")).toEqual([]);
});
