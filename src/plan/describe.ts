// A plan in; what becomes of each column, as rows of a table for people, out.
import type { MappedPlan } from "./make-plan.ts";

export interface DescribedColumn {
  /** As the file writes it; null for a constant of `--set`. */
  readonly column: string | null;
  readonly use: "sent" | "constant" | "ignored" | "report";
  /** `postalCode`; null where nothing is sent. */
  readonly property: string | null;
  /** The entry it is a part of: `PRIMARY address`; null for a property of the customer itself. */
  readonly entry: string | null;
}

/** Columns in the file's order, then constants. Never a value: a constant may be one customer's. */
export function describeMapping({ mapping }: MappedPlan): readonly DescribedColumn[] {
  const { columns, uses, names, constants } = mapping;
  const described = columns.map((column, index): DescribedColumn => {
    const use = uses[index];
    switch (use?.kind) {
      case "slot":
        return { column, use: "sent", property: use.slot.property.name, entry: entryOf(use.slot.of) };
      case "nested":
        return { column, use: "sent", property: "its own names", entry: null };
      case "report":
        return { column, use: "report", property: null, entry: null };
      default:
        return { column, use: "ignored", property: null, entry: null };
    }
  });
  for (const { index, property, of } of names.slots) {
    if (constants[index] !== "")
      described.push({ column: null, use: "constant", property: property.name, entry: entryOf(of) });
  }
  return described;
}

function entryOf(of: { readonly group: { readonly entry: string }; readonly type: string } | null): string | null {
  return of === null ? null : `${of.type} ${of.group.entry}`;
}
