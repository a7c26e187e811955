// What befalls a run in; the state that it is in, and whoever waits for it woken, out.
import type { Refusal } from "../settle/entry.ts";
import type { Stopped } from "../settle/stop.ts";
import type { LiveState } from "./status.ts";

/** A rest that the endpoint asked for, or its outage. */
export type Closed = "rest" | "outage";

/** The words of the README's table, as far as a run can be in them while its coordinator lives. */
export interface RunState {
  /** As people are told of it. */
  readonly now: LiveState;
  /** Why the endpoint may not be sent to now. */
  readonly closedBy: Closed | null;
  /** Paused by its time window alone, not by a person. */
  readonly shut: boolean;
  /** Workers are not to send: a person has paused it, or its time window is closed. */
  readonly held: boolean;
  /** Null for a run that was not halted. */
  readonly stopped: Stopped | null;
  /** Why nothing more will be sent: the credentials were refused. Null while it may be. */
  readonly blocked: Refusal | null;
  /** What waiting does not mend: the disk, the ledger, the key, another coordinator. Null where nothing has failed. */
  readonly failure: unknown;
  /** Blocked, halted, cancelled, or told to stop. */
  readonly over: boolean;
  /** Aborted when it is over, or has failed. */
  readonly stopping: AbortSignal;
  /** A person wished so, and it is noted. */
  become(granted: LiveState): void;
  /** By a rule, before its end. */
  halt(stop: Stopped): void;
  /** The first refusal counts. Whoever waits is woken with the outcomes it came with. */
  block(by: Refusal | null): void;
  /** Told when workers send nothing to the endpoint for a while, and with null when they do again. */
  close(by: Closed | null): void;
  keepTo(window: "open" | "shut"): void;
  fail(error: unknown): void;
  /** Something has changed that others may wait for. */
  wake(): void;
  /** Resolves when it is done, or the run is over. Throws what has failed the run. */
  until(done: () => boolean): Promise<void>;
}

/** @param stop the run is to be stopped */
export function makeRunState(stop: AbortSignal, shutAtFirst: boolean): RunState {
  let granted: LiveState = "running";
  let closedBy: Closed | null = null;
  let shut = shutAtFirst;
  let stopped: Stopped | null = null;
  let blocked: Refusal | null = null;
  let failure: unknown = null;
  const stopping = new AbortController();
  const waiting: (() => void)[] = [];

  const isOver = () => blocked !== null || stopped !== null || granted === "cancelled" || stop.aborted;

  function wake(): void {
    if (failure || isOver()) stopping.abort();
    for (const go of waiting.splice(0)) go();
  }

  return {
    get now() {
      if (granted !== "running") return granted;
      return shut ? "paused" : closedBy === "outage" ? "waiting" : granted;
    },
    get closedBy() {
      return closedBy;
    },
    get shut() {
      return shut && granted === "running";
    },
    get held() {
      return shut || granted === "paused";
    },
    get stopped() {
      return stopped;
    },
    get blocked() {
      return blocked;
    },
    get failure() {
      return failure;
    },
    get over() {
      return isOver();
    },
    stopping: AbortSignal.any([stop, stopping.signal]),
    become(state) {
      granted = state;
      wake();
    },
    halt(by) {
      stopped = by;
      granted = "stopped";
      wake();
    },
    block(by) {
      blocked ??= by;
    },
    close(by) {
      closedBy = by;
    },
    keepTo(window) {
      shut = window === "shut";
    },
    fail(error) {
      failure = error;
      wake();
    },
    wake,
    async until(done) {
      while (!failure && !isOver() && !done()) await new Promise<void>((resolve) => waiting.push(resolve));
      if (failure) throw failure;
    },
  };
}
