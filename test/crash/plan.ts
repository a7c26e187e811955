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

export interface Plan extends Size {
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

/** Worker processes of a trial, the run's own among them. */
export const WORKERS = 4;
/** Most of a file is sent between these shares of its rows; later there may be nothing to disturb. */
const FIRST = 0.01;
const LAST = 0.9;
/** Longer than a worker's lock (6 s) and the look for stalled batches (2 s). */
const PAUSE = { from: 7_000, to: 9_000 };

/** Milliseconds; a pair where it is one or the other. */
const LASTS: Readonly<Record<Kind, { readonly from: number; readonly to: number }>> = {
  coordinator: { from: 0, to: 500 },
  worker: { from: 0, to: 1_000 },
  redis: { from: 50, to: 2_000 },
  "redis-emptied": { from: 50, to: 2_000 },
  "worker-paused": PAUSE,
  "coordinator-paused": PAUSE,
  // Shorter than a lock, or longer.
  network: { from: 500, to: 9_000 },
};

export function planTrial(kind: Kind, seed: number, size: Size): Plan {
  const draw = makeRandom(`${kind} ${seed}`);
  const between = (from: number, to: number) => from + draw() * (to - from);
  const kills = kind === "coordinator" ? 1 + Math.floor(draw() * 3) : 1;
  const instants = Array.from({ length: kills }, () => Math.round(between(FIRST, LAST) * size.rows));
  const { from, to } = LASTS[kind];
  return {
    ...{ kind, seed, ...size },
    instants: instants.toSorted((a, b) => a - b),
    after: Math.round(between(0, 20)),
    victim: Math.floor(draw() * WORKERS),
    lasts: Math.round(between(from, to)),
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
