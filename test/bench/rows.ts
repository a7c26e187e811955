// A number of rows in, the file that every variant reads out; and what its clients share: the bodies and the check of an answer.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";

const COLUMNS = [
  ...["customerId", "firstName", "lastName", "gender", "dateOfBirth", "email"],
  ...["addressLine1", "city", "stateCode", "postalCode", "countryCodeA3", "phoneNumber"],
] as const;
export type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

const FIRST = ["Jessie", "Alexandra", "Bo", "Marguerite", "Tom", "Ines", "Yusuf", "Chloe"] as const;
const LAST = ["Testman", "Sampleton", "Fixture", "Okafor-Probe", "Dummy", "Placeholder"] as const;
const CITIES = ["Mycityname", "Springfield", "Lower Testing", "Sampleville"] as const;
const STATES = ["PA", "NY", "CA", "TX", "WA"] as const;

/** Row `n`, from 0: another customer each, the same at every call. */
export function makeRow(n: number): Row {
  const pick = (list: readonly string[], by: number): string => list[by % list.length] ?? "";
  const firstName = pick(FIRST, n);
  const lastName = pick(LAST, n >> 3);
  return {
    customerId: `csta_${(n * 2_654_435_761).toString(36).padStart(11, "0")}${n.toString(36).padStart(5, "0")}`,
    firstName,
    lastName,
    gender: n % 2 === 0 ? "F" : "M",
    dateOfBirth: `${1940 + (n % 60)}-${two(1 + (n % 12))}-${two(1 + (n % 28))}`,
    email: `${firstName.toLowerCase()}${n}@example.com`,
    addressLine1: `${1 + (n % 9_000)} Main Street, Apt ${n % 40}`,
    city: pick(CITIES, n >> 2),
    stateCode: pick(STATES, n),
    postalCode: String(10_000 + (n % 80_000)),
    countryCodeA3: "USA",
    phoneNumber: `215${String(5_550_000 + (n % 10_000)).padStart(7, "0")}`,
  };
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** Rows from number `from` on. One cell of each is quoted, for the comma in it. */
export async function writeRows(
  file: string,
  rows: number,
  from = 0,
  rowOf: (n: number) => Row = makeRow,
): Promise<void> {
  const out = createWriteStream(file, { highWaterMark: 1 << 20 });
  out.write(`${COLUMNS.join(",")}\n`);
  for (let n = from; n < from + rows; n += 1) {
    const row = rowOf(n);
    const line = COLUMNS.map((name) => (name === "addressLine1" ? `"${row[name]}"` : row[name])).join(",");
    if (!out.write(`${line}\n`)) await once(out, "drain");
  }
  out.end();
  await finished(out);
}

export const UPDATE_PATH = "/condor/customer/update";
export const HEADERS = { "content-type": "application/json", "x-connectfi-token": "t".repeat(64) };

/** The mapping that a script for this one file has built in; nothing is validated. */
export function toBody(row: Row): object {
  const { customerId, firstName, lastName, gender, dateOfBirth, email, phoneNumber } = row;
  const { addressLine1, city, stateCode, postalCode, countryCodeA3 } = row;
  return {
    ...{ customerId, firstName, lastName, gender, dateOfBirth, email },
    addresses: [{ type: "PRIMARY", addressLine1, city, stateCode, postalCode, countryCodeA3 }],
    phones: [{ type: "MOBILE", phoneNumber }],
  };
}

/** What any client of this endpoint must look at: 200 alone does not say that the update was made. */
export function isUpdated(status: number, answer: unknown): boolean {
  return status === 200 && typeof answer === "object" && answer !== null && "code" in answer && answer.code === "0";
}
