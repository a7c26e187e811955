// What a run is made of in, its id and its folder out; and what that folder says of earlier spells.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Identity {
  readonly job: string;
  readonly plan: string;
  readonly contract: string;
  readonly baseUrl: string;
  readonly login: string;
  /** SHA-256 of the decoded content: a renamed or re-compressed file is the same. */
  readonly content: string;
  /** `--limit`: the first rows of a file are another run than all of them. */
  readonly limit: number | null;
}

/** 16 hex digits. */
export function runId(identity: Identity): string {
  const { job, plan, contract, baseUrl, login, content, limit } = identity;
  const all = JSON.stringify([job, plan, contract, baseUrl, login, content, limit]);
  return createHash("sha256").update(all).digest("hex").slice(0, 16);
}

export interface RunFolder {
  /** The id, with `.2`, `.3`, … for a file that is applied anew. */
  readonly run: string;
  readonly dir: string;
}

const folder = (dataDir: string, run: string) => join(dataDir, "runs", run);

/** The newest application of a file, or with `next` a new one after it. A run id is free of `-` and `:`, which name epochs and keys. */
export function findRun(dataDir: string, id: string, next: boolean): RunFolder {
  let n = 1;
  const name = (count: number) => (count === 1 ? id : `${id}.${count}`);
  while (existsSync(folder(dataDir, name(n + 1)))) n++;
  const run = name(next ? n + 1 : n);
  return { run, dir: folder(dataDir, run) };
}
