// What a person or a test asks of the simulator, as text or values, in; its checked options out. The one declaration of
// every option: flags, help and documentation are made from SIMULATOR_OPTIONS.
import * as z from "zod";
import { UpdraftError } from "../errors.ts";

interface About {
  readonly unit: string;
  readonly effect: string;
}

const about = z.registry<About>();

const none = z.union([z.null(), z.literal("none").transform(() => null)]);

const SHARE = "expected a share such as 0.05 or 5%, at most 1 or 100%";
/** 0.05, "0.05" or "5%". */
const share = z
  .union([z.number(), z.string().regex(/^\d+(\.\d+)?%?$/, SHARE)], SHARE)
  .transform((v) => (typeof v === "number" ? v : v.endsWith("%") ? Number(v.slice(0, -1)) / 100 : Number(v)))
  .pipe(z.number().min(0, SHARE).max(1, SHARE));

const amount = (min: number, max: number, kind: string) => {
  const expected = `expected ${kind} from ${min} to ${max}`;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d+(\.\d+)?$/, expected)
          .transform(Number),
      ],
      expected,
    )
    .pipe(z.number().min(min, expected).max(max, expected));
};
const number = (min: number, max: number) => amount(min, max, "a number");
const whole = (min: number, max: number) =>
  amount(min, max, "a whole number").pipe(z.int(`expected a whole number from ${min} to ${max}`));

const span = z.strictObject({ from: z.number().min(0), to: z.number().min(0) });
const RANGE = "expected a number, or a range such as 10-50";
/** "20", "10-50", 20 or { from, to }. */
const range = (max: number) =>
  z
    .union(
      [
        span,
        z.number().transform((n) => ({ from: n, to: n })),
        z
          .string()
          .regex(/^\d+(\.\d+)?(-\d+(\.\d+)?)?$/, RANGE)
          .transform((v) => {
            const [from = "", to = from] = v.split("-");
            return { from: Number(from), to: Number(to) };
          }),
      ],
      RANGE,
    )
    .pipe(span.refine((v) => v.from <= v.to && v.to <= max, `expected a rising range, at most ${max}`));

const outage = z.union(
  [
    z.null(),
    z.literal("off").transform(() => null),
    z.literal("on").transform(() => ({ from: 0, to: 1e9 })),
    range(1e9),
  ],
  "expected seconds from-to such as 10-40, on or off",
);

const flag = z.union([z.boolean(), z.stringbool()], "expected yes or no");

const option = <T extends z.ZodType>(schema: T, unit: string, effect: string): T => {
  about.add(schema, { unit, effect });
  return schema;
};

const TEN_MINUTES = 600_000;
/** Shares of faults exclude each other: one draw per request decides, so they may add up to 1 at most. */
const shareOf = (effect: string) => option(share.prefault(0), "share", effect);

const PASSWORD = "expected 1 to 50 characters";

const SERVER = {
  host: option(z.string().min(1).prefault("127.0.0.1"), "address", "address to listen on"),
  port: option(whole(0, 65_535).prefault(0), "port", "port to listen on; 0 takes any free one"),
  login: option(
    z
      .string()
      .regex(/^[0-9a-zA-Z_]{1,36}$/, "expected 1 to 36 of the characters 0-9 a-z A-Z _")
      .prefault("simulator"),
    "text",
    "login that gets a token",
  ),
  password: option(
    z.string().min(1, PASSWORD).max(50, PASSWORD).prefault("simulator"),
    "secret",
    "password that gets a token",
  ),
  tokenLifetime: option(number(0.05, 1e7).prefault(3600), "seconds", "how long a token is accepted"),
  seed: option(
    whole(0, 2 ** 32 - 1).prefault(1),
    "number",
    "decides every fault: same seed and same rows, same faults",
  ),
  idPrefix: option(
    z
      .string()
      .regex(/^[\w-]{1,32}$/, "expected 1 to 32 letters, digits, _ and -")
      .prefault("SIMID"),
    "text",
    "start of every identification value in the answers, so that a search finds them wherever they leak",
  ),
  recordRequests: option(
    whole(0, 5_000_000).prefault(200_000),
    "requests",
    "how many of the latest requests /_sim/requests remembers (about 140 bytes each); 0 keeps counters only",
  ),
  recordProperty: option(
    z
      .union(
        [none, z.string().regex(/^\w{1,40}$/, "expected the name of a property, or none")],
        "expected the name of a property, or none",
      )
      .prefault("none"),
    "name|none",
    "property of an update, such as email, whose value /_sim/requests tells too: it shows which row a request was",
  ),
  keepCustomers: option(
    flag.prefault("yes"),
    "yes|no",
    "keep customers; no: answer with what was sent and store nothing",
  ),
};

const FAULTS = {
  latency: option(range(TEN_MINUTES).prefault(0), "ms", "time before the effect and the answer: fixed, or from-to"),
  latencyKnee: option(
    z.union([none, whole(1, 1e6)], "expected a whole number from 1, or none").prefault("none"),
    "number|none",
    "an update that comes while more than so many, itself included, are being worked on takes twice as long",
  ),
  slowShare: shareOf("requests that take --slow-ms longer"),
  slowMs: option(range(TEN_MINUTES).prefault(3000), "ms", "how much longer slow requests take"),
  share500: shareOf("answers 500"),
  share502: shareOf("answers 502"),
  share503: shareOf("answers 503, without effect"),
  share504: shareOf("answers 504"),
  effectShare5xx: option(
    share.prefault(0),
    "share",
    "of the answers 500, 502 and 504: how many took effect all the same",
  ),
  share429: shareOf("answers 429, without effect"),
  retryAfter: option(number(0, 86_400).prefault(1), "seconds", "Retry-After of answers 429; 0 sends no such header"),
  retryAfter503: option(number(0, 86_400).prefault(0), "seconds", "Retry-After of answers 503; 0 sends no such header"),
  resetBeforeShare: shareOf("connection reset, without effect"),
  resetAfterShare: shareOf("connection reset after the effect"),
  silentBeforeShare: shareOf("never answered, without effect"),
  silentAfterShare: shareOf("never answered after the effect"),
  lateShare: shareOf("effect that comes --late-ms after the request was given up on"),
  lateMs: option(range(TEN_MINUTES).prefault("500-2000"), "ms", "how late a late effect comes"),
  lateEnding: option(
    z.enum(["reset", "silent"], "expected reset or silent").prefault("reset"),
    "reset|silent",
    "how a request with a late effect ends",
  ),
  htmlShare: shareOf("200 with an HTML page, without effect"),
  emptyShare: shareOf("200 with an empty body, after the effect"),
  hugeShare: shareOf("200 with a body of 10 MB, after the effect"),
  brokenShare: shareOf("200 with JSON that breaks off, after the effect"),
  redirectShare: shareOf("302 to another path of the simulator, which counts who follows; without effect"),
  codeShare: shareOf('200 with a code other than "0", without effect'),
  echoShare: shareOf("400 whose message and context repeat the values sent, without effect"),
  revokeShare: shareOf("401: the token used is revoked at this moment"),
  maxFaultsPerRow: option(
    z.union([none, whole(0, 1e6)], "expected a whole number from 0, or none").prefault(3),
    "number|none",
    "after so many faults a row (told by its body) gets none of the shares above any more",
  ),
  refuseShare: option(share.prefault(0), "share", "customers that are refused for good, as --refuse-as says"),
  refuseAs: option(
    z.enum(["400", "403"], "expected 400 or 403").prefault("400"),
    "400|403",
    "how: 400 extCondor, or 403 with an empty body",
  ),
  rateLimit: option(
    z.union([none, whole(1, 1e6)], "expected a whole number from 1, or none").prefault("none"),
    "requests/s|none",
    "more than this in any second is answered 429 with Retry-After",
  ),
  outage: option(
    outage.prefault("off"),
    "seconds",
    "from-to since start (or since faults were set), on, or off; the login is out too",
  ),
  outageAs: option(
    z.enum(["503", "reset", "refuse"], "expected 503, reset or refuse").prefault("503"),
    "503|reset|refuse",
    "how the outage shows: an answer, a reset, or no one listening (then the window must end)",
  ),
};

const faultsSchema = z.strictObject(FAULTS).superRefine((v, context) => {
  const shares = [
    ...[v.share500, v.share502, v.share503, v.share504, v.share429, v.resetBeforeShare, v.resetAfterShare],
    ...[v.silentBeforeShare, v.silentAfterShare, v.lateShare, v.htmlShare, v.emptyShare, v.hugeShare, v.brokenShare],
    ...[v.redirectShare, v.codeShare, v.echoShare, v.revokeShare],
  ];
  const sum = shares.reduce((a, b) => a + b, 0);
  if (sum > 1 + 1e-9) context.addIssue(`expected shares of faults that add up to 1 at most, got ${sum.toFixed(3)}`);
});
const serverSchema = z.strictObject(SERVER);

export type ServerSettings = z.output<typeof serverSchema>;
export type FaultSettings = z.output<typeof faultsSchema>;
export type SimulatorOptions = ServerSettings & FaultSettings;
/** Every option may be left out, and given as its value or as the text of a flag. */
export type SimulatorInput = z.input<typeof serverSchema> & z.input<typeof faultsSchema>;
export type FaultInput = z.input<typeof faultsSchema>;

export interface OptionDeclaration extends About {
  readonly name: string;
  /** As a person would write it. */
  readonly default: string;
  /** Can be changed while the simulator runs: `POST /_sim/faults`. */
  readonly live: boolean;
}

export const SIMULATOR_OPTIONS: readonly OptionDeclaration[] = [...declare(SERVER, false), ...declare(FAULTS, true)];

function declare(shape: Readonly<Record<string, z.ZodType>>, live: boolean): OptionDeclaration[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { unit, effect } = about.get(schema) ?? { unit: "", effect: "" };
    const fallback = schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : "";
    return { name, unit, effect, default: fallback, live };
  });
}

/** Text or values, keyed by option name; undefined means left out. Throws `simulator-option`. */
export function parseSimulatorOptions(input: Readonly<Record<string, unknown>>): SimulatorOptions {
  const server: Record<string, unknown> = {};
  const faults: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    if (value !== undefined) (name in SERVER ? server : faults)[name] = value;
  }
  return { ...checked(serverSchema, server), ...checked(faultsSchema, faults) };
}

export function faultsOf(options: SimulatorOptions): FaultSettings {
  const { host, port, login, password, tokenLifetime, seed, idPrefix, ...rest } = options;
  const { recordRequests, recordProperty, keepCustomers, ...faults } = rest;
  return faults;
}

/** Throws `simulator-option`. */
export function parseFaults(input: unknown): FaultSettings {
  return checked(faultsSchema, input);
}

function checked<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "options"}: ${message}`);
  throw new UpdraftError("simulator-option", { problems: problems.join("; ") });
}
