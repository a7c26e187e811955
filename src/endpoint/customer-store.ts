// Customer changes in; every customer as all changes so far have made it, out. In memory, packed small enough for a million.
import type { Address, Customer, Phone } from "./customer.schema.ts";
import { hashText } from "./faults.ts";
import { makeIndex, makeRecords } from "./records.ts";

/** Adds or updates what is sent and leaves the rest; addresses and phones are matched by type, then merged alike. */
export function mergeCustomer(stored: Customer, sent: Customer): Customer {
  const merged: Customer = { ...stored, ...sent };
  if (!stored.addresses && !stored.phones) return merged;
  return {
    ...merged,
    ...(stored.addresses && sent.addresses ? { addresses: mergeByType(stored.addresses, sent.addresses) } : {}),
    ...(stored.phones && sent.phones ? { phones: mergeByType(stored.phones, sent.phones) } : {}),
  };
}

function mergeByType<T extends { readonly type: string }>(stored: readonly T[], sent: readonly T[]): T[] {
  const byType = new Map(stored.map((entry) => [entry.type, entry]));
  for (const entry of sent) byType.set(entry.type, { ...byType.get(entry.type), ...entry });
  return [...byType.values()];
}

type Cell = string | null;
type Packed = readonly [
  customerId: string,
  first: Cell,
  last: Cell,
  gender: "M" | "F" | null,
  born: Cell,
  email: Cell,
  addresses: readonly (readonly [Address["type"], string, Cell, string, string, string, string])[] | null,
  phones: readonly (readonly [Phone["type"], Cell, string])[] | null,
];

/** Values without property names: a customer takes about 160 bytes instead of 350. */
function pack(c: Customer): string {
  const packed: Packed = [
    c.customerId,
    c.firstName ?? null,
    c.lastName ?? null,
    c.gender ?? null,
    c.dateOfBirth ?? null,
    c.email ?? null,
    c.addresses?.map(
      (a) =>
        [a.type, a.addressLine1, a.addressLine2 ?? null, a.city, a.stateCode, a.postalCode, a.countryCodeA3] as const,
    ) ?? null,
    c.phones?.map((p) => [p.type, p.countryDialingCode ?? null, p.phoneNumber] as const) ?? null,
  ];
  return JSON.stringify(packed);
}

function unpack(text: string): Customer {
  // Written by pack() above and never anywhere else.
  const [customerId, firstName, lastName, gender, dateOfBirth, email, addresses, phones]: Packed = JSON.parse(text);
  return {
    customerId,
    ...(firstName !== null ? { firstName } : {}),
    ...(lastName !== null ? { lastName } : {}),
    ...(gender !== null ? { gender } : {}),
    ...(dateOfBirth !== null ? { dateOfBirth } : {}),
    ...(email !== null ? { email } : {}),
    ...(addresses !== null
      ? {
          addresses: addresses.map(
            ([type, addressLine1, addressLine2, city, stateCode, postalCode, countryCodeA3]) => ({
              type,
              addressLine1,
              ...(addressLine2 !== null ? { addressLine2 } : {}),
              city,
              stateCode,
              postalCode,
              countryCodeA3,
            }),
          ),
        }
      : {}),
    ...(phones !== null
      ? {
          phones: phones.map(([type, countryDialingCode, phoneNumber]) => ({
            type,
            ...(countryDialingCode !== null ? { countryDialingCode } : {}),
            phoneNumber,
          })),
        }
      : {}),
  };
}

export interface CustomerStore {
  /** Applies a change and returns the customer as it is now. A customer not known before is created. */
  update(sent: Customer): Customer;
  get(customerId: string): Customer | undefined;
  /** About in order of first appearance. One that changes meanwhile may come again later, as it is then. */
  all(): Generator<Customer, void, undefined>;
  size(): number;
  clear(): void;
}

/**
 * Customers are bytes in large buffers, found by the hash of their id: a million take 230 MB, where strings in a Map let
 * the process grow to 1 GB, most of it the collector's slack.
 */
export function makeCustomerStore(): CustomerStore {
  const records = makeRecords();
  let index = makeIndex();
  let size = 0;

  const find = (customerId: string): { readonly at: number; readonly customer: Customer } | undefined => {
    for (const at of index.candidates(hashText(customerId))) {
      const customer = unpack(records.read(at));
      if (customer.customerId === customerId) return { at, customer };
    }
    return undefined;
  };

  return {
    update(sent) {
      const found = find(sent.customerId);
      if (!found) {
        index.add(hashText(sent.customerId), records.append(pack(sent)));
        size++;
        return sent;
      }
      const now = mergeCustomer(found.customer, sent);
      const moved = records.rewrite(found.at, pack(now));
      if (moved !== found.at) index.move(hashText(sent.customerId), found.at, moved);
      return now;
    },
    get: (customerId) => find(customerId)?.customer,
    *all() {
      for (const text of records.all()) yield unpack(text);
    },
    size: () => size,
    clear() {
      records.clear();
      index = makeIndex();
      size = 0;
    },
  };
}
