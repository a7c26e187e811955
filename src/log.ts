// Where logs go and from which level on, in; a pino logger out. Lines hold the fields the callers chose, and nothing is redacted afterwards.
import { mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type DestinationStream, type Logger, pino } from "pino";
import { UpdraftError } from "./errors.ts";

export type { Logger };

export interface LogTarget {
  readonly logFile: string | null;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** On a terminal people read plain lines instead: without a file nothing is logged. */
  readonly terminal: boolean;
}

/** Lines are written before the call returns, so that the last one before a crash is there too; a run logs few of them. */
export function makeLogger({ logFile, logLevel, terminal }: LogTarget): Logger {
  if (logFile === null && terminal) return pino({ level: "silent" });
  const destination = pino.destination({ fd: logFile === null ? 2 : openLog(logFile), sync: true });
  // A log that cannot be written (disk full, reader gone) must not end a run; the ledger says so if it is the same disk.
  destination.on("error", () => {});
  return logTo(destination, logLevel);
}

export function logTo(destination: DestinationStream, level: string): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    destination,
  );
}

/**
 * What may be logged of an error that is not in our table: its kind and where it came from. Its message may quote a
 * customer's value (parsers and databases do that), so it stays out.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof UpdraftError) {
    return { type: error.name, code: error.code, message: error.message, next: error.next };
  }
  if (!(error instanceof Error)) return { type: typeof error };
  const code =
    "code" in error && (typeof error.code === "string" || typeof error.code === "number") ? error.code : undefined;
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim());
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    frames,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

function openLog(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, "a", 0o600);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    throw new UpdraftError("log-file", { file, reason }, { cause: error });
  }
}
