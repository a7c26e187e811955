// The update request as the endpoint documents it: JSON Schema, written by hand so that the simulator shares no
// validation with the client it is there to test; with it the shape of a request that passed.

/** `definitions` and `$ref` are what give AJV the documented schemaPath `#/definitions/address/required`. */
export const customerSchema = {
  type: "object",
  required: ["customerId"],
  additionalProperties: false,
  properties: {
    customerId: { type: "string" },
    firstName: { type: "string" },
    lastName: { type: "string" },
    gender: { type: "string", enum: ["M", "F"] },
    dateOfBirth: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$" },
    email: { type: "string", pattern: "^(.+)@(.+)$" },
    addresses: { type: "array", items: { $ref: "#/definitions/address" } },
    phones: { type: "array", items: { $ref: "#/definitions/phone" } },
  },
  definitions: {
    address: {
      type: "object",
      required: ["type", "addressLine1", "city", "stateCode", "postalCode", "countryCodeA3"],
      additionalProperties: false,
      properties: {
        type: { type: "string", enum: ["PRIMARY", "SECONDARY"] },
        addressLine1: { type: "string" },
        addressLine2: { type: "string" },
        city: { type: "string" },
        stateCode: { type: "string" },
        postalCode: { type: "string", pattern: "^\\d{5}$" },
        countryCodeA3: { type: "string", pattern: "^[A-Z]{3}$" },
      },
    },
    phone: {
      type: "object",
      required: ["type", "phoneNumber"],
      additionalProperties: false,
      properties: {
        type: { type: "string", enum: ["MOBILE", "LANDLINE"] },
        countryDialingCode: { type: "string", pattern: "^\\d{1,4}$" },
        phoneNumber: { type: "string", pattern: "^\\d{6,12}$" },
      },
    },
  },
} as const;

export const loginSchema = {
  type: "object",
  required: ["user"],
  additionalProperties: false,
  properties: {
    user: {
      type: "object",
      required: ["login", "password"],
      additionalProperties: false,
      properties: {
        login: { type: "string", pattern: "^[0-9a-zA-Z_]{1,36}$" },
        password: { type: "string", minLength: 1, maxLength: 50 },
      },
    },
  },
} as const;

export interface Login {
  readonly user: { readonly login: string; readonly password: string };
}

export interface Address {
  readonly type: "PRIMARY" | "SECONDARY";
  readonly addressLine1: string;
  readonly addressLine2?: string;
  readonly city: string;
  readonly stateCode: string;
  readonly postalCode: string;
  readonly countryCodeA3: string;
}

export interface Phone {
  readonly type: "MOBILE" | "LANDLINE";
  readonly countryDialingCode?: string;
  readonly phoneNumber: string;
}

/** A request that passed the schema, and equally what is stored: the merge of all requests for a customer. */
export interface Customer {
  readonly customerId: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly gender?: "M" | "F";
  readonly dateOfBirth?: string;
  readonly email?: string;
  readonly addresses?: readonly Address[];
  readonly phones?: readonly Phone[];
}
