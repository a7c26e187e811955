// What the workers of an endpoint tell of it (rests, outages) in; the state of a run that waits for it, what people are told, and
// its end when that takes too long, out.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { Coordinator } from "./queue/coordinator.ts";
import { HOLDS, makeHolds, type Outage, readNews } from "./queue/holds.ts";
import { faultName } from "./write/explain.ts";
import { duration } from "./write/render.ts";

/** News may be missed, and an outage that no worker probes any more is forgotten in Redis. */
const LOOK_MS = 2_000;
/** Shorter rests are told of once: there may be one a second. */
const LONG_REST_MS = 5_000;

const TLS =
  "TLS failed: its certificate is not accepted (NODE_EXTRA_CA_CERTS names a file of private ones), or it speaks no TLS";

export interface WatchContext {
  readonly redis: Redis;
  /** A connection of its own, for what is published. */
  readonly news: Redis;
  readonly endpoint: string;
  readonly baseUrl: string;
  readonly coordinator: Pick<Coordinator, "close" | "halt">;
  /** Milliseconds. */
  readonly giveUpAfter: number;
  readonly clock: Clock;
  readonly log: Logger;
  notice(line: string): void;
}

export interface Watch {
  /** What the summary says of it. */
  warnings(): readonly string[];
  stop(): void;
}

export async function watchEndpoint(context: WatchContext): Promise<Watch> {
  const { news, endpoint, coordinator, giveUpAfter, clock, log, notice } = context;
  const { host } = new URL(context.baseUrl);
  const holds = makeHolds(context.redis, endpoint);
  const over = new AbortController();
  const rests = { count: 0, ms: 0, capped: false };
  const outages = { count: 0, ms: 0, fault: "" };
  let slowed = 0;
  let restUntil = Number.NEGATIVE_INFINITY;
  let outage: { readonly from: number; readonly ended: AbortController } | null = null;

  function show(): void {
    coordinator.close(outage !== null ? "outage" : clock.now() < restUntil ? "rest" : null);
  }

  function rest(ms: number, capped: boolean): void {
    const now = clock.now();
    const until = now + ms;
    if (until <= restUntil) return;
    // Several requests that were under way together are one rest.
    const isNew = now >= restUntil;
    rests.ms += until - Math.max(now, restUntil);
    restUntil = until;
    if (isNew) {
      rests.count++;
      const what = `${host} asks for a rest of ${capped ? "more than an hour: one is kept" : duration(ms)}`;
      if (rests.count === 1 || ms >= LONG_REST_MS || (capped && !rests.capped))
        notice(`${what} (Retry-After): nothing is sent meanwhile`);
    }
    rests.capped ||= capped;
    show();
    void clock.sleep(ms + 1, over.signal).then(show);
  }

  function goOut({ fault, since }: Outage): void {
    if (outage !== null) return;
    const ended = new AbortController();
    outage = { from: clock.now(), ended };
    outages.count++;
    outages.fault = fault;
    notice(
      `${host} is out (${reasonOf(fault)}): the run waits; single rows are sent at growing intervals to see when it answers, and no try is counted`,
    );
    log.warn({ fault, since: new Date(since).toISOString() }, "waiting for the endpoint");
    show();
    const isEnded = () => over.signal.aborted || ended.signal.aborted;
    void clock.sleep(giveUpAfter, AbortSignal.any([over.signal, ended.signal])).then(async () => {
      // This process may have slept, and not heard that it answers again.
      if (!isEnded()) await look().catch(() => {});
      if (isEnded()) return;
      const message = `${host} did not answer for ${duration(giveUpAfter)} (${reasonOf(fault)})`;
      coordinator.halt({ rule: "give-up-after", message, rows: [] });
    });
  }

  function comeBack(): void {
    if (outage === null) return;
    const took = clock.now() - outage.from;
    outages.ms += took;
    outage.ended.abort();
    outage = null;
    notice(`${host} answers again after ${duration(took)}: the run goes on`);
    show();
  }

  async function look(): Promise<void> {
    const now = await holds.read();
    if (over.signal.aborted) return;
    if (now.rest > 0) rest(now.rest, false);
    if (now.outage === null) comeBack();
    else goOut(now.outage);
  }

  async function lookAlways(): Promise<void> {
    while (!over.signal.aborted) {
      await look().catch((error: unknown) =>
        log.warn({ reason: error instanceof Error ? error.name : "unknown" }, "cannot look after the endpoint"),
      );
      await clock.sleep(LOOK_MS, over.signal);
    }
  }

  news.on("message", (_channel: string, message: string) => {
    const said = readNews(message);
    if (said === null || said.endpoint !== endpoint || over.signal.aborted) return;
    if (said.kind === "rest") rest(said.ms, said.capped);
    else if (said.kind === "outage") goOut(said.outage);
    else if (said.kind === "answers") comeBack();
    else slowed++;
  });
  await news.subscribe(HOLDS);
  void lookAlways();

  return {
    warnings() {
      const told: string[] = [];
      const total = outages.ms + (outage === null ? 0 : clock.now() - outage.from);
      if (outages.count > 0)
        told.push(
          `${host} was out ${times(outages.count)} (${reasonOf(outages.fault)}), ${duration(total)} in all: no try was counted meanwhile`,
        );
      if (rests.count > 0) {
        const capped = rests.capped ? "; some were to be longer than an hour, which is the most that is kept" : "";
        told.push(
          `${host} asked for a rest (Retry-After) ${times(rests.count)}, ${duration(rests.ms)} in all${capped}`,
        );
      }
      if (slowed > 0)
        told.push(
          `${host} refused requests for their number (429): the pace was halved ${times(slowed)}, and given back step by step; a lower --rate avoids that`,
        );
      return told;
    },
    stop() {
      over.abort();
      outage?.ended.abort();
    },
  };
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function reasonOf(fault: string): string {
  const [, login = "", bare = fault] = /^(login-)?(.*)$/.exec(fault) ?? [];
  const at = login === "" ? "" : "at the login: ";
  return at + (bare === "tls" ? TLS : faultName(bare));
}
