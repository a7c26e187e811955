// The shape of a contract: all that the rest of the program may know about one update endpoint.
import type { z } from "zod";

/** A property of the body, or a part of one entry of a group. */
export interface Property {
  readonly name: string;
  readonly required: boolean;
  /** What a valid value looks like, for people: "5 digits". */
  readonly expected: string;
}

/** A property that holds several entries, told apart by their `type`: addresses, phones. */
export interface Group {
  readonly name: string;
  /** What one entry is called: `address`. */
  readonly entry: string;
  /** In the order in which they are sent. The first is what a name without a prefix means. */
  readonly types: readonly string[];
  /** Without `type`, in the order in which they are sent. */
  readonly parts: readonly Property[];
  /** The part that `mobile phone` alone means; null where an entry has no such part. */
  readonly main: string | null;
}

export interface Credentials {
  readonly login: string;
  readonly password: string;
}

export interface TokenAnswer {
  readonly token: string;
  /** Milliseconds since 1970, by the endpoint's clock; null where the answer does not say. */
  readonly expiresAt: number | null;
}

export interface Contract {
  /** Part of a run's identity and of the worker's check that it was set up for the same endpoint. */
  readonly name: string;
  /** What to warn of once per run; null for an endpoint that is not deprecated. */
  readonly deprecated: string | null;
  /** Paths below the base URL, each with POST. */
  readonly updatePath: string;
  readonly tokenPath: string;
  /** The header that carries the token. */
  readonly tokenHeader: string;
  readonly credentials: z.ZodType<Credentials>;
  /** The body of the token request. */
  tokenRequest(credentials: Credentials): unknown;
  /** The body of a 200 of the token request. */
  readonly tokenAnswer: z.ZodType<TokenAnswer>;
  /**
   * The body of an update as the endpoint takes it. `today` (YYYY-MM-DD) bounds dates of birth. An issue of code
   * `custom` carries `params.code`, one of plan/problems.ts.
   */
  updateSchema(today: string): z.ZodType;
  /** The property that names the customer. */
  readonly identity: string;
  /** Properties with one value, the identity first, in the order in which they are sent. */
  readonly properties: readonly Property[];
  /** Sent after them. */
  readonly groups: readonly Group[];
  /** Properties that are dates, and those that are ZIP codes: what a spreadsheet is likely to damage. */
  readonly dates: readonly string[];
  readonly zips: readonly string[];
  /** Other names that are accepted for a property or part. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Names that are not accepted, but tell which property was probably meant; with `landline.` for that type alone. */
  readonly synonyms: Readonly<Record<string, readonly string[]>>;
  /** Whether a name means an identification document, which the endpoint cannot change. */
  isIdentification(name: string): boolean;
}
