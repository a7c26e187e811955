// A file's rows in; each planned, and put on its way or rejected, as fast as the window has room.
import type { Clock } from "../clock.ts";
import type { Reader } from "../parse/row.ts";
import type { Plan, Planned } from "../plan/plan.ts";
import type { Repeats } from "../plan/repeats.ts";
import type { Accepted } from "../settle/accepted.ts";
import type { Ledger } from "../settle/ledger.ts";
import { type Outcome, rejected, unchanged } from "../settle/outcome.ts";
import { NOTHING_TRIED, pastByRow } from "../settle/past.ts";
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

export interface CarryContext {
  readonly reader: Reader;
  readonly plan: Plan;
  readonly coordinator: Coordinator;
  readonly ledger: Ledger;
  /** Stops after so many valid rows; null for none. */
  readonly limit: number | null;
  /** Asked before a row is put; null for none. */
  readonly canary: Canary | null;
  /** What the endpoint has already need not be sent; null where all of it is. */
  readonly accepted: Pick<Accepted, "has"> | null;
  /** Looks for customers that have several rows, before a row is put; null where each of them is sent. */
  readonly findRepeats: ((stop: AbortSignal) => Promise<Repeats>) | null;
  readonly clock: Clock;
}

/** Rows that have an outcome from an earlier spell are passed over; rows that were under way then go on with their tries. */
export function carryRows(context: CarryContext): Carrying {
  const { reader, plan, coordinator, ledger, limit, canary, accepted, clock } = context;
  const answered = ledger.answered();
  const unknown = ledger.answered("unknown");
  const past = pastByRow(ledger);
  // Rows up to here may have been sent by an epoch that Redis lost.
  const doubtful = Number(ledger.meta("doubtful") ?? "0");
  const pastOf = (row: number) => (row <= doubtful ? { ...(past(row) ?? NOTHING_TRIED), ambiguous: true } : past(row));
  let read = 0;
  let valid = 0;
  let finished = false;

  /** The end of a row that is not to be sent; null for one that is. */
  function answerOf(planned: Planned, repeats: Repeats | null): Outcome | null {
    const { row } = planned;
    if (planned.kind === "rejection") return rejected(row, planned.problems, clock.wall());
    const problem = repeats?.problemOf(row) ?? null;
    if (problem !== null) return rejected(row, [problem], clock.wall());
    // A row that may have been sent before is sent again: only its own answer says how it ended.
    return accepted?.has(planned) && pastOf(row) === undefined ? unchanged(row, clock.wall()) : null;
  }

  async function carryAll(repeats: Repeats | null): Promise<void> {
    reading: for await (const block of reader.blocks()) {
      for (const row of block) {
        if (limit !== null && valid >= limit) break reading;
        const known = has(answered, row.row);
        const rests = known && has(unknown, row.row);
        const planned = known && !rests && limit === null ? null : plan.plan(row);
        const answer = planned === null || known ? null : answerOf(planned, repeats);
        const wait = planned !== null && !known && answer === null ? (canary?.before(row.row) ?? null) : null;
        if (wait !== null) {
          await wait;
          if (coordinator.over) return;
        }
        // Not before it is put: what is read and not under way counts as answered.
        read = row.row;
        if (answer !== null) coordinator.answer(answer);
        if (planned?.kind !== "update") continue;
        valid++;
        if (rests) coordinator.rest(planned.customerId);
        else if (!known && answer === null) coordinator.put(planned, pastOf(read));
      }
      await coordinator.room();
      if (coordinator.over) return;
    }
    finished = true;
    await coordinator.drain();
  }

  async function carry(): Promise<void> {
    const repeats = (await context.findRepeats?.(coordinator.stopping)) ?? null;
    try {
      // Stopped meanwhile, it does not know of all rows.
      if (!coordinator.over) await carryAll(repeats);
    } finally {
      repeats?.close();
    }
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
