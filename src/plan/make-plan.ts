// A file's columns and a job's settings in; the plan that turns each of its rows into an update or a rejection out.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type Reading, RFC_4180 } from "../parse/dialect.ts";
import { placeOfNumber } from "../parse/json-row.ts";
import type { CellsRow, ObjectRow, Row } from "../parse/row.ts";
import { makeAccept } from "./accept.ts";
import { DAMAGES, type Damage, damageOf, type Role } from "./damage.ts";
import { makeDraft } from "./draft.ts";
import { sourceHash, transformSketch } from "./job-mapping.ts";
import { type Mapping, makeMapping, type PlanInput } from "./mapping.ts";
import type { Slot } from "./names.ts";
import type { Change, Plan, Planned, Problem } from "./plan.ts";
import { pointer, problemOf } from "./problems.ts";
import { eachText, lookedAt } from "./profile.ts";

/** Counted up when the same file, columns and settings would make other bodies than before: it makes another run of it. */
const MAPPING_VERSION = 1;

/** A plan that can also say what its mapping is. */
export interface MappedPlan extends Plan {
  readonly mapping: Mapping;
}

/** Throws UpdraftError (exit 2) for everything that has to be settled before anything is sent: mapping.ts. */
export function makePlan(input: PlanInput): MappedPlan {
  const mapping = makeMapping(input);
  const { contract, columns } = mapping;
  const draft = makeDraft(mapping, input.format);
  const schema = contract.updateSchema(input.today);
  const accept = makeAccept(schema);
  const { identity } = contract;
  const isIdentity = (slot: Slot) => slot.property.name === identity;
  const identityColumn = mapping.uses.findIndex((use) => use.kind === "slot" && use.slots.some(isIdentity));
  const identityName = columns[identityColumn] ?? identity;
  const isMade = mapping.names.slots.some(
    (slot) => isIdentity(slot) && (mapping.makers[slot.index] !== null || mapping.transforms[slot.index]?.length !== 0),
  );

  const damageIn = damageFinder(mapping, input.settings.refuse ?? []);

  function plan(row: Row): Planned {
    if (row.kind === "bad") return rejection(row, [badRecord(row)]);
    const damaged = damageIn(row);
    draft.fill(row);
    if (damaged.length > 0) return rejection(row, [...damaged, ...problemsBeside(damaged, row)]);
    if (draft.given > 0 && draft.problems.length === 0) {
      const { body } = draft;
      if (accept(body) || schema.safeParse(body).success) {
        const written = JSON.stringify(body);
        if (written.includes(LOST)) return rejection(row, lostIn(row, mapping));
        return { kind: "update", row: row.row, line: row.line, customerId: String(body[identity]), body: written };
      }
    }
    return rejection(row, problems(row));
  }

  /** So that a row is corrected once. What follows from the damage, in its column or in a function that reads it, is not told again. */
  function problemsBeside(damaged: readonly Problem[], row: CellsRow | ObjectRow): Problem[] {
    const columns = new Set(damaged.map(({ column }) => column));
    return problems(row).filter(
      ({ column, code }) => !columns.has(column) && (column !== null || code !== "transform"),
    );
  }

  /** Everything that is wrong with the row in the draft: only a row that is refused pays for it. */
  function problems(row: CellsRow | ObjectRow): Problem[] {
    const issues = schema.safeParse(draft.body).error?.issues ?? [];
    // What could not be made is told once.
    const made = new Set(draft.problems.flatMap(({ code, path }) => (code === "transform" ? [path] : [])));
    const others = issues.filter(({ path }) => !made.has(pointer(path)));
    const all = [...draft.problems, ...others.map((issue) => problemOf(issue, draft, contract, input.today))];
    if (draft.given === 0 && draft.problems.length === 0)
      all.push({ column: null, path: "", code: "nothing-to-update", message: `nothing but ${identity} is given` });
    return row.kind === "object" ? all.map((problem) => withPlace(problem, row)) : all;
  }

  return {
    mapping,
    fingerprint: fingerprintOf(mapping, input.settings.refuse ?? [], input.dialect ?? null),
    warnings: warningsOf(mapping, input.format),
    customerIdColumn: input.format === "csv" && identityColumn >= 0 ? identityColumn : null,
    plan,
    customerId(row) {
      if (row.kind === "bad") return "";
      if (isMade) {
        draft.fill(row);
        return String(draft.body[identity] ?? "");
      }
      const value = row.kind === "cells" ? row.cells[identityColumn] : row.object[identityName];
      return typeof value === "string" || typeof value === "number" ? String(value) : "";
    },
    changes(row) {
      if (row.kind === "bad") return [];
      const changes: Change[] = [];
      draft.fill(row, changes);
      return changes.map((change) => ({ ...change, column: draft.columnOf(change.slot) }));
    },
    locate(row, path, property) {
      const parts = path
        .split("/")
        .slice(1)
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
      if (property !== undefined) parts.push(property);
      const name = parts.findLast((part) => !/^\d+$/.test(part)) ?? parts.at(-1) ?? "";
      if (row.kind === "bad") return { column: null, property: name };
      draft.fill(row);
      const { column } = draft.place(parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part)));
      return { column, property: name };
    },
  };
}

/** Of a number, which its column's name alone may not find in a long line. */
function withPlace(problem: Problem, row: ObjectRow): Problem {
  if (problem.code !== "number" || problem.column === null) return problem;
  const place = placeOfNumber(row, problem.column);
  if (place === null) return problem;
  return { ...problem, message: `${problem.message} (line ${place.line}, character ${place.column})` };
}

function rejection({ row, line }: Row, problems: readonly Problem[]): Planned {
  return { kind: "rejection", row, line, problems };
}

function badRecord({ code, detail, column, line }: Extract<Row, { kind: "bad" }>): Problem {
  const where = column === null ? "" : ` (line ${line}, character ${column})`;
  return { column: null, path: null, code, message: detail + where };
}

const NONE: readonly Problem[] = [];

/** Finds the damage that is refused, all of it in a row. */
function damageFinder(mapping: Mapping, refuse: readonly Damage[]): (row: CellsRow | ObjectRow) => readonly Problem[] {
  if (refuse.length === 0) return () => NONE;
  const refused = new Set<Damage>(refuse);
  let found: Problem[] = [];
  const columns = lookedAt(mapping).map((column) => ({
    column,
    see(text: string, role: Role) {
      const damage = damageOf(text, role);
      if (damage === null || !refused.has(damage)) return;
      if (found.some((other) => other.column === column.name && other.code === damage)) return;
      const { expected, found: got } = DAMAGES[damage];
      found.push({ column: column.name, path: null, code: damage, message: `expected ${expected}, got ${got}` });
    },
  }));
  return (row) => {
    found = [];
    for (const { column, see } of columns) eachText(row, column, see);
    return found;
  };
}

/** What programs write in the place of a character that they could not read. Sent, it would put their damage where the character still is. */
const LOST = "\uFFFD";

function lostIn(row: CellsRow | ObjectRow, mapping: Mapping): readonly Problem[] {
  const found = lookedAt(mapping).filter((column) => {
    let lost = false;
    eachText(row, column, (text) => {
      lost ||= text.includes(LOST);
    });
    return lost;
  });
  const message = `expected text, got ${LOST}, which stands for a character that was lost before`;
  const names = found.length === 0 ? [null] : found.map(({ name }) => name);
  return names.map((column) => ({ column, path: null, code: "encoding", message }));
}

function fingerprintOf(mapping: Mapping, refuse: readonly Damage[], dialect: Reading | null): string {
  const { contract, columns, uses, names, constants, ignored, makers, transforms } = mapping;
  const matched = uses.flatMap((use, index) => {
    if (use.kind === "slot") return use.slots.map(({ label }) => [columns[index], label]);
    return use.kind === "nested" ? [[columns[index], "nested"]] : [];
  });
  const set = names.slots.flatMap(({ index, label }) => (constants[index] === "" ? [] : [[label, constants[index]]]));
  const made = names.slots.flatMap(({ index, label }) => {
    const maker = makers[index] ?? null;
    const list = (transforms[index] ?? []).map(transformSketch);
    return maker === null && list.length === 0 ? [] : [[label, maker === null ? null : sourceHash(maker), list]];
  });
  // Without a job, as it was before there were any: a run that was begun then goes on.
  const job = made.length === 0 && refuse.length === 0 ? [] : [made];
  const strict = refuse.length === 0 ? [] : [[...refuse].sort()];
  // Read in another way, the same content has other rows. The names of the columns show the delimiter.
  const { delimiter: _, ...how } = dialect ?? RFC_4180;
  const { delimiter: __, ...usual } = RFC_4180;
  const read = isDeepStrictEqual(how, usual) ? [] : [{ dialect }];
  const canonical = JSON.stringify([contract.name, MAPPING_VERSION, matched, set, ignored, ...job, ...strict, ...read]);
  return createHash("sha256").update(canonical).digest("hex");
}

function warningsOf(mapping: Mapping, format: PlanInput["format"]): string[] {
  const { contract, names, columnOf, constants, jobConstants, makers, uses } = mapping;
  const isGiven = (index: number) => columnOf[index] !== null || makers[index] !== null;
  const warnings = contract.deprecated === null ? [] : [contract.deprecated];
  // Nested objects may give what no column does.
  if (format === "ndjson" && uses.some((use) => use.kind === "nested" || (use.kind === "slot" && use.nested)))
    return warnings;
  for (const group of contract.groups) {
    for (const type of group.types) {
      const slots = names.slots.filter(({ of }) => of?.group === group && of.type === type);
      const mapped = slots.some(({ index }) => isGiven(index));
      for (const { index, property, label } of slots) {
        const constant = constants[index] !== "";
        if (!mapped && constant)
          warnings.push(
            `${jobConstants.has(index) ? "the job's constant" : "--set"} ${label} has no effect: no column gives any part of the ${type} ${group.entry}`,
          );
        if (mapped && property.required && !constant && !isGiven(index))
          warnings.push(
            `no column gives ${label}: every row with a ${type} ${group.entry} is rejected; add the column, or --set ${label}=…`,
          );
      }
    }
  }
  return warnings;
}
