// What the tests of a watched folder share: its folders, a watcher with runs that are only given, and what became of the files.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach } from "vitest";
import * as z from "zod";
import { type Clock, systemClock } from "../../src/clock.ts";
import { type InboxContext, type Told, watchInbox } from "../../src/daemon/inbox.ts";
import { besides } from "../../src/daemon/watch-folders.ts";
import type { Watch } from "../../src/plan/job.ts";
import { makeSummary, type State, type Summary } from "../../src/write/summary.ts";
import { summaryInput } from "../write/support.ts";

export interface Watcher {
  readonly told: Told[];
  /** Of the runs that were asked for, in their order: what the file held. */
  readonly runs: string[];
  /** Resolves when the next thing is told that fits. */
  until(fits: (what: Told) => boolean): Promise<Told>;
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

export interface Place {
  readonly root: string;
  readonly watch: Watch;
  drop(name: string, content?: string): string;
  /** Names in one of its folders, sorted; hidden ones too. */
  list(folder: "inbox" | "working" | "outbox" | "archive" | "refused"): string[];
  read(...path: string[]): string;
  reason(name: string): { code: string; file: string; run: string | null; message: string };
  start(given?: Given): Watcher;
  /** A run's folder with its reports, and its summary. */
  given(run: string, state?: State): Summary;
}

interface Given {
  readonly watch?: Partial<Watch>;
  readonly run?: InboxContext["run"];
  readonly isHere?: InboxContext["isHere"];
  readonly clock?: Clock;
}

const reasonShape = z.object({ code: z.string(), file: z.string(), run: z.string().nullable(), message: z.string() });

const here: InboxContext["isHere"] = ({ dir }) => existsSync(dir);

/** Call it at the top of a test file. What a test starts and does not stop is stopped after it. */
export function usePlace(): Place {
  let root = "";
  let running: Watcher[] = [];
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "updraft-inbox-"));
    mkdirSync(join(root, "inbox"));
  });
  afterEach(async () => {
    for (const watcher of running) await watcher.stop().catch(() => {});
    running = [];
    rmSync(root, { recursive: true, force: true });
  });
  const options = (given: Partial<Watch> = {}): Watch => {
    const inbox = join(root, "inbox");
    return { inbox, ...besides(inbox), poll: false, done: false, settle: 100, ...given };
  };
  const place: Place = {
    get root() {
      return root;
    },
    get watch() {
      return options();
    },
    drop(name, content = `rows of ${name}`) {
      const path = join(root, "inbox", name);
      writeFileSync(path, content);
      return path;
    },
    list(folder) {
      try {
        return readdirSync(join(root, folder)).sort();
      } catch {
        return [];
      }
    },
    read: (...path) => readFileSync(join(root, ...path), "utf8"),
    reason: (name) => reasonShape.parse(JSON.parse(place.read("refused", `${name}.reason.json`))),
    given(run, state = "complete") {
      const dir = join(root, "runs", run);
      mkdirSync(dir, { recursive: true });
      const input = summaryInput({ state, run });
      const summary = makeSummary({ ...input, reports: { ...input.reports, dir } });
      writeFileSync(join(dir, "summary.json"), JSON.stringify(summary));
      writeFileSync(join(dir, "success.csv"), run);
      writeFileSync(join(dir, "ledger.db"), "none of theirs");
      return summary;
    },
    start({ watch = {}, run, isHere = here, clock = systemClock } = {}) {
      const told: Told[] = [];
      const runs: string[] = [];
      const waiting = new Set<() => void>();
      const stop = new AbortController();
      const ended = watchInbox(
        {
          ...{ watch: options(watch), clock, log: pino({ level: "silent" }) },
          isHere,
          async run(path, began) {
            const content = readFileSync(path, "utf8");
            runs.push(content);
            if (run) return await run(path, began);
            const name = Buffer.from(content).toString("hex").slice(0, 40);
            began({ run: name, dir: place.root });
            return place.given(name);
          },
          told(what) {
            told.push(what);
            for (const look of waiting) look();
          },
        },
        stop.signal,
      );
      ended.catch(() => {});
      const watcher: Watcher = {
        told,
        runs,
        until: (fits) =>
          new Promise((resolve, reject) => {
            const look = () => {
              const found = told.find(fits);
              if (found === undefined) return;
              waiting.delete(look);
              resolve(found);
            };
            waiting.add(look);
            ended.catch(reject);
            look();
          }),
        stop() {
          stop.abort();
          return ended;
        },
        ended,
      };
      running.push(watcher);
      return watcher;
    },
  };
  return place;
}

/** The file of that name has come to its end, so or so. */
export const isOver =
  (file: string) =>
  (what: Told): boolean =>
    what.file === file && (what.kind === "done" || what.kind === "refused");
