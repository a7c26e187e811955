import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { takeBack } from "../../src/runs/take-back.ts";
import { openLedger } from "../../src/settle/ledger.ts";
import { runFolder } from "../../src/settle/run-folder.ts";
import { silent } from "../queue/support.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

test("a run that came no further than its ledger has left nothing, and keeps no other out", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "updraft-take-back-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  openLedger(runFolder(dataDir, "run1")).close();
  const about = { key: Buffer.alloc(32, 1), dataDir, clock: systemClock, log: silent };
  await expect(takeBack({ redis: redis.connect(), ...about }, "run1")).resolves.toBeUndefined();
});
