// What the tests of the whole path share: rows and what the endpoint must know after them, a simulator, and real runs.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { afterEach } from "vitest";
import * as z from "zod";
import { type Simulator, startSimulator } from "../../src/endpoint/simulator.ts";
import type { SimulatorInput } from "../../src/endpoint/simulator-options.ts";
import type { STATUSES } from "../../src/settle/outcome.ts";
import { type Cli, type Ended, type Running, useCli } from "../cli/support.ts";

const COLUMNS = [
  ...["customerId", "firstName", "lastName", "email", "addressLine1", "addressLine2", "city", "stateCode"],
  ...["postalCode", "countryCodeA3", "countryDialingCode", "phoneNumber"],
] as const;
export type Cells = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** Row `i` of a file in which every customer comes again after `customers` rows, each time with other values. */
export function makeRows(count: number, customers: number): Cells[] {
  return Array.from({ length: count }, (_, i) => ({
    customerId: `csta_${i % customers}`,
    firstName: `Åsa ${i}`,
    lastName: i % 5 === 0 ? `O'Neill, "the ${i}th"\nof her name` : `Last${i}`,
    email: i % 3 === 0 ? "" : `person${i}@example.com`,
    addressLine1: `${i} Main Street, Apt ${i}`,
    addressLine2: i % 4 === 0 ? `Floor ${i}` : "",
    city: "Holtsville",
    stateCode: "NY",
    postalCode: String(i % 1_000).padStart(5, "0"),
    countryCodeA3: "USA",
    countryDialingCode: "01",
    phoneNumber: String(2_000_000_000 + i),
  }));
}

export function toCsv(rows: readonly Readonly<Record<string, string>>[]): string {
  return stringify([...rows], { header: true });
}

export function toNdjson(rows: readonly Cells[]): string {
  const lines = rows.map((row) => JSON.stringify(Object.fromEntries(Object.entries(row).filter(([, v]) => v !== ""))));
  return `${lines.join("\n")}\n`;
}

/** Every customer as the rows in their order make it; an empty cell leaves what was there. */
export function customersAfter(rows: readonly Cells[]): Map<string, object> {
  const cells = new Map<string, Cells>();
  for (const row of rows) {
    const filled = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== ""));
    cells.set(row.customerId, { ...(cells.get(row.customerId) ?? row), ...filled });
  }
  const given = (parts: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== ""));
  return new Map(
    [...cells].map(([id, c]) => {
      const { customerId, firstName, lastName, email, countryDialingCode, phoneNumber, ...address } = c;
      const addresses = [{ type: "PRIMARY", ...given(address) }];
      const phones = [{ type: "MOBILE", countryDialingCode, phoneNumber }];
      return [id, { ...given({ customerId, firstName, lastName, email }), addresses, phones }];
    }),
  );
}

export function customersOf(simulator: Simulator): Map<string, object> {
  return new Map([...simulator.customers()].map((customer) => [customer.customerId, customer]));
}

const count = z.number().int().min(0);
const summary = z.looseObject({
  run: z.string(),
  retryOf: z.string().nullable(),
  state: z.string(),
  stopped: z
    .object({
      rule: z.string(),
      message: z.string(),
      rows: z.array(z.object({ row: count, code: z.string().nullable() })),
    })
    .nullable(),
  read: count,
  balanced: z.boolean(),
  counts: z.strictObject({
    updated: count,
    unchanged: count,
    rejected: count,
    failed: count,
    unknown: count,
    unsent: count,
  } satisfies Record<(typeof STATUSES)[number], z.ZodNumber>),
  requests: z.object({ sent: count, retried: count }),
  ambiguousUpdated: count,
  superseded: count,
  resumes: count,
  epochs: z.array(z.string()),
  errors: z.array(z.looseObject({ status: z.string(), code: z.string(), count })),
  warnings: z.array(z.string()),
  reports: z.object({
    dir: z.string(),
    success: z.string().nullable(),
    errors: z.string().nullable(),
    unsent: z.string().nullable(),
  }),
});
export type RunSummary = z.infer<typeof summary>;

export interface Run extends Ended {
  readonly summary: RunSummary;
}

export function summaryOf(ended: Ended): Run {
  try {
    return { ...ended, summary: summary.parse(JSON.parse(ended.stdout)) };
  } catch {
    throw new Error(`no summary, exit code ${ended.code}:\n${ended.stdout}${ended.stderr}`);
  }
}

/**
 * What an endpoint without faults gets for so many rows: one request for each. A machine so busy that a lease runs out sends
 * again what was in flight, and the run says of each such request that it was one more.
 */
export function requestsFor(rows: number, { requests }: RunSummary): number {
  return rows + requests.retried;
}

/** Records of a CSV report, keyed by column. */
export function recordsOf(path: string | null): Record<string, string>[] {
  return z.array(z.record(z.string(), z.string())).parse(parse(readFileSync(path ?? ""), { columns: true }));
}

export interface Pipeline {
  readonly cli: Cli;
  readonly dataDir: string;
  /** Of the last simulator started. */
  readonly env: Readonly<Record<string, string>>;
  simulate(options?: SimulatorInput): Promise<Simulator>;
  /** Writes a file in the test's folder; returns its path. */
  file(name: string, content: string): string;
  start(args: readonly string[], env?: Readonly<Record<string, string>>, input?: string): Running;
  /** `updraft run … --json`. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>, input?: string): Promise<Run>;
  /** What a command answers, in this process; see `Cli.within`. */
  ask(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** As `run`, for a run that is only given: in this process, its worker too. */
  given(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Run>;
  /** Names of the runs in the data folder. */
  runs(): string[];
}

/** Call it at the top of a test file. `redisUrl` is the Redis to use; without it the data folder's own. */
export function usePipeline(redisUrl: () => string | null = () => null): Pipeline {
  const cli = useCli();
  let simulators: Simulator[] = [];
  afterEach(async () => {
    for (const simulator of simulators) await simulator.stop();
    simulators = [];
  });
  const environment = () => {
    const url = redisUrl();
    return {
      CONNECTFI_BASE_URL: simulators.at(-1)?.url ?? "http://127.0.0.1:9",
      CONNECTFI_LOGIN: "simulator",
      CONNECTFI_PASSWORD: "simulator",
      UPDRAFT_DATA_DIR: join(cli.folder, "data"),
      ...(url === null ? {} : { REDIS_URL: url }),
    };
  };
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}, input = "") =>
    cli.start(args, { env: { ...environment(), ...env }, input });
  const ask = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    cli.within(args, { ...environment(), ...env });
  return {
    cli,
    get dataDir() {
      return join(cli.folder, "data");
    },
    get env() {
      return environment();
    },
    async simulate(options) {
      const simulator = await startSimulator(options);
      simulators.push(simulator);
      return simulator;
    },
    file(name, content) {
      const path = join(cli.folder, name);
      writeFileSync(path, content);
      return path;
    },
    start,
    ask,
    given: async (args, env) => summaryOf(await ask(["run", ...args, "--json"], env)),
    run: async (args, env, input) => summaryOf(await start(["run", ...args, "--json"], env, input).ended),
    runs() {
      try {
        return readdirSync(join(cli.folder, "data", "runs"));
      } catch {
        return [];
      }
    },
  };
}

/** Resolves when `holds`; what hangs is ended by the test's own limit. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Whether a process lives; one that has ended but was not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Processes that this one started. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}
