// A plan in; what becomes of each column, as rows of a table for people, out.
import type { MappedPlan } from "./make-plan.ts";
import type { Slot } from "./names.ts";

export interface DescribedColumn {
  /** As the file writes it; null for a constant, and for a function of the job. */
  readonly column: string | null;
  readonly use: "sent" | "function" | "constant" | "ignored" | "report";
  /** `postalCode`; null where nothing is sent. */
  readonly property: string | null;
  /** The entry it is a part of: `PRIMARY address`; null for a property of the customer itself. */
  readonly entry: string | null;
  /** Names of the job's transforms, in order. */
  readonly transforms: readonly string[];
}

/** Columns in the file's order, functions of the job, then constants. Never a value: a constant may be one customer's. */
export function describeMapping({ mapping }: MappedPlan): readonly DescribedColumn[] {
  const { columns, uses, names, constants, makers, transforms } = mapping;
  const told = ({ index, property, of }: Slot) => {
    const applied = (transforms[index] ?? []).map(({ name }) => name);
    return { property: property.name, entry: entryOf(of), transforms: applied };
  };
  const nothing = { property: null, entry: null, transforms: [] };
  const described = columns.flatMap((column, index): DescribedColumn[] => {
    const use = uses[index];
    switch (use?.kind) {
      case "slot":
        return use.slots.map((slot) => ({ column, use: "sent", ...told(slot) }));
      case "nested":
        return [{ column, use: "sent", ...nothing, property: "its own names" }];
      case "report":
        return [{ column, use: "report", ...nothing }];
      default:
        return [{ column, use: "ignored", ...nothing }];
    }
  });
  for (const slot of names.slots)
    if (makers[slot.index] !== null) described.push({ column: null, use: "function", ...told(slot) });
  for (const slot of names.slots)
    if (constants[slot.index] !== "") described.push({ column: null, use: "constant", ...told(slot), transforms: [] });
  return described;
}

function entryOf(of: { readonly group: { readonly entry: string }; readonly type: string } | null): string | null {
  return of === null ? null : `${of.type} ${of.group.entry}`;
}
