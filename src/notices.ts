// How a run stands, again and again, in; which change is told of now, and the notice that says so, out.
import type { LiveState } from "./queue/status.ts";
import type { State, Summary } from "./write/summary.ts";

/**
 * Of a run, `waiting`: for its endpoint; `recovered` from that; `ended` in any state, once for each time it was gone on with. Of a job of
 * which no run begins, `refused`: a person has to look after its file, or there is none; `waiting`: it is tried again by itself;
 * `recovered` from either.
 */
export type Event = "waiting" | "recovered" | "ended" | "refused";

/** An endpoint that comes and goes is told of once a minute. */
const SAME_MS = 60_000;

/** What was told of a run that goes on. */
export interface Told {
  readonly state: "running" | "waiting";
  /** Monotonic clock: when each of these was told last. */
  readonly at: Readonly<Record<"waiting" | "recovered", number>>;
}

export const NOTHING_TOLD: Told = { state: "running", at: { waiting: -Infinity, recovered: -Infinity } };

/**
 * What is to be told of a run in this state; null for nothing. To be asked often: what was not told because the same was told
 * a moment ago is told later, if it still holds then. A run that a person pauses is not worse off, and one that is stopped
 * or cancelled is told of when it has ended.
 */
export function eventOf(told: Told, state: LiveState, now: number): "waiting" | "recovered" | null {
  if ((state !== "waiting" && state !== "running") || state === told.state) return null;
  const event = state === "waiting" ? "waiting" : "recovered";
  return now - told.at[event] < SAME_MS ? null : event;
}

export function toldAfter({ at }: Told, event: "waiting" | "recovered", now: number): Told {
  return { state: event === "waiting" ? "waiting" : "running", at: { ...at, [event]: now } };
}

/** What was told last of how a run ended, over all spells of it. */
export interface Memory {
  read(): string | null;
  write(state: string): void;
}

/** Who is refused is asked again and again by what serves unattended: told of once. */
export function isToldAlready(before: string | null, state: State): boolean {
  return state === "blocked" && before === state;
}

/** Rows of which the endpoint has said something: more of them, and it does not refuse the credentials any more. */
export function answeredBy({ updated, failed }: Summary["counts"]): number {
  return updated + failed;
}

/** The body of a webhook, and what a command reads. Nothing in it is a customer's. */
export interface Notice {
  readonly version: 1;
  /** The same in every try: what comes twice is one notice. */
  readonly id: string;
  /** Counts the notices of one spell of a run, from 1. */
  readonly sequence: number;
  readonly event: Event;
  /** Null where none has begun. */
  readonly run: string | null;
  /** Null where no job was named. */
  readonly job: string | null;
  /** The name of the file, without its folder; null where there is none. */
  readonly file: string | null;
  /** Its host. */
  readonly endpoint: string;
  /** Of the run; null where none has begun. */
  readonly state: State | null;
  /** Why it was stopped (the rule), or what error ended it or kept it from beginning (its code); else null. */
  readonly reason: string | null;
  /** When this was noticed, and since when the run is in its state; ISO 8601. */
  readonly at: string;
  readonly since: string;
  readonly read: number;
  readonly counts: Summary["counts"];
  /** Path of summary.json on the machine of the run, once there is one. */
  readonly summary: string | null;
}

/** Why no run of a job begins: of this file, or of none where it has none. */
export interface Trouble {
  readonly event: "refused" | "waiting";
  readonly reason: string;
  readonly file: string | null;
}

/** What was told of a job, and what has happened since it was last looked at as a whole. */
export interface Standing {
  readonly told: readonly Trouble[];
  readonly now: readonly Trouble[];
}

const isIn = (troubles: readonly Trouble[], { event, reason, file }: Trouble) =>
  troubles.some((one) => one.event === event && one.reason === reason && one.file === file);

/** `news`: it is told; what was told of before and has not changed is not. */
export function worse(
  { told, now }: Standing,
  trouble: Trouble,
): { readonly standing: Standing; readonly news: boolean } {
  const news = !isIn(told, trouble);
  return {
    standing: { told: news ? [...told, trouble] : told, now: isIn(now, trouble) ? now : [...now, trouble] },
    news,
  };
}

/** All there was to do was done: what did not happen again is over. `news`: nothing of what was told is left. */
export function settled({ told, now }: Standing): { readonly standing: Standing; readonly news: boolean } {
  const left = told.filter((one) => isIn(now, one));
  return { standing: { told: left, now: [] }, news: told.length > 0 && left.length === 0 };
}

/** A run begins: nothing of the job waits. `news` as of `settled`. */
export function begun({ told, now }: Standing): { readonly standing: Standing; readonly news: boolean } {
  const refused = now.filter(({ event }) => event === "refused");
  if (refused.length === 0) return settled({ told, now: refused });
  const left = told.filter(({ event }) => event === "refused");
  return { standing: { told: left, now: refused }, news: false };
}
