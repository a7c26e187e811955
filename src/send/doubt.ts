// Rows whose fault may be their own or the endpoint's in; the one verdict that all of them wait for, when it is known, out.
import type { Clock } from "../clock.ts";

/** Whose a fault was: the row's own, the endpoint's (it would have befallen any row), or `open`: nobody can tell yet. */
export type Whose = "row" | "endpoint" | "open";

export interface Doubt {
  readonly size: number;
  /** One more row; resolves with the verdict. */
  add(): Promise<Whose>;
  /** The verdict for all that wait for one. */
  settle(whose: Whose): void;
  /** Whether a request that was started then is younger than the first of them: an older one tells nothing of them. */
  isYounger(sentAt: number): boolean;
}

export function makeDoubt(clock: Clock): Doubt {
  let verdict = Promise.withResolvers<Whose>();
  let size = 0;
  let since = 0;
  return {
    get size() {
      return size;
    },
    add() {
      if (size++ === 0) since = clock.now();
      return verdict.promise;
    },
    settle(whose) {
      if (size === 0) return;
      size = 0;
      verdict.resolve(whose);
      verdict = Promise.withResolvers<Whose>();
    },
    isYounger: (sentAt) => sentAt > since,
  };
}
