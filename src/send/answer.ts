// A raw reply in, an exchange out: the allow-list of what may be kept of an answer (DESIGN.md, outcome rules).
import * as z from "zod";
import type { Exchange, RetryAfter } from "../settle/classify.ts";
import type { RefusedPart } from "../settle/outcome.ts";
import type { Reply } from "./http.ts";

/**
 * Names and codes only: an endpoint that echoes a customer's value in their place must not get it into a report. Five
 * digits in a row are no code but a postal code, a phone number, a date or a document.
 */
const word = z.string().regex(/^(?!.*\d{5})(?!\d+-)[A-Za-z0-9_.-]{1,64}$/);
const path = z.string().regex(/^(\/([A-Za-z_][A-Za-z0-9_]{0,39}|\d{1,3})){0,8}$/);
const params = z.looseObject({
  missingProperty: word.optional().catch(undefined),
  additionalProperty: word.optional().catch(undefined),
});
const part = z.object({ instancePath: path, keyword: word, params: params.optional().catch(undefined) });
const answer = z.object({
  code: z.string().optional().catch(undefined),
  subCode: word.optional().catch(undefined),
  context: z.unknown().optional(),
});

/** At most this many entries of a validation answer are kept. */
const PARTS = 20;
const SHORT = 4;

/** `sent` is the body of the request: what the answer repeats of its values is not kept, whatever it is called there. */
export function readReply(reply: Reply, wall: () => number, sent: Buffer): Exchange {
  if (reply.kind === "silence") return reply;
  const { http, latency } = reply;
  if (http === 200 && isPlainSuccess(reply.body)) return { kind: "answer", http, code: "0", latency };
  const parsed = parseJson(reply.body);
  if (http === 200 && isSuccess(parsed)) return { kind: "answer", http, code: "0", latency };
  const found = answer.safeParse(parsed).data;
  const isEcho = echoOf(sent);
  const kept = (text: string | undefined) => (text === undefined || isEcho(text) ? null : text);
  // A definite answer, even if its code may not be kept.
  const unnamed = http === 200 && found?.code !== undefined && found.code !== "" ? "unnamed" : null;
  const code = kept(word.safeParse(found?.code).data) ?? unnamed;
  if (http === 200) return { kind: "answer", http, code, latency };
  const subCode = kept(found?.subCode);
  const parts = readParts(found?.context, isEcho);
  const retryAfter = readRetryAfter(reply.headers["retry-after"], wall);
  return {
    kind: "answer",
    http,
    code,
    latency,
    ...(subCode === null ? {} : { subCode }),
    ...(parts.length === 0 ? {} : { parts }),
    ...(retryAfter === null ? {} : { retryAfter }),
  };
}

/**
 * The documented answer to an update, whole: nearly every row's. It repeats the customer with all documents, which then
 * are never even parsed. HTTP's framing has made sure that it was not cut off.
 */
function isPlainSuccess(body: string | null): boolean {
  return body?.startsWith('{"code":"0","') === true && body.endsWith("}}");
}

function isSuccess(parsed: unknown): boolean {
  return typeof parsed === "object" && parsed !== null && "code" in parsed && parsed.code === "0";
}

/** Whether a text repeats a value of this body; for short ones (`PA`) as a whole, for others as a part too. */
function echoOf(sent: Buffer): (text: string) => boolean {
  const values: string[] = [];
  JSON.parse(sent.toString("utf8"), (key, value: unknown) => {
    // The kinds of an address or a phone are the contract's words.
    if (typeof value === "string" && key !== "type") values.push(value.toLowerCase());
    return value;
  });
  return (text) => {
    const low = text.toLowerCase();
    return values.some((value) => (value.length < SHORT ? low === value : low.includes(value)));
  };
}

function parseJson(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readParts(context: unknown, isEcho: (text: string) => boolean): RefusedPart[] {
  if (!Array.isArray(context)) return [];
  return context.slice(0, PARTS).flatMap((entry) => {
    const found = part.safeParse(entry).data;
    if (!found) return [];
    const { instancePath: path, keyword, params } = found;
    if ([keyword, path, ...path.split("/")].some(isEcho)) return [];
    const property = params?.missingProperty ?? params?.additionalProperty;
    return [property === undefined || isEcho(property) ? { path, keyword } : { path, keyword, property }];
  });
}

/** A rest is no longer than this, whatever the endpoint asks for: it may be a mistake, and is asked for again if not. */
const LONGEST_REST_MS = 3_600_000;

/** `Retry-After` (RFC 9110, 10.2.3), seconds or a date; null where absent or unreadable. */
export function readRetryAfter(value: string | string[] | undefined, wall: () => number): RetryAfter | null {
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  if (!text) return null;
  // Other figures are neither seconds nor a date, whatever a parser makes of them.
  if (!/^\d+$/.test(text) && !Number.isNaN(Number(text))) return null;
  const asked = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - wall();
  return Number.isNaN(asked)
    ? null
    : { ms: Math.min(Math.max(asked, 0), LONGEST_REST_MS), capped: asked > LONGEST_REST_MS };
}
