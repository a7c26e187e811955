// A kind and a seed in; everything that is decided by chance in a trial out: the same seed, the same trial.

export const KINDS = [
  "coordinator",
  "worker",
  "redis",
  "redis-emptied",
  "worker-paused",
  "coordinator-paused",
  "network",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Size {
  readonly rows: number;
  readonly customers: number;
}

export interface Scale extends Size {
  /** Worker processes, the run's own among them; at least 2. */
  readonly workers: number;
  /** `--timeout` of the run in milliseconds, and so its quiet period, too. */
  readonly timeout: number;
}

export interface Plan extends Scale {
  readonly kind: Kind;
  readonly seed: number;
  /** How many requests the endpoint has received when it happens; several for a coordinator that is killed again. */
  readonly instants: readonly number[];
  /** Milliseconds after that: an instant is not always the arrival of a request. */
  readonly after: number;
  /** Which of the workers; 0 is the one that the run brings along. */
  readonly victim: number;
  /** How long what was killed, paused or cut stays so, in milliseconds. */
  readonly lasts: number;
  /** Which of a kind's two ways. */
  readonly other: boolean;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

interface Chance {
  /** When it happens: requests received, as a share of the file's rows. Later there may be nothing to disturb. */
  readonly when: Range;
  /** How long what was killed, paused or cut stays so, in milliseconds. */
  readonly lasts: Range;
}

const ANY_TIME = { from: 0.01, to: 0.95 };
/** Before the end by so much that a trial does not take longer than it must. */
const NOT_LATE = { from: 0.01, to: 0.6 };

const CHANCES: Readonly<Record<Kind, Chance>> = {
  coordinator: { when: ANY_TIME, lasts: { from: 0, to: 500 } },
  worker: { when: NOT_LATE, lasts: { from: 0, to: 1_000 } },
  redis: { when: ANY_TIME, lasts: { from: 50, to: 2_000 } },
  "redis-emptied": { when: NOT_LATE, lasts: { from: 50, to: 1_500 } },
  // A worker's lock and a coordinator's hold both last 6 s.
  "worker-paused": { when: NOT_LATE, lasts: { from: 6_500, to: 8_500 } },
  "coordinator-paused": { when: NOT_LATE, lasts: { from: 6_200, to: 7_000 } },
  // Shorter than a lock, or longer.
  network: { when: NOT_LATE, lasts: { from: 500, to: 8_500 } },
};

export function planTrial(kind: Kind, seed: number, scale: Scale): Plan {
  const draw = makeRandom(`${kind} ${seed}`);
  const between = ({ from, to }: Range) => from + draw() * (to - from);
  const { when, lasts } = CHANCES[kind];
  const kills = kind === "coordinator" ? 1 + Math.floor(draw() * 3) : 1;
  const instants = Array.from({ length: kills }, () => Math.round(between(when) * scale.rows));
  return {
    ...{ kind, seed, ...scale },
    instants: instants.toSorted((a, b) => a - b),
    after: Math.round(between({ from: 0, to: 20 })),
    victim: Math.floor(draw() * scale.workers),
    lasts: Math.round(between(lasts)),
    other: draw() < 0.5,
  };
}

/** A small generator (mulberry32) that starts from a text, so that neighbouring seeds have nothing in common. */
export function makeRandom(text: string): () => number {
  let state = 0x9e3779b9;
  for (const letter of text) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
