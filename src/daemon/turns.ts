// Runs that want to begin in; those of one endpoint let through so many at a time, never two of a job, in the order in which they came, out.
import type { Clock } from "../clock.ts";

/** A run may stop counting, or begin to count, by itself: its turn ends or its window opens. */
const LOOK_MS = 1_000;

export interface Waiting {
  /** Runs of one endpoint and login wait for each other. */
  readonly endpoint: string;
  /** Runs of one job do so even where one is paused: what it has sent last decides what has changed for the next. */
  readonly job: string;
  /** Not before this says so: the window of its job is open. */
  may(): boolean;
}

export interface Turn {
  /** Whether it counts as going on: one that is paused keeps no other from the endpoint. */
  counts: () => boolean;
  end(): void;
}

export interface Turns {
  /** Null where `stop` was aborted before its turn came. */
  take(wanted: Waiting, stop: AbortSignal): Promise<Turn | null>;
  /** How many runs of a job wait for their turn. */
  waiting(job: string): number;
}

/** @param most runs of one endpoint that go on at once */
export function makeTurns(most: number, clock: Clock): Turns {
  const taken = new Map<Turn, Waiting>();
  let queue: { readonly wanted: Waiting; readonly go: (turn: Turn | null) => void }[] = [];
  let looking = false;

  function open(wanted: Waiting): Turn {
    const turn: Turn = {
      counts: () => true,
      end() {
        taken.delete(turn);
        look();
      },
    };
    taken.set(turn, wanted);
    return turn;
  }

  function hasRoom({ endpoint, job }: Waiting): boolean {
    const others = [...taken].filter(([, of]) => of.endpoint === endpoint);
    return others.every(([, of]) => of.job !== job) && others.filter(([turn]) => turn.counts()).length < most;
  }

  function look(): void {
    queue = queue.filter(({ wanted, go }) => {
      if (!wanted.may() || !hasRoom(wanted)) return true;
      go(open(wanted));
      return false;
    });
  }

  async function lookWhileWaiting(): Promise<void> {
    if (looking) return;
    looking = true;
    while (queue.length > 0) {
      await clock.sleep(LOOK_MS);
      look();
    }
    looking = false;
  }

  return {
    take(wanted, stop) {
      if (stop.aborted) return Promise.resolve(null);
      return new Promise((resolve) => {
        const leave = () => {
          queue = queue.filter((other) => other !== one);
          resolve(null);
        };
        const one = {
          wanted,
          go(turn: Turn | null) {
            stop.removeEventListener("abort", leave);
            resolve(turn);
          },
        };
        stop.addEventListener("abort", leave, { once: true });
        queue.push(one);
        look();
        void lookWhileWaiting();
      });
    },
    waiting: (job) => queue.filter(({ wanted }) => wanted.job === job).length,
  };
}
