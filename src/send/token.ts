// Credentials in, a valid token out: one login at a time for the whole process.
import type { Clock } from "../clock.ts";
import type { Contract, Credentials } from "../endpoint/contract.ts";
import type { RetryAfter } from "../settle/classify.ts";
import { readRetryAfter } from "./answer.ts";
import { Aborter, type HttpClient } from "./http.ts";

/** A token is renewed this long before it expires, or after nine tenths of a shorter life. */
const EARLY_MS = 30_000;
/** While credentials are refused the endpoint is asked again no sooner than this. */
const REFUSED_MS = 10_000;
/** And while no login is to be had, whatever number of rows wait for it. */
const UNAVAILABLE_MS = 1_000;
/** For a token without an expiry, or expired by our clock when it is made: a refusal will tell. */
const DEFAULT_LIFE_MS = 600_000;
const HEADERS = { "content-type": "application/json" };

export interface Token {
  readonly kind: "token";
  /** All headers of a request that it is sent with. */
  readonly headers: Readonly<Record<string, string>>;
  /** Set by who uses it: some request with it was let pass. */
  accepted: boolean;
}

export type TokenResult =
  | Token
  /** The login was refused. */
  | { readonly kind: "refused" }
  /** The login endpoint did not answer as it should; `fault` as in outcomes. */
  | { readonly kind: "unavailable"; readonly fault: string };

export interface Tokens {
  /** The token at hand, if there is one that is not `stale` (just refused): the way of nearly every row. */
  current(stale?: Token): Token | null;
  /** The token at hand, or a new one. */
  get(stale?: Token): Promise<TokenResult>;
  /** A new token was refused: so are the credentials, and no login is tried for a while. */
  refuse(token: Token): void;
}

/** Told of each login that brought neither a token nor a refusal. */
export type LoginFailed = (fault: string, sentAt: number, retryAfter: RetryAfter | null) => void;

export function makeTokens(
  http: HttpClient,
  contract: Contract,
  credentials: Credentials,
  timeout: number,
  clock: Clock,
  failed: LoginFailed = () => {},
): Tokens {
  const body = Buffer.from(JSON.stringify(contract.tokenRequest(credentials)));
  let held: Token | null = null;
  let until = 0;
  let pending: Promise<TokenResult> | null = null;
  let without: { readonly result: TokenResult; readonly until: number } | null = null;

  /** The same for all who ask in the next milliseconds. */
  function fail(result: TokenResult, ms: number): TokenResult {
    without = { result, until: clock.now() + ms };
    return result;
  }

  function unavailable(name: string, sentAt: number, retryAfter: RetryAfter | null): TokenResult {
    const fault = `login-${name}`;
    failed(fault, sentAt, retryAfter);
    return fail({ kind: "unavailable", fault }, Math.max(UNAVAILABLE_MS, retryAfter?.ms ?? 0));
  }

  async function login(): Promise<TokenResult> {
    if (without && clock.now() < without.until) return without.result;
    const asked = clock.now();
    const reply = await http.post(contract.tokenPath, HEADERS, body, timeout, () => true, new Aborter());
    if (reply.kind === "silence") return unavailable(reply.fault, asked, null);
    if (reply.http === 401 || reply.http === 403) return fail({ kind: "refused" }, REFUSED_MS);
    const found = reply.http === 200 && reply.body ? contract.tokenAnswer.safeParse(parse(reply.body)) : null;
    if (!found?.success) {
      return unavailable(`http-${reply.http}`, asked, readRetryAfter(reply.headers["retry-after"], clock.wall));
    }
    const { token, expiresAt } = found.data;
    const left = (expiresAt ?? 0) - clock.wall();
    const life = left > 0 ? left : DEFAULT_LIFE_MS;
    until = asked + Math.max(life - EARLY_MS, life * 0.9);
    held = { kind: "token", headers: { ...HEADERS, [contract.tokenHeader]: token }, accepted: false };
    return held;
  }

  function current(stale?: Token): Token | null {
    return held !== null && held !== stale && clock.now() < until ? held : null;
  }

  return {
    current,
    refuse(token) {
      if (held === token) held = null;
      fail({ kind: "refused" }, REFUSED_MS);
    },
    get(stale) {
      const token = current(stale);
      if (token) return Promise.resolve(token);
      pending ??= login().finally(() => {
        pending = null;
      });
      return pending;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
