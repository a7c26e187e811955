// What was recognised of a file in; a refusal that names both ways of reading it, where nobody could be sure of one.
import { UpdraftError } from "../errors.ts";
import type { Dialect } from "./dialect.ts";
import type { Recognised } from "./recognise.ts";

/** Below it, a file is not sent until a person has said how it is written: a wrong guess would send wrong data. */
const SURE = 0.6;

const PARTS = ["delimiter", "quote", "escape"] as const;
const NAMES: Readonly<Record<string, string>> = { "\t": "tab", " ": "space" };

export function refuseUnsure(file: string, { dialect, rival, confidence }: Recognised): void {
  if (rival === null || confidence >= SURE) return;
  const parts = PARTS.filter((part) => dialect[part] !== rival[part]);
  const said = (one: Dialect, lead: string) =>
    parts.map((part) => `${lead}${part} ${named(one[part], lead !== "")}`).join(lead === "" ? " and " : " ");
  throw new UpdraftError("dialect-unsure", {
    file,
    one: said(dialect, ""),
    other: said(rival, ""),
    flags: said(dialect, "--"),
    others: said(rival, "--"),
  });
}

/** For a sentence, or for a shell. */
function named(mark: string | null, typed: boolean): string {
  const name = mark === null ? "none" : (NAMES[mark] ?? mark);
  if (!typed || /^\w+$/.test(name)) return name;
  return name.includes("'") ? `"${name}"` : `'${name}'`;
}
