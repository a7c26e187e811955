// Every error a person can cause or meet: code in, one sentence with its exit code and what to do now out.

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

/** One table of error codes; the README's troubleshooting section is tested against it. Alphabetical. */
export const ERRORS = {
  "file-empty": {
    exit: EXIT.usage,
    message: "{file} is empty: expected a header row and at least one record",
    next: "check that the export that writes it has finished",
  },
  "file-missing": {
    exit: EXIT.usage,
    message: "{file} does not exist",
    next: "check the path; it is taken relative to {cwd}",
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

function fill(template: string, fields: ErrorFields): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(fields[name] ?? whole));
}
