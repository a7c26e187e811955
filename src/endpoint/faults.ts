// Seed, hash of a request's body and how often it was seen, in; what befalls that request, out. Pure, so that a run can be
// repeated whatever the order and concurrency in which its requests arrive.
import type { FaultSettings } from "./simulator-options.ts";

export type FaultName =
  | "http-500"
  | "http-502"
  | "http-503"
  | "http-504"
  | "http-429"
  | "reset-before"
  | "reset-after"
  | "silent-before"
  | "silent-after"
  | "late"
  | "html"
  | "empty"
  | "huge"
  | "broken"
  | "redirect"
  | "code"
  | "echo"
  | "revoke";

/** When, if at all, the change a faulty request carries takes effect. */
export type Effect = "now" | "late" | "never";

export interface Decision {
  readonly fault: FaultName | null;
  readonly effect: Effect;
  /** Milliseconds before anything else happens, while few other requests are being worked on. */
  readonly delay: number;
  /** Milliseconds from giving the request up to its effect, for a late one. */
  readonly late: number;
}

export interface FaultPlan {
  readonly seed: number;
  readonly settings: FaultSettings;
  /** Rising upper bounds of each fault's part of [0, 1). */
  readonly bounds: readonly { readonly below: number; readonly fault: FaultName; readonly effect: Effect | "drawn" }[];
  /** False when no request needs its body hashed: nothing is drawn. */
  readonly draws: boolean;
}

const NOTHING: Decision = { fault: null, effect: "now", delay: 0, late: 0 };

export function planFaults(seed: number, s: FaultSettings): FaultPlan {
  const parts: [FaultName, number, Effect | "drawn"][] = [
    ["http-500", s.share500, "drawn"],
    ["http-502", s.share502, "drawn"],
    ["http-503", s.share503, "never"],
    ["http-504", s.share504, "drawn"],
    ["http-429", s.share429, "never"],
    ["reset-before", s.resetBeforeShare, "never"],
    ["reset-after", s.resetAfterShare, "now"],
    ["silent-before", s.silentBeforeShare, "never"],
    ["silent-after", s.silentAfterShare, "now"],
    ["late", s.lateShare, "late"],
    ["html", s.htmlShare, "never"],
    ["empty", s.emptyShare, "now"],
    ["huge", s.hugeShare, "now"],
    ["broken", s.brokenShare, "now"],
    ["redirect", s.redirectShare, "never"],
    ["code", s.codeShare, "never"],
    ["echo", s.echoShare, "never"],
    ["revoke", s.revokeShare, "never"],
  ];
  const bounds: { below: number; fault: FaultName; effect: Effect | "drawn" }[] = [];
  let below = 0;
  for (const [fault, share, effect] of parts) {
    below += share;
    if (share > 0) bounds.push({ below, fault, effect });
  }
  return { seed, settings: s, bounds, draws: bounds.length > 0 || s.slowShare > 0 || s.latency.to > 0 };
}

/**
 * What befalls the `nth` request (from 1) with this body, of which `faulted` had a fault before. With settings that stay
 * as they are `faulted` follows from the other arguments; it is passed so that nothing has to be drawn again.
 */
export function decide(plan: FaultPlan, body: number, nth: number, faulted: number): Decision {
  if (!plan.draws) return NOTHING;
  const s = plan.settings;
  const draw = (salt: number) => uniform(plan.seed, body, nth, salt);
  let delay = s.latency.to > 0 ? between(s.latency, draw(1)) : 0;
  if (s.slowShare > 0 && draw(2) < s.slowShare) delay += between(s.slowMs, draw(3));
  const part = s.maxFaultsPerRow !== null && faulted >= s.maxFaultsPerRow ? undefined : partOf(plan, draw(4));
  if (!part) return delay === 0 ? NOTHING : { ...NOTHING, delay };
  const effect = part.effect !== "drawn" ? part.effect : draw(5) < s.effectShare5xx ? "now" : "never";
  return { fault: part.fault, effect, delay, late: effect === "late" ? between(s.lateMs, draw(6)) : 0 };
}

/** Milliseconds before anything else happens to a request that came while so many, itself included, were being worked on. */
export function delayOf({ settings }: FaultPlan, decision: Decision, inFlight: number): number {
  return settings.latencyKnee !== null && inFlight > settings.latencyKnee ? 2 * decision.delay : decision.delay;
}

function partOf(plan: FaultPlan, u: number): FaultPlan["bounds"][number] | undefined {
  for (const part of plan.bounds) if (u < part.below) return part;
  return undefined;
}

/** Whether the endpoint never accepts a change to this customer. */
export function isRefused(plan: FaultPlan, customerId: string): boolean {
  return plan.settings.refuseShare > 0 && uniform(plan.seed, hashText(customerId), 0, 7) < plan.settings.refuseShare;
}

const between = (range: { readonly from: number; readonly to: number }, u: number) =>
  range.from + (range.to - range.from) * u;

/**
 * 52 bits in a number: two multiplicative 32-bit hashes over the UTF-16 units, finished as MurmurHash3 finishes. Among a
 * million bodies a collision has a chance of one in ten thousand, and would merely share two rows' faults.
 */
export function hashText(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
  }
  return (finish(a) >>> 12) * 2 ** 32 + finish(b ^ a);
}

/** [0, 1), even for neighbouring seeds and counts. */
function uniform(seed: number, body: number, nth: number, salt: number): number {
  let h = finish(seed ^ Math.imul(salt, 0x9e3779b1));
  h = finish(h ^ (body >>> 0));
  h = finish(h ^ Math.floor(body / 2 ** 32));
  return finish(h ^ Math.imul(nth, 0x85ebca77)) / 2 ** 32;
}

/** MurmurHash3's 32-bit finaliser. */
function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
