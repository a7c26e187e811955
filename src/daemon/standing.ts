// What keeps a job from running its files in; who has to know of it told once, and again when it runs them, out.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Logger } from "pino";
import * as z from "zod";
import { type NotifySettings, openLines } from "../channels.ts";
import type { Clock } from "../clock.ts";
import { begun, type Event, type Notice, type Standing, settled, type Trouble, worse } from "../notices.ts";
import { writeWhole } from "../settle/whole-file.ts";

/** What is not delivered so long after the job was stopped is lost: who sent SIGTERM may send SIGKILL. */
const END_MS = 1_500;

export interface Herald {
  /** No run begins. Told of where that has not been said before, or was over since. */
  worse(trouble: Trouble): void;
  /** A run begins. */
  begun(): void;
  /** All that was to be run was run, or refused: what was told of before, and not again, is over. */
  settled(): void;
  /** Waits a moment for what is on its way. */
  end(): Promise<void>;
}

export interface HeraldContext {
  /** Names what it remembers, among all jobs, endpoints and ways to run one. */
  readonly name: string;
  readonly job: string;
  readonly settings: NotifySettings & { readonly baseUrl: string; readonly dataDir: string };
  readonly clock: Clock;
  readonly log: Logger;
}

const shape = z.object({
  v: z.literal(1),
  told: z.array(z.object({ event: z.enum(["refused", "waiting"]), reason: z.string(), file: z.string().nullable() })),
});
const NOTHING = { updated: 0, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0 };

/** It outlives the process: a job that is started again and again tells of the same trouble once. */
export function makeHerald({ name, job, settings, clock, log }: HeraldContext): Herald {
  const over = new AbortController();
  const lines = openLines(settings, clock, log, over.signal);
  const path = join(settings.dataDir, "told", `${name}.json`);
  let standing: Standing = { told: lines.length === 0 ? [] : read(path), now: [] };
  let delivering: Promise<unknown> = Promise.resolve();
  let sequence = 0;

  function bodyOf(event: Event, trouble: Trouble | null): string {
    const at = new Date(clock.wall()).toISOString();
    return JSON.stringify({
      ...{ version: 1, id: randomUUID(), sequence: ++sequence, event, run: null, at, since: at },
      ...{ job: job === "default" ? null : job, endpoint: new URL(settings.baseUrl).host },
      ...{ file: trouble?.file ?? null, state: null, reason: trouble?.reason ?? null },
      ...{ read: 0, counts: NOTHING, summary: null },
    } satisfies Notice);
  }

  function tell(event: Event, trouble: Trouble | null): void {
    const body = bodyOf(event, trouble);
    const delivered = Promise.all(lines.map((line) => line.add(event, body)));
    delivering = delivered.then((took) => {
      // Nobody has heard of it: it is told again if it lasts.
      if (trouble !== null && !took.includes(true))
        standing = { ...standing, told: standing.told.filter((one) => one !== trouble) };
      remember();
    });
  }

  function remember(): void {
    try {
      writeWhole(path, JSON.stringify({ v: 1, told: standing.told }));
    } catch (err) {
      log.warn({ err }, "not noted what was told");
    }
  }

  /** Should the process die after that, what comes again is told again. */
  function better(next: { readonly standing: Standing; readonly news: boolean }): void {
    const fewer = next.standing.told.length < standing.told.length;
    standing = next.standing;
    if (next.news) tell("recovered", null);
    else if (fewer) remember();
  }

  return {
    worse(given) {
      if (lines.length === 0) return;
      const trouble = { ...given, file: given.file === null ? null : basename(given.file) };
      const next = worse(standing, trouble);
      standing = next.standing;
      if (next.news) tell(trouble.event, trouble);
    },
    begun: () => better(begun(standing)),
    settled: () => better(settled(standing)),
    async end() {
      const enough = new AbortController();
      void clock.sleep(END_MS, enough.signal).then(() => over.abort());
      await delivering;
      enough.abort();
    },
  };
}

function read(path: string): readonly Trouble[] {
  try {
    return shape.parse(JSON.parse(readFileSync(path, "utf8"))).told;
  } catch {
    // Nothing was told yet.
    return [];
  }
}
