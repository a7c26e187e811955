// What `npm test` runs: every test file, several at a time, then the closing line that a CI counts by.
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const ALONE = "test/crash/torture.test.ts";
/**
 * They take longest, most of it waiting for locks, leases and clocks: begun last they would be waited for alone, begun first
 * they leave the processor to all others.
 */
const LONGEST = [
  ...["pipeline/control", "daemon/crash", "pipeline/redis-lost", "pipeline/clock-jump"],
  ...["pipeline/same-file", "pipeline/outage", "pipeline/inspect", "pipeline/changed-only", "daemon/serve"],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`test/${name}.test.ts`));
      return found < 0 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    // Most of a test's time is waiting for processes and servers: vitest's default on two cores is a single worker.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    pool: "forks",
    // A worker process reads the libraries once, not for each file.
    isolate: false,
    // What measures how a busy machine is survived needs one that is busy with nothing else.
    projects: [
      {
        extends: true,
        test: { name: "all", include: ["test/**/*.test.ts"], exclude: [ALONE], sequence: { groupOrder: 0 } },
      },
      { extends: true, test: { name: "alone", include: [ALONE], sequence: { groupOrder: 1 } } },
    ],
    reporters: ["default", new URL("./support/closing-line.ts", import.meta.url).pathname],
    // Real processes and a real Redis on a shared machine: a limit is there to end what hangs, not to judge speed.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // So that what was waited for is told, and not only that the time is over.
    expect: { poll: { timeout: 150_000 } },
  },
});
