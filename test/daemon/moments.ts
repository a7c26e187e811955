// A process of `serve` or `watch` and its folders in; the moment in which it is killed, out: by what it does just then, or by chance.
import { mkdirSync, watch } from "node:fs";
import type { Simulator } from "../../src/endpoint/simulator.ts";
import type { Running } from "../cli/support.ts";
import { until } from "../pipeline/support.ts";

export interface Stage {
  readonly running: Running;
  readonly simulator: Simulator;
  /** A path among the folders of the test. */
  at(name: string): string;
}

/** Resolves in the moment, or when the process has ended. `random`: from 0 to 1. */
export type Moment = (stage: Stage, random: number) => Promise<unknown>;

/** Of each file. */
export const ROWS = 5;
/** What a start tries each folder with. */
export const isTry = (name: string) => /^\.updraft-[0-9a-f]{16}$/.test(name);
/** About what a process takes until it serves, and a little more. */
const START_MS = 850;

/** A file's way takes some thousandths of a second from one folder to the next: those are met by what comes into them. */
export const MOMENTS = {
  "while it starts": (_stage, random) => new Promise((resolve) => setTimeout(resolve, random * START_MS)),
  "when it takes a file": (stage) => comesInto("working", /./, stage),
  "when a run begins": (stage) => comesInto("data/runs", /./, stage),
  "when a request is in flight": ({ simulator, running }) => {
    const { requests } = simulator.stats();
    return orEnded(running, () => simulator.stats().requests > requests);
  },
  "between two requests": ({ simulator, running }, random) => {
    const enough = simulator.stats().effects + Math.ceil(random * ROWS);
    return orEnded(running, () => simulator.stats().effects >= enough);
  },
  "when a firing was taken": (stage) => comesInto("data/schedule", /./, stage),
  "when reports are on their way": (stage) => comesInto("outbox", /^\.updraft-/, stage),
  "when reports are there": (stage) => comesInto("outbox", /^file-/, stage),
  "when the note on a repeated file is there": (stage) => comesInto("outbox", /^again-/, stage),
  "when a file is archived": (stage) => comesInto("archive", /./, stage),
  "when a file is refused": (stage) => comesInto("refused", /./, stage),
} satisfies Readonly<Record<string, Moment>>;

/** A name has come that is none of a start. */
async function comesInto(folder: string, name: RegExp, { at, running }: Stage): Promise<void> {
  mkdirSync(at(folder), { recursive: true });
  const watcher = watch(at(folder));
  const come = new Promise<void>((resolve) => {
    watcher.on("change", (_event, changed) => {
      if (!isTry(String(changed)) && name.test(String(changed))) resolve();
    });
  });
  await Promise.race([come, running.ended]);
  watcher.close();
}

function orEnded({ child }: Running, holds: () => boolean): Promise<void> {
  return until(() => holds() || child.exitCode !== null);
}

/** Mulberry32: the moments of a trial are the same each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
