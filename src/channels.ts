// Where notices go to, in; one line for each of these, which delivers one notice after the other and never throws, out.
import { basename } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { Event } from "./notices.ts";
import type { LocalSettings } from "./settings/settings.ts";

export type NotifySettings = Pick<LocalSettings, "notifyWebhook" | "notifyCommand" | "notifySecret">;

/** The last one goes out beside those before it, if they take longer than this. */
const ORDER_MS = 2_000;

interface Channel {
  /** For people; what secrets its address may have is not in it. */
  readonly name: string;
  /** Null: delivered. */
  deliver(body: string, stop: AbortSignal): Promise<string | null>;
}

export interface Line {
  /** Behind those that were added before. True: delivered. */
  add(event: Event, body: string): Promise<boolean>;
  /** Adds the last one, and resolves when nothing is under way any more. */
  end(body: string): Promise<void>;
  /** What was not taken, for people; null where all was. */
  warning(): string | null;
}

/** @param over aborted when nothing is waited for any more: what is not delivered by then is lost */
export function openLines(settings: NotifySettings, clock: Clock, log: Logger, over: AbortSignal): Line[] {
  return channelsOf(settings, clock).map((channel) => openLine(channel, clock, log, over));
}

function channelsOf(
  { notifyWebhook: url, notifyCommand: command, notifySecret }: NotifySettings,
  clock: Clock,
): Channel[] {
  const channels: Channel[] = [];
  // Read when something is to be told: most runs have nothing to tell until they end.
  const parts = () => import("./deliver.ts");
  if (url !== null)
    channels.push({
      name: `the webhook at ${new URL(url).host}`,
      deliver: async (body, stop) => (await parts()).post(url, notifySecret, body, clock, stop),
    });
  if (command !== null)
    channels.push({
      name: `the command ${basename(command[0] ?? "")}`,
      deliver: async (body, stop) => (await parts()).tell(command, body, notifySecret, stop),
    });
  return channels;
}

function openLine({ name, deliver }: Channel, clock: Clock, log: Logger, over: AbortSignal): Line {
  const lost = { count: 0, reason: "" };
  let before: Promise<unknown> = Promise.resolve();

  async function deliverOne(event: Event, body: string): Promise<boolean> {
    const late = "nobody waits for it any more";
    const reason = over.aborted ? late : await deliver(body, over).catch((error: unknown) => nameOf(error));
    if (reason === null) {
      log.info({ event, to: name }, "notice delivered");
      return true;
    }
    lost.count++;
    lost.reason = reason;
    log.warn({ event, to: name, reason }, "notice not delivered");
    return false;
  }

  return {
    add(event, body) {
      const delivered = before.then(() => deliverOne(event, body));
      before = delivered;
      return delivered;
    },
    async end(body) {
      const enough = new AbortController();
      await Promise.race([before, clock.sleep(ORDER_MS, enough.signal)]);
      enough.abort();
      await Promise.all([before, deliverOne("ended", body)]);
    },
    warning() {
      const { count, reason } = lost;
      return count === 0 ? null : `${name} did not take ${count} notice${count === 1 ? "" : "s"} (${reason})`;
    },
  };
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : "unknown");
