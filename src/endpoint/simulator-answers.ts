// A customer, a refusal or a fault in; the body the endpoint would answer with, out.
import type { Customer } from "./customer.schema.ts";
import { hashText } from "./faults.ts";

export const UNAUTHORIZED = '{"code":"unauthorized","message":"Authentication error"}';

/** 200: the whole customer, identification documents included, whatever was sent. */
export function updatedBody(customer: Customer, idPrefix: string): string {
  return JSON.stringify({ code: "0", data: { condorCustomer: condorCustomer(customer, idPrefix) } });
}

function condorCustomer(c: Customer, idPrefix: string): object {
  return {
    first_name: c.firstName,
    last_name: c.lastName,
    gender: c.gender,
    email: c.email,
    phone_details: c.phones?.map((p) => ({
      phone_type: p.type,
      country_dialing_code: p.countryDialingCode === undefined ? undefined : Number(p.countryDialingCode),
      phone_number: p.phoneNumber,
    })),
    date_of_birth: c.dateOfBirth,
    addresses: c.addresses?.map((a) => ({
      address_type: a.type,
      address1: a.addressLine1,
      address2: a.addressLine2,
      city: a.city,
      region: a.stateCode,
      postal_code: a.postalCode,
      country: a.countryCodeA3,
    })),
    identification_docs: identificationDocs(c.customerId, idPrefix),
    customerId: c.customerId,
  };
}

/** Made up from the customer's id, the same every time; 9xx is no real SSN, and the prefix shows wherever one leaks. */
function identificationDocs(customerId: string, idPrefix: string): object[] {
  const digits = String(hashText(customerId) % 1e8).padStart(8, "0");
  return [
    {
      identification_type: "SSN",
      identification_value: `${idPrefix}-9${digits.slice(0, 2)}-${digits.slice(2, 4)}-${digits.slice(4)}`,
      identification_issuance_country: "USA",
    },
    {
      identification_type: "DRIVING_LICENCE",
      identification_value: `${idPrefix}-DL${digits}`,
      identification_issuance_country: "USA",
    },
  ];
}

/** What AJV says of one part; nothing but these five. */
export interface InvalidPart {
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

export function invalidBody(parts: readonly InvalidPart[]): string {
  const context = parts.map(({ instancePath, schemaPath, keyword, params, message }) => {
    return { instancePath, schemaPath, keyword, params, message };
  });
  return JSON.stringify({ code: "requestValidateError", context });
}

/** The refusal of two addresses or two phones of one type; null where there are none. */
export function duplicateBody(sent: Customer): string | null {
  const what = hasTwins(sent.addresses) ? "address" : hasTwins(sent.phones) ? "phone" : null;
  return what === null ? null : condorBody("C0900", `Duplicate ${what} type found.`);
}

function hasTwins(entries: readonly { readonly type: string }[] | undefined): boolean {
  return entries !== undefined && entries.length > 1 && new Set(entries.map((e) => e.type)).size < entries.length;
}

/** For customers that are refused for good; sub code and text are ours. */
export const REFUSED = condorBody("C0901", "Customer can not be updated.");

function condorBody(subCode: string, message: string): string {
  return JSON.stringify({ code: "extCondor", subCode, context: { title: "cardholdersUpdate" }, message });
}

/** Bodies of 429 and 5xx are not documented; these are ours. */
export function faultBody(status: number): string {
  return JSON.stringify({ code: `http${status}`, message: "The request can not be processed now." });
}

/** A refusal that repeats every value it was sent, as careless validators do. */
export function echoBody(sent: unknown): string {
  const context = [...leaves("", sent)].map(([instancePath, value]) => ({
    instancePath,
    schemaPath: "#/properties",
    keyword: "pattern",
    params: { pattern: "^.+$", value },
    message: `must match pattern "^.+$", got "${value}"`,
    data: value,
  }));
  return JSON.stringify({ code: "requestValidateError", context, message: `Refused: ${JSON.stringify(sent)}` });
}

function* leaves(path: string, value: unknown): Generator<[string, string]> {
  if (typeof value !== "object" || value === null) yield [path, String(value)];
  else for (const [key, inner] of Object.entries(value)) yield* leaves(`${path}/${key}`, inner);
}

export const HTML = "<!doctype html><title>Sign in</title><h1>Sign in to the guest network</h1>";
export const BROKEN = '{"code":"0","data":{"condorCustomer":{"first_na';
/** "0" is success; everything else is not, whatever the status says. */
export const OTHER_CODE = '{"code":"17","message":"Not updated."}';

/** 10 MB of readable JSON that says success: a reader must stop before its end. */
export function hugeBody(): Buffer {
  const body = Buffer.alloc(10_000_000, "x");
  body.write('{"code":"0","data":{"padding":"');
  body.write('"}}', body.length - 3);
  return body;
}
