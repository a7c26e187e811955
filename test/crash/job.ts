// A process that carries out trials, one after the other: a plan over the channel in, its result out. It ends with the harness.
import { rmSync } from "node:fs";
import * as z from "zod";
import type { Plan } from "./plan.ts";
import { runTrial } from "./trial.ts";

export interface Order {
  readonly plan: Plan;
  /** Gone again after a trial without violations. */
  readonly folder: string;
}

let folder: string | null = null;
const end = () => process.exit(130);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, end);
// However the harness ended: what runs here ends, too.
process.once("disconnect", end);
process.once("exit", () => {
  if (folder !== null) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

process.on("message", async (message) => {
  const order = z.custom<Order>((m) => typeof m === "object" && m !== null && "plan" in m).parse(message);
  folder = order.folder;
  const result = await runTrial(order.plan, folder);
  if (result.violations.length === 0) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folder = null;
  process.send?.(result);
});
