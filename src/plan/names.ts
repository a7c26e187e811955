// A contract in; every name a column may have, and the property it means, out.
import type { Contract, Group, Property } from "../endpoint/contract.ts";
import { nearest, normalise } from "./nearest.ts";

/** One place in the body that a column can fill. */
export interface Slot {
  readonly index: number;
  readonly property: Property;
  /** The entry it is a part of; null for a property of the customer. */
  readonly of: { readonly group: Group; readonly type: string } | null;
  /** How people write it: `postalCode`, `secondary.postalCode`. */
  readonly label: string;
}

/** A part of a group's entries, by the names it has inside an entry. */
export interface EntryNames {
  readonly group: Group;
  readonly parts: ReadonlyMap<string, Property>;
  /** For hints. */
  readonly known: ReadonlyMap<string, string>;
}

export interface Names {
  /** In the order in which they are sent. */
  readonly slots: readonly Slot[];
  /** Normalised name → slot. */
  readonly accepted: ReadonlyMap<string, Slot>;
  /** Normalised names under which NDJSON may nest objects: `primary`, `addresses`, `mobilephone`. */
  readonly containers: ReadonlySet<string>;
  /** Normalised name of a group → the names in its entries. */
  readonly entries: ReadonlyMap<string, EntryNames>;
  /** The name that was probably meant by one that is not accepted. */
  nearest(name: string): string | null;
}

export function makeNames(contract: Contract): Names {
  const slots: Slot[] = [];
  const accepted = new Map<string, Slot>();
  const synonyms = new Map<string, string>();
  const containers = new Set<string>();
  const entries = new Map<string, EntryNames>();

  const add = (property: Property, of: Slot["of"], spell: (name: string) => readonly string[]) => {
    const prefix = of === null || of.type === of.group.types[0] ? "" : `${of.type.toLowerCase()}.`;
    const slot: Slot = { index: slots.length, property, of, label: prefix + property.name };
    slots.push(slot);
    for (const name of spellings(contract, property).flatMap(spell)) {
      const other = accepted.get(name);
      if (other !== undefined && other !== slot) throw new Error(`${name} means ${other.label} and ${slot.label}`);
      accepted.set(name, slot);
    }
    const meant = [
      ...(contract.synonyms[property.name] ?? []).map(normalise).flatMap(spell),
      ...(prefix === "" ? [] : (contract.synonyms[slot.label] ?? []).map(normalise)),
    ];
    for (const name of meant) if (!synonyms.has(name)) synonyms.set(name, slot.label);
  };

  for (const property of contract.properties) add(property, null, (name) => [name]);
  for (const group of contract.groups) {
    entries.set(normalise(group.name), entryNames(contract, group));
    const [first] = group.types;
    for (const type of group.types) {
      const prefixes = prefixesOf(group, type);
      for (const part of group.parts) {
        const alone = part.name === group.main ? aloneNames(group, type) : [];
        add(part, { group, type }, (name) => [
          ...(type === first ? [name, normalise(group.entry) + name] : []),
          ...prefixes.map((prefix) => prefix + name),
          ...alone,
        ]);
      }
      for (const prefix of prefixes) containers.add(prefix);
      if (group.main !== null) synonyms.set(type.toLowerCase(), labelOf(slots, group, type, group.main));
    }
    containers.add(normalise(group.name));
  }

  const known = new Map<string, string>();
  for (const [name, slot] of accepted) known.set(name, slot.label);
  for (const [name, label] of synonyms) if (!known.has(name)) known.set(name, label);
  return { slots, accepted, containers, entries, nearest: (name) => nearest(name, known) };
}

/** `primary`, `primaryaddress`, `addressprimary`, `addressesprimary`: all say the same. */
function prefixesOf(group: Group, type: string): string[] {
  const word = type.toLowerCase();
  const entry = normalise(group.entry);
  return [word, word + entry, entry + word, normalise(group.name) + word];
}

/** `mobilephone` alone is the number of the mobile phone. */
function aloneNames(group: Group, type: string): string[] {
  return [type.toLowerCase() + normalise(group.entry)];
}

function labelOf(slots: readonly Slot[], group: Group, type: string, part: string): string {
  return (
    slots.find((slot) => slot.of?.group === group && slot.of.type === type && slot.property.name === part)?.label ??
    part
  );
}

function spellings(contract: Contract, property: Property): string[] {
  const aliases = Object.keys(contract.aliases).filter((alias) => contract.aliases[alias] === property.name);
  return [property.name, ...aliases].map(normalise);
}

function entryNames(contract: Contract, group: Group): EntryNames {
  const parts = new Map<string, Property>();
  const known = new Map([["type", "type"]]);
  for (const part of group.parts) {
    for (const name of spellings(contract, part)) {
      parts.set(name, part);
      known.set(name, part.name);
    }
  }
  for (const part of group.parts) {
    for (const name of (contract.synonyms[part.name] ?? []).map(normalise))
      if (!known.has(name)) known.set(name, part.name);
  }
  return { group, parts, known };
}
