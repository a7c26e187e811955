// The parts that tests of the queue and of settling share: a clock that only moves when told, rows, outcomes, folders.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { Update } from "../../src/plan/plan.ts";
import type { Ledger } from "../../src/settle/ledger.ts";
import type { Outcome } from "../../src/settle/outcome.ts";

export const KEY = randomBytes(32);
export const AT = Date.UTC(2026, 0, 31, 12, 0, 5);
export const silent = pino({ level: "silent" });

export interface FakeClock extends Clock {
  /** Moves the time on; what waits until then goes on, in the order of its moments. */
  advance(ms: number): Promise<void>;
  /** Sleeps that have not ended. */
  readonly sleeping: number;
}

export function makeFakeClock(random: () => number = () => 0.5): FakeClock {
  let time = 0;
  let sleepers: { at: number; wake: () => void }[] = [];
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    now: () => time,
    wall: () => AT + time,
    random,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper = {
          at: time + ms,
          wake: () => {
            sleepers = sleepers.filter((other) => other !== sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        sleepers.push(sleeper);
        signal?.addEventListener("abort", sleeper.wake, { once: true });
      }),
    async advance(ms) {
      const end = time + ms;
      for (;;) {
        await settled();
        const next = sleepers.filter((s) => s.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        time = Math.max(time, next.at);
        next.wake();
      }
      time = end;
    },
    get sleeping() {
      return sleepers.length;
    },
  };
}

export function update(row: number, customerId = `csta_${row}`, body = `{"customerId":"${customerId}"}`): Update {
  return { kind: "update", row, line: row + 1, customerId, body };
}

export function outcome(row: number, given: Partial<Outcome> = {}): Outcome {
  const plain = { attempts: 1, http: 200, at: AT, ambiguous: false, latency: 3.25, cause: null } as const;
  return { row, status: "updated", ...plain, ...given };
}

/** A folder of its own for each test; gone after it, and so are the ledgers that were opened with `keep`. */
export function useFolder(): { readonly dir: () => Promise<string>; readonly keep: (ledger: Ledger) => Ledger } {
  let folders: string[] = [];
  let ledgers: Ledger[] = [];
  afterEach(async () => {
    for (const ledger of ledgers) ledger.close();
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
    ledgers = [];
    folders = [];
  });
  return {
    async dir() {
      const folder = await mkdtemp(join(tmpdir(), "updraft-test-"));
      folders.push(folder);
      return folder;
    },
    keep(ledger) {
      ledgers.push(ledger);
      return ledger;
    },
  };
}
