// The first rows that a spell sends in; the word that the others may follow, or a halt, out.
import type { Ledger } from "../settle/ledger.ts";
import { MOST_ROWS } from "../settle/stop.ts";
import type { Coordinator } from "./coordinator.ts";

export interface Canary {
  /** Called before a row is put; null: it may be put at once. Afterwards the coordinator may be over. */
  before(row: number): Promise<void> | null;
}

/** Whether the others are sent; of no matter once the signal is aborted. */
export type AskForRest = (updated: number, signal: AbortSignal) => Promise<boolean>;

/** Null where none is asked for, or an earlier spell's has passed. Rows are judged when the first of the others is at hand. */
export function makeCanary(
  size: number | null,
  coordinator: Pick<Coordinator, "drain" | "halt" | "over" | "stopping">,
  ledger: Ledger,
  ask: AskForRest,
): Canary | null {
  if (size === null || ledger.meta("canary") !== null) return null;
  const first: number[] = [];
  let passed = false;

  function halt(what: string, rows: readonly number[]): void {
    coordinator.halt({ rule: "canary", message: `${what}: --canary ${size}`, rows: rows.slice(-MOST_ROWS) });
  }

  async function judge(): Promise<void> {
    await coordinator.drain();
    if (coordinator.over) return;
    const bad = first.filter((row) => ledger.history(row).outcome?.status !== "updated");
    if (bad.length > 0) return halt(`${bad.length} of the first ${size} rows ended failed or unknown`, bad);
    const yes = await ask(first.length, coordinator.stopping);
    // Throws what failed meanwhile.
    await coordinator.drain();
    if (!yes) return halt(`the first ${size} rows were updated, and the others were declined`, []);
    ledger.write([], [], { canary: "passed" });
    passed = true;
  }

  return {
    before(row) {
      if (passed) return null;
      if (first.length === size) return judge();
      first.push(row);
      return null;
    },
  };
}
