// Logins in; tokens that the simulator accepts until they expire or are revoked, out.
import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";

export interface Tokens {
  /** A new one; those granted before stay valid. */
  grant(): { readonly token: string; readonly dtsExpireAt: string };
  accepts(token: string): boolean;
  revoke(token: string): void;
}

/** `lifetime` in milliseconds. */
export function makeTokens(lifetime: number, clock: Clock): Tokens {
  /** When each expires, on the monotonic clock. */
  const tokens = new Map<string, number>();
  return {
    grant() {
      const now = clock.now();
      for (const [old, until] of tokens) if (until <= now) tokens.delete(old);
      // The beginning makes a token that leaked into a log or a store easy to find.
      const token = `simtoken-${randomBytes(24).toString("base64url")}`;
      tokens.set(token, now + lifetime);
      return { token, dtsExpireAt: new Date(clock.wall() + lifetime).toISOString() };
    },
    accepts: (token) => clock.now() < (tokens.get(token) ?? Number.NEGATIVE_INFINITY),
    revoke: (token) => void tokens.delete(token),
  };
}
