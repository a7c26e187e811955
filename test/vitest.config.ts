// What `npm test` runs: every test file in processes of its own, then the closing line that a CI counts by.
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    // Most of a test's time is waiting for processes and servers: vitest's default on two cores is a single worker.
    maxWorkers: 3,
    include: ["test/**/*.test.ts"],
    pool: "forks",
    reporters: ["default", new URL("./support/closing-line.ts", import.meta.url).pathname],
    // Real processes and a real Redis on a shared machine: a limit is there to end what hangs, not to judge speed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
