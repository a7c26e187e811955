// The body of an update in; what of the customer it changes, part by part, out: what can be compared with an earlier body.
import type { Contract } from "../endpoint/contract.ts";

/** A property, or an address or phone of one type. */
export interface Part {
  /** Its place in `labels`. */
  readonly part: number;
  /** JSON; the same for the same value, in whichever order its members were given. */
  readonly value: string;
}

export interface Parts {
  /** `email`, `addresses.PRIMARY`: all that a body can hold, in the contract's order. */
  readonly labels: readonly string[];
  /** Those that the body gives, ascending. */
  of(body: string): Part[];
}

/**
 * An entry of a group is one part, whole: the endpoint is sent all of it or nothing, and may put it in the place of the one that it has.
 * So an address without its second line is another than one with it, while a body without addresses changes none.
 */
export function makeParts({ identity, properties, groups }: Contract): Parts {
  const single = properties.map(({ name }) => name).filter((name) => name !== identity);
  const labels = [...single, ...groups.flatMap(({ name, types }) => types.map((type) => `${name}.${type}`))];
  const places = new Map(labels.map((label, part) => [label, part]));

  function partOf(label: string, value: unknown): Part {
    const part = places.get(label);
    if (part === undefined) throw new Error(`no contract has ${label}`);
    return { part, value: JSON.stringify(value) };
  }

  return {
    labels,
    of(body) {
      const parts = membersOf(JSON.parse(body)).flatMap(([name, value]) => {
        if (name === identity) return [];
        if (!Array.isArray(value)) return [partOf(name, value)];
        return value.map((entry: unknown) => {
          const members = membersOf(entry);
          const type = members.find(([member]) => member === "type")?.[1];
          return partOf(`${name}.${String(type)}`, members.sort(byName));
        });
      });
      return parts.sort((a, b) => a.part - b.part);
    },
  };
}

function membersOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
