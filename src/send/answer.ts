// A raw reply in, an exchange out: the allow-list of what may be kept of an answer (DESIGN.md, outcome rules).
import * as z from "zod";
import type { Exchange } from "../settle/classify.ts";
import type { RefusedPart } from "../settle/outcome.ts";
import type { Reply } from "./http.ts";

/** Names and codes only: an endpoint that echoes a customer's value in their place must not get it into a report. */
const word = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/);
const path = z.string().regex(/^(\/[A-Za-z0-9_]{1,40}){0,8}$/);
const params = z.looseObject({
  missingProperty: word.optional().catch(undefined),
  additionalProperty: word.optional().catch(undefined),
});
const part = z.object({ instancePath: path, keyword: word, params: params.optional().catch(undefined) });
const answer = z.object({
  code: word,
  subCode: word.optional().catch(undefined),
  context: z.unknown().optional(),
});

/** At most this many entries of a validation answer are kept. */
const PARTS = 20;

export function readReply(reply: Reply, wall: () => number): Exchange {
  if (reply.kind === "silence") return reply;
  const { http, latency } = reply;
  const parsed = parseJson(reply.body);
  if (http === 200) return { kind: "answer", http, code: codeOf(parsed), latency };
  const retryAfter = readRetryAfter(reply.headers["retry-after"], wall);
  const found = answer.safeParse(parsed);
  if (!found.success) {
    return { kind: "answer", http, code: null, latency, ...(retryAfter === null ? {} : { retryAfter }) };
  }
  const parts = readParts(found.data.context);
  return {
    kind: "answer",
    http,
    code: found.data.code,
    latency,
    ...(found.data.subCode === undefined ? {} : { subCode: found.data.subCode }),
    ...(parts.length === 0 ? {} : { parts }),
    ...(retryAfter === null ? {} : { retryAfter }),
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

function codeOf(parsed: unknown): string | null {
  if (typeof parsed !== "object" || parsed === null || !("code" in parsed)) return null;
  if (parsed.code === "0") return "0";
  return word.safeParse(parsed.code).data ?? null;
}

function readParts(context: unknown): RefusedPart[] {
  if (!Array.isArray(context)) return [];
  return context.slice(0, PARTS).flatMap((entry) => {
    const found = part.safeParse(entry);
    if (!found.success) return [];
    const property = found.data.params?.missingProperty ?? found.data.params?.additionalProperty;
    const kept = { path: found.data.instancePath, keyword: found.data.keyword };
    return [property === undefined ? kept : { ...kept, property }];
  });
}

/** `Retry-After` (RFC 9110, 10.2.3) in milliseconds, at most an hour; null where absent or unreadable. */
export function readRetryAfter(value: string | string[] | undefined, wall: () => number): number | null {
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  if (!text) return null;
  const wait = /^\d{1,12}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - wall();
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), 3_600_000);
}
