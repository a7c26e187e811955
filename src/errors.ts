// Every error a person can cause or meet: code in, one sentence with its exit code and what to do now out.

import { CONTAINER_ERRORS } from "./open/errors.ts";
import { INPUT_ERRORS } from "./parse/errors.ts";
import { JOB_ERRORS } from "./plan/errors.ts";

/** Exit codes of the program: README, "Exit codes". */
export const EXIT = {
  ok: 0,
  rowsFailed: 1,
  usage: 2,
  stopped: 3,
  blocked: 4,
  infrastructure: 5,
  interrupted: 130,
} as const;

interface ErrorKind {
  readonly exit: number;
  /** What happened; `{name}` is filled from the fields. */
  readonly message: string;
  /** What to do now; same placeholders. */
  readonly next: string;
}

/** One table of error codes; the README's troubleshooting section is tested against it. Alphabetical, after those of the parts above. */
export const ERRORS = {
  ...INPUT_ERRORS,
  ...CONTAINER_ERRORS,
  ...JOB_ERRORS,
  "accepted-broken": {
    exit: EXIT.infrastructure,
    message: "{file} is damaged: it holds what the endpoint has accepted, to send only what has changed",
    next: "move it away: it is made anew, and every row of the next file is sent once",
  },
  "accepted-held": {
    exit: EXIT.usage,
    message:
      'another run of job "{job}" to this endpoint goes on, and what has changed is judged by one of them at a time ({file})',
    next: "wait for it to end; if the job is not run with --changed-only any more, and never will be, remove that file",
  },
  "base-url-missing": {
    exit: EXIT.usage,
    message: "the endpoint is not set: expected a base URL such as https://api.example.com",
    next: "set CONNECTFI_BASE_URL or give --base-url",
  },
  "cancel-needs-file": {
    exit: EXIT.usage,
    message:
      "run {run} cannot be ended without the file it was started with, to list what was not sent: {file} {problem}",
    next: "name it with --file, it may be renamed or compressed; if it is lost, move {dir} away, which holds all that is known of the run",
  },
  "config-file": {
    exit: EXIT.usage,
    message: "the configuration file {file} cannot be used: {reason}",
    next: "correct it, or name another with --config or UPDRAFT_CONFIG",
  },
  "config-file-key": {
    exit: EXIT.usage,
    message: '{file} has a key that is no setting: "{key}"',
    next: '{hint}the README lists all under "Settings"',
  },
  "credentials-missing": {
    exit: EXIT.usage,
    message: "the credentials are not complete: {missing} is not set",
    next: "set CONNECTFI_LOGIN and CONNECTFI_PASSWORD, or CONNECTFI_LOGIN_FILE and CONNECTFI_PASSWORD_FILE to files that hold them",
  },
  "credentials-refused": {
    exit: EXIT.blocked,
    message: '{host} refused the credentials (login "{login}")',
    next: "check CONNECTFI_LOGIN and CONNECTFI_PASSWORD for this host, then run the same command again: it goes on where it stopped",
  },
  "data-dir-unreadable": {
    exit: EXIT.infrastructure,
    message: "the folder {dir} cannot be read ({reason})",
    next: "check its owner and mode, or choose another with --data-dir",
  },
  "data-dir-unwritable": {
    exit: EXIT.infrastructure,
    message: "the data folder {dir} cannot be written",
    next: "check its owner and mode, or choose another with --data-dir",
  },
  "disk-full": {
    exit: EXIT.infrastructure,
    message: "no space left on the disk of {dir}",
    next: "make room and run the same command again: what was answered is kept, the run goes on from there",
  },
  "flag-invalid": {
    exit: EXIT.usage,
    message: '{flag}: expected {expected}, got "{got}"',
    next: "see: updraft --help, and updraft <command> --help",
  },
  "key-file-broken": {
    exit: EXIT.usage,
    message: "{file} does not hold a key: expected 64 hexadecimal digits",
    next: "restore it from where it was copied; without it batches sealed with it cannot be read",
  },
  "key-file-open": {
    exit: EXIT.usage,
    message: "{file} can be read by others: expected mode 600, got {mode}",
    next: "run: chmod 600 {file}",
  },
  "ledger-broken": {
    exit: EXIT.infrastructure,
    message: "{file} is damaged: {why}",
    next: "restore it from a copy, or move its folder away: the file will then be run from its first row",
  },
  "ledger-foreign": {
    exit: EXIT.infrastructure,
    message: "{file} is a database, but not a ledger of Updraft",
    next: "move it away: its folder belongs to Updraft",
  },
  "ledger-missing": {
    exit: EXIT.infrastructure,
    message: "{dir} has no ledger: nothing is known of its run",
    next: "restore ledger.db from a copy, or move the folder away",
  },
  "ledger-newer": {
    exit: EXIT.infrastructure,
    message: "{file} was written by a newer Updraft: ledger version {version}, this one knows {known}",
    next: "run it with the newer version",
  },
  "listen-address": {
    exit: EXIT.usage,
    message: "{host}, port {port}, cannot be listened at ({reason})",
    next: "choose another with --listen, such as 127.0.0.1:9465, or --listen none",
  },
  "log-file": {
    exit: EXIT.usage,
    message: "the log file {file} cannot be written: {reason}",
    next: "choose another with --log-file or UPDRAFT_LOG_FILE",
  },
  "health-broken": {
    exit: EXIT.infrastructure,
    message: "{path}, where the last files of the job are described, cannot be read",
    next: "remove it: what the files were like is then learned anew; or run with --health off",
  },
  "not-begun": {
    exit: EXIT.interrupted,
    message: "stopped while {file} was looked through: nothing of it was sent",
    next: "run the same command again",
  },
  "not-confirmed": {
    exit: EXIT.interrupted,
    message: "nothing was sent",
    next: "run the same command again and answer y, or add --yes",
  },
  "output-unwritable": {
    exit: EXIT.infrastructure,
    message: "what is printed cannot be written ({reason})",
    next: "make room, or send the output elsewhere; a run can be gone on with by the same command",
  },
  "proxy-invalid": {
    exit: EXIT.usage,
    message: "{name} does not name a proxy: expected a URL such as http://proxy.example.com:3128",
    next: "correct it, or unset it; NO_PROXY lists hosts that are reached directly",
  },
  "redis-full": {
    exit: EXIT.infrastructure,
    message: "Redis takes no more writes: {why}",
    next: "make room there and run the same command again: what was answered is kept, the run goes on from there",
  },
  "redis-not-started": {
    exit: EXIT.infrastructure,
    message: "the redis-server of {dir} did not start: {why}",
    next: "read {log}; if it names the append only file, move {dir}/appendonlydir away: runs go on from their ledgers",
  },
  "redis-refused": {
    exit: EXIT.infrastructure,
    message: "Redis at {address} refused the login: {why}",
    next: "check user and password in REDIS_URL (special characters are written as %XX)",
  },
  "redis-server-missing": {
    exit: EXIT.infrastructure,
    message: "redis-server is not on the PATH, and no other Redis is named",
    next: "install it (Debian: apt-get install redis-server), or run `docker compose up -d redis` and set REDIS_URL, or set REDIS_URL to one you have",
  },
  "redis-silent": {
    exit: EXIT.infrastructure,
    message: "Redis did not answer while run {run} was to be ended",
    next: "start it again and run the same command again: what was answered is kept, the run goes on from there",
  },
  "redis-unreachable": {
    exit: EXIT.infrastructure,
    message: "Redis at {address} does not answer: {why}",
    next: "start it or correct REDIS_URL; without REDIS_URL Updraft starts a Redis of its own",
  },
  "redis-unsupported": {
    exit: EXIT.infrastructure,
    message: "Redis at {address} cannot be used: expected version 6.2 or newer and no cluster, got {version} ({mode})",
    next: "name another in REDIS_URL; without it Updraft starts a Redis of its own",
  },
  "redis-url-invalid": {
    exit: EXIT.usage,
    message: "the Redis address is not valid: {why}",
    next: "expected redis://user:password@host:6379/0, rediss://… for TLS, or unix:///path/to/redis.sock",
  },
  "report-unwritable": {
    exit: EXIT.infrastructure,
    message: "the reports cannot be written to {dir} ({reason})",
    next: "check the folder's owner and mode, or choose another (--data-dir, for check --out), then run the same command again",
  },
  "retry-other-endpoint": {
    exit: EXIT.usage,
    message: "run {run} was sent to {sent}, not to {given}",
    next: "its rows can be sent again only there: set CONNECTFI_BASE_URL, or give --base-url",
  },
  "retry-other-rows": {
    exit: EXIT.usage,
    message: "retry {run} has not ended, and it is for other rows",
    next: "go on with it: updraft retry {of}{flags}; or end it for good: updraft cancel {run}",
  },
  "retry-unfinished": {
    exit: EXIT.usage,
    message: "run {run} has not ended ({state}): some of its rows are still to come",
    next: "run its file again to go on with it, or end it for good: updraft cancel {run}",
  },
  "row-unknown": {
    exit: EXIT.usage,
    message: "run {run} has no row {row}: its rows are 1 to {last}",
    next: "rows count the records of the file from 1, without its header; reports have them as updraft_row",
  },
  "run-ambiguous": {
    exit: EXIT.usage,
    message: "{run} names several runs: {found}",
    next: "give more of the name",
  },
  "run-ended": {
    exit: EXIT.usage,
    message: "run {run} ended {state} at {end}: there is nothing left to {wish}",
    next: "its report is in {dir}",
  },
  "run-file-differs": {
    exit: EXIT.usage,
    message: "{file} is not what run {run} was started with",
    next: "name the right one with --file; it may be renamed or compressed",
  },
  "run-file-missing": {
    exit: EXIT.usage,
    message: "the file of run {run} is not there any more: {file}",
    next: "--file names where it is now; it may be renamed or compressed",
  },
  "run-finished": {
    exit: EXIT.usage,
    message: "this file was run already: run {run} ended {state} at {end}",
    next: "its report is in {dir}; to apply the file again as a new run: updraft run with --again",
  },
  "run-held": {
    exit: EXIT.usage,
    message: "this run is held by {who} ({dir})",
    next: "wait for it to end; if it hangs, end that process and run the same command again",
  },
  "run-held-by": {
    exit: EXIT.usage,
    message: "run {run} is held by process {pid} on {host} since {since}",
    next: "follow it with: updraft status {run}; if that process is gone, its hold ends by itself within 6 seconds",
  },
  "run-not-live": {
    exit: EXIT.usage,
    message: "no process goes on with run {run}: there is nothing to {wish}",
    next: "run its file again to go on with it, or end it for good: updraft cancel {run}",
  },
  "run-silent": {
    exit: EXIT.infrastructure,
    message: "process {pid} on {host}, which goes on with run {run}, has not answered for {seconds} s",
    next: "look after that process, then ask again: what was asked for is taken back",
  },
  "run-taken-over": {
    exit: EXIT.infrastructure,
    message: "run {run} was taken over by another process while this one was not heard of",
    next: "nothing is lost; follow the run where it goes on now: updraft status {run}",
  },
  "run-unknown": {
    exit: EXIT.usage,
    message: 'no run begins with "{run}" in {dir}',
    next: "updraft runs lists them; another data folder is named with --data-dir",
  },
  "sealed-with-another-key": {
    exit: EXIT.usage,
    message: "{what} was sealed with another key",
    next: "give every process of this Redis the same UPDRAFT_KEY",
  },
  "secret-file": {
    exit: EXIT.usage,
    message: "{env} names {path}, which cannot be read: {reason}",
    next: "check the path and who may read it",
  },
  "secret-in-the-open": {
    exit: EXIT.usage,
    message: "{where} holds a secret, and others could read it there",
    next: "give it in the environment: {env}, or {env}_FILE for a file that holds it",
  },
  "setting-invalid": {
    exit: EXIT.usage,
    message: "{setting}: expected {expected}, got {got}",
    next: "it can be set with {ways}",
  },
  "setting-twice": {
    exit: EXIT.usage,
    message: "{one} and {other} are both set",
    next: "unset one of them",
  },
  "serve-nothing": {
    exit: EXIT.usage,
    message: "there is nothing to serve: {what}",
    next: "give a job a watch or a schedule, or name such a job; updraft jobs lists all",
  },
  "serve-running": {
    exit: EXIT.usage,
    message: "another updraft serve has the data folder {dir}",
    next: "stop that one, or choose another folder with --data-dir",
  },
  "simulator-address": {
    exit: EXIT.usage,
    message: "the simulator cannot listen on {host}, port {port}",
    next: "choose another with --port (0 takes any free one), or stop what listens there",
  },
  "simulator-option": {
    exit: EXIT.usage,
    message: "the simulator's options cannot be used: {problems}",
    next: "updraft simulate --help lists every option with its unit and default",
  },
  "watch-file-grew": {
    exit: EXIT.usage,
    message:
      "{file} was written to after it was taken: run {run} has applied what it held before, and nothing of the rest",
    next: "drop the rows that are missing as a file of their own; who writes into an inbox should rename the file when it is whole",
  },
  "watch-file-unexpected": {
    exit: EXIT.infrastructure,
    message: "{file} could not be run to its end: a mistake in the program itself ({kind})",
    next: "put the file into the inbox again, it goes on where it was; if that fails as well, the log says where in the program it was",
  },
  "watch-folder-missing": {
    exit: EXIT.usage,
    message: "the folder {folder} does not exist: expected one in which files are dropped",
    next: "make it, or correct its name",
  },
  "watch-folder-unusable": {
    exit: EXIT.usage,
    message: "the folder {folder} cannot be used: expected one that files can be moved into and out of, got {reason}",
    next: "check its owner and mode, those of the folder it is in, and that it is a folder",
  },
  "watch-folders-apart": {
    exit: EXIT.usage,
    message: "{folder} is not on the file system of {inbox}: no file can be moved there in one step",
    next: "name a folder on the same file system",
  },
  "watch-folders-same": {
    exit: EXIT.usage,
    message: "{one} and {other} are the same folder: expected one for each purpose",
    next: "name another for one of them",
  },
  "watch-run-stopped": {
    exit: EXIT.stopped,
    message: "run {run} of {file} was stopped: {why}",
    next: "look at its errors in the outbox; to go on with the rest, put the file into the inbox again",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** Values for placeholders. Never a customer's data, a token or a password: errors are logged. */
export type ErrorFields = Readonly<Record<string, string | number>>;

/** An error with a code of the table. Printed as its message alone: a stack trace is for a broken program. */
export class UpdraftError extends Error {
  readonly code: ErrorCode;
  readonly exit: number;
  readonly next: string;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, fields: ErrorFields = {}, options?: { cause?: unknown }) {
    const kind: ErrorKind = ERRORS[code];
    super(fill(kind.message, fields), options);
    this.name = "UpdraftError";
    this.code = code;
    this.exit = kind.exit;
    this.next = fill(kind.next, fields);
    this.fields = fields;
  }
}

/** A path, or a name in a file, may hold characters that do something to the terminal that shows it. */
function fill(template: string, fields: ErrorFields): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    String(fields[name] ?? whole).replace(/(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?"),
  );
}
