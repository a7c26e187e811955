// How the run of a taken file ended in; what becomes of the file, out.

import { type ErrorFields, UpdraftError } from "../errors.ts";
import { CONTAINER_ERRORS } from "../open/errors.ts";
import { INPUT_ERRORS } from "../parse/errors.ts";
import { REFUSED } from "../write/conclude.ts";
import type { Summary } from "../write/summary.ts";
import { codeOf, systemFault } from "./watch-folders.ts";

export type Fate =
  /** Its run is over: reports to the outbox, the file to the archive. */
  | { readonly kind: "archive"; readonly dir: string; readonly run: string }
  /** It is no run, or one that a person has to look at: to the refused ones. `dir` where there are reports, of `run`. */
  | { readonly kind: "refuse"; readonly error: UpdraftError; readonly run: string | null; readonly dir: string | null }
  /** Applied before, as another file: a note goes to the outbox. */
  | { readonly kind: "repeated"; readonly error: UpdraftError; readonly run: string }
  /** It was written to before a row of it was sent: it is looked at as if it had just come. */
  | { readonly kind: "settle" }
  /** Another process has its run for now, or a run of its job. */
  | { readonly kind: "wait"; readonly error: UpdraftError }
  /** Nothing can be run just now: it stays, and so does the order of the files behind it. */
  | {
      readonly kind: "rest";
      /** Null where its run has told of it. */
      readonly code: string | null;
      readonly message: string;
    }
  /** This process is to end: the file waits for the next one. */
  | { readonly kind: "leave" }
  /** Somebody took it away. */
  | { readonly kind: "gone" };

export interface Ended {
  /** Null where its turn did not come. */
  readonly summary: Summary | null;
  /** Thrown instead; null where nothing was. */
  readonly error: unknown;
  /** Of its run, in this spell or an earlier one: null where none began. */
  readonly began: string | null;
  /** The file is not what it was when its run began. */
  readonly changed: boolean;
  /** This process is to end, and waits no longer for what does not: what that cuts off is nobody's mistake. */
  readonly ending: boolean;
}

const REFUSALS: ReadonlySet<string> = new Set(Object.values(REFUSED));

/** Another process has the run, or what the endpoint has accepted from its job: a person who runs it by hand, say. */
export function isHeld(code: string): boolean {
  return ["run-held", "run-held-by", "run-taken-over", "accepted-held"].includes(code);
}

/** Others of their kind, such as `set-invalid` and `job-invalid`, say that the settings or the job are wrong, whatever the file. */
const OF_COLUMNS: readonly string[] = ["set-and-column", "job-column-missing", "job-constant-and-column"];
const OF_SETTINGS = /^set-|^columns-or-header$|^dialect-(?:file|contradicts)$/;
/** What keeps every file from being read, whichever it is: too many are open, a share is away. */
const OF_SYSTEM: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "ESTALE",
  "ETIMEDOUT",
  "EHOSTDOWN",
  "ENOTCONN",
]);
const isOfFile = (code: string) =>
  OF_COLUMNS.includes(code) ||
  Object.hasOwn(CONTAINER_ERRORS, code) ||
  (Object.hasOwn(INPUT_ERRORS, code) && !OF_SETTINGS.test(code));

/** Whatever one file does, the others are served on. @param name the file's, as it was dropped */
export function fateOf({ summary, error, ...file }: Ended, name: string): Fate {
  if (error !== null) return afterError(error, file, name);
  if (summary === null) return { kind: "leave" };
  const { run, state, reports, stopped } = summary;
  if (run === null) throw new Error("a run has a name");
  const { dir } = reports;
  switch (state) {
    case "complete":
    case "cancelled":
      return file.changed ? { kind: "refuse", error: grew(name, run), run, dir } : { kind: "archive", dir, run };
    case "stopped": {
      const why = stopped?.message ?? "";
      return { kind: "refuse", error: new UpdraftError("watch-run-stopped", { file: name, run, why }), run, dir };
    }
    case "blocked":
      return {
        kind: "rest",
        code: null,
        message: summary.warnings.find((line) => REFUSALS.has(line)) ?? REFUSED.credentials,
      };
    case "interrupted":
      return { kind: "leave" };
    default:
      throw new Error(`a run does not end ${state}`);
  }
}

type Taken = Pick<Ended, "began" | "changed" | "ending">;

function afterError(error: unknown, { began, changed, ending }: Taken, name: string): Fate {
  if (!(error instanceof UpdraftError)) return ending ? { kind: "leave" } : unexpected(error, began, name);
  const { code } = error;
  if (code === "run-finished") {
    const { run, dir } = texts(error.fields);
    // This process, or the one that had the file before, died between the end of the run and the move of the file.
    if (began === run)
      return changed ? { kind: "refuse", error: grew(name, run), run, dir } : { kind: "archive", dir, run };
    return { kind: "repeated", error, run };
  }
  if (code === "file-changed" && began === null) return { kind: "settle" };
  if (code === "file-missing") return { kind: "gone" };
  if (code === "not-begun") return { kind: "leave" };
  if (isHeld(code)) return { kind: "wait", error };
  if (code === "file-unreadable" && OF_SYSTEM.has(String(error.fields.cause)))
    return { kind: "rest", code, message: error.message };
  if (isOfFile(code) || code.startsWith("ledger-"))
    return { kind: "refuse", error: about(error, name), run: began, dir: null };
  // What the disk or Redis failed, or what is wrong with the settings of the job: no file is to blame, and the next one would fare no better.
  return { kind: "rest", code, message: error.message };
}

/** Redis and the system fail all files alike; what a mistake in the program does is this file's, as far as anybody knows. */
function unexpected(error: unknown, began: string | null, file: string): Fate {
  const why = systemFault(error);
  if (why !== null) return { kind: "rest", code: codeOf(error), message: `it cannot be brought to its end: ${why}` };
  const kind = error instanceof Error ? error.name : typeof error;
  if (kind === "ReplyError") return { kind: "rest", code: "redis-refused", message: "Redis refused a command" };
  const cause = { cause: error };
  return {
    kind: "refuse",
    error: new UpdraftError("watch-file-unexpected", { file, kind }, cause),
    run: began,
    dir: null,
  };
}

/** The same error, of the file as people know it: where it is just now is nobody's business. */
function about({ code, fields, cause }: UpdraftError, name: string): UpdraftError {
  return new UpdraftError(code, code.startsWith("ledger-") ? fields : { ...fields, file: name }, { cause });
}

function grew(file: string, run: string): UpdraftError {
  return new UpdraftError("watch-file-grew", { file, run });
}

function texts(fields: ErrorFields): { run: string; dir: string } {
  return { run: String(fields.run), dir: String(fields.dir) };
}

const REST_FIRST_MS = 15_000;
const REST_MOST_MS = 300_000;

/** Milliseconds to wait after so many rests in a row. */
export function restAfter(rests: number): number {
  return Math.min(REST_MOST_MS, REST_FIRST_MS * 2 ** rests);
}
