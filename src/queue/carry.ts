// A file's rows in; each planned, and put on its way or rejected, as fast as the window has room.
import type { Clock } from "../clock.ts";
import type { Reader } from "../parse/row.ts";
import type { Plan } from "../plan/plan.ts";
import { type Ledger, NOTHING_TRIED, pastByRow } from "../settle/ledger.ts";
import { rejected } from "../settle/outcome.ts";
import type { Canary } from "./canary.ts";
import type { Coordinator } from "./coordinator.ts";

export interface Carrying {
  /** Rows read so far. */
  readonly read: number;
  /** The file, or `limit`, was read to its end. */
  readonly finished: boolean;
  /** Resolves when all that was read has its outcome, or none will come any more. */
  readonly done: Promise<void>;
}

/**
 * Rows that have an outcome from an earlier spell are passed over; rows that were under way then go on with their tries.
 * @param limit stops after so many valid rows; null for none
 * @param canary asked before a row is put; null for none
 */
export function carryRows(
  reader: Reader,
  plan: Plan,
  coordinator: Coordinator,
  ledger: Ledger,
  limit: number | null,
  canary: Canary | null,
  clock: Clock,
): Carrying {
  const answered = ledger.answered();
  const unknown = ledger.answered("unknown");
  const past = pastByRow(ledger);
  // Rows up to here may have been sent by an epoch that Redis lost.
  const doubtful = Number(ledger.meta("doubtful") ?? "0");
  const pastOf = (row: number) => (row <= doubtful ? { ...(past(row) ?? NOTHING_TRIED), ambiguous: true } : past(row));
  let read = 0;
  let valid = 0;
  let finished = false;

  async function carry(): Promise<void> {
    reading: for await (const block of reader.blocks()) {
      for (const row of block) {
        if (limit !== null && valid >= limit) break reading;
        const known = has(answered, row.row);
        const rests = known && has(unknown, row.row);
        const planned = known && !rests && limit === null ? null : plan.plan(row);
        const wait = planned?.kind === "update" && !known ? (canary?.before(row.row) ?? null) : null;
        if (wait !== null) {
          await wait;
          if (coordinator.over) return;
        }
        // Not before it is put: what is read and not under way counts as answered.
        read = row.row;
        if (planned === null) continue;
        if (planned.kind === "update") {
          valid++;
          if (!known) coordinator.put(planned, pastOf(read));
          else if (rests) coordinator.rest(planned.customerId);
        } else if (!known) coordinator.reject(rejected(read, planned.problems, clock.wall()));
      }
      await coordinator.room();
      if (coordinator.over) return;
    }
    finished = true;
    await coordinator.drain();
  }

  const done = carry();
  return {
    get read() {
      return read;
    },
    get finished() {
      return finished;
    },
    done,
  };
}

function has(bits: Uint8Array, row: number): boolean {
  return ((bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
}
