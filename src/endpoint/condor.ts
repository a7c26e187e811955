// The contract of `POST /condor/customer/update`: paths, header, credentials, token and the schema of an update's body.
import { z } from "zod";
import type { Contract, Group, Property } from "./contract.ts";

// A property is declared once, here. Its order is the order in which it is sent; its description is what people are told.
const text = z.string().min(1).describe("text");
const digits = (pattern: RegExp, expected: string) => z.string().regex(pattern).describe(expected);

const address = z.strictObject({
  type: z.enum(["PRIMARY", "SECONDARY"]).describe("PRIMARY or SECONDARY"),
  addressLine1: text,
  addressLine2: text.optional(),
  city: text,
  // The documentation's table calls it `state`, its example and its errors `stateCode`.
  stateCode: text,
  postalCode: digits(/^\d{5}$/, "5 digits"),
  countryCodeA3: digits(/^[A-Z]{3}$/, "3 capital letters, such as USA"),
});

const phone = z.strictObject({
  type: z.enum(["MOBILE", "LANDLINE"]).describe("MOBILE or LANDLINE"),
  phoneNumber: digits(/^\d{6,12}$/, "6 to 12 digits"),
  countryDialingCode: digits(/^\d{1,4}$/, "1 to 4 digits, without +").optional(),
});

const update = (today: string) =>
  z.strictObject({
    customerId: text,
    firstName: text.optional(),
    lastName: text.optional(),
    gender: z.enum(["M", "F"]).describe("M or F, in capitals").optional(),
    dateOfBirth: dateUntil(today).optional(),
    email: digits(/^(.+)@(.+)$/, "text on both sides of an @").optional(),
    addresses: noTypeTwice(z.array(address), address.shape.type.options).optional(),
    phones: noTypeTwice(z.array(phone), phone.shape.type.options).optional(),
  });

export const condor: Contract = {
  name: "condor",
  deprecated:
    "POST /condor/customer/update is deprecated; the newer card endpoints update email, addresses and phones with POST /customer/update",
  updatePath: "/condor/customer/update",
  tokenPath: "/auth/get-token",
  tokenHeader: "x-connectfi-token",
  credentials: z.object({
    login: z.string().regex(/^[0-9a-zA-Z_]{1,36}$/),
    password: z.string().min(1).max(50),
  }),
  tokenRequest: ({ login, password }) => ({ user: { login, password } }),
  // A date that cannot be read is no reason to refuse the token.
  tokenAnswer: z
    .object({
      code: z.literal("0"),
      data: z.object({ token: z.string().min(1), dtsExpireAt: z.string().transform(Date.parse).optional() }),
    })
    .transform(({ data: { token, dtsExpireAt: at = Number.NaN } }) => ({
      token,
      expiresAt: Number.isNaN(at) ? null : at,
    })),
  updateSchema: update,
  identity: "customerId",
  properties: propertiesOf(update("9999-12-31").omit({ addresses: true, phones: true })),
  groups: [groupOf("addresses", "address", address, null), groupOf("phones", "phone", phone, "phoneNumber")],
  dates: ["dateOfBirth"],
  zips: ["postalCode"],
  aliases: { state: "stateCode" },
  synonyms: {
    customerId: ["id", "customer", "customerNumber", "custId", "clientId", "cardholderId"],
    firstName: ["first", "fname", "forename", "givenName"],
    lastName: ["last", "lname", "surname", "familyName"],
    gender: ["sex"],
    dateOfBirth: ["dob", "birthDate", "birthday", "born"],
    email: ["mail", "emailAddress"],
    addressLine1: ["address", "address1", "line1", "street", "street1", "streetAddress"],
    addressLine2: ["address2", "line2", "street2", "apartment", "suite", "unit"],
    city: ["town", "locality"],
    stateCode: ["province", "region"],
    postalCode: ["zip", "zipCode", "postcode", "postal"],
    countryCodeA3: ["country", "countryCode", "countryA3", "countryIso3"],
    phoneNumber: ["phone", "number", "tel", "telephone", "cell", "cellphone"],
    "landline.phoneNumber": ["home", "homePhone", "fixedLine"],
    countryDialingCode: [
      "dialingCode",
      "diallingCode",
      "countryDiallingCode",
      "callingCode",
      "phoneCode",
      "phonePrefix",
    ],
  },
  // `ssn` only as a word or at an end: "businessName" contains it too.
  isIdentification: (name) => {
    const letters = name.toLowerCase().replace(/[^a-z]/g, "");
    return (
      /socialsecurity|licen[cs]e|driver|driving|passport|identification|nationalid|taxid/.test(letters) ||
      /^ssn|ssn$/.test(letters) ||
      /(^|[^a-z])ssn([^a-z]|$)/i.test(name)
    );
  },
};

/** One issue at most, the plainest: a pattern first, then the calendar, then the future. */
function dateUntil(today: string) {
  return z
    .string()
    .check((context) => {
      const code = dateProblem(context.value, today);
      if (code !== null) context.issues.push({ code: "custom", input: context.value, params: { code } });
    })
    .describe("a date as YYYY-MM-DD");
}

function dateProblem(value: string, today: string): "pattern" | "calendar" | "future" | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return "pattern";
  const year = Number(value.slice(0, 4));
  const month = Number(value.slice(5, 7));
  const day = Number(value.slice(8, 10));
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  if (month < 1 || month > 12 || day < 1 || day > days) return "calendar";
  return value > today ? "future" : null;
}

/** Marks every entry whose type an earlier one has; looks even where other issues were found. */
function noTypeTwice<Entry extends { readonly type: string }>(
  list: z.ZodArray<z.ZodType<Entry>>,
  types: readonly Entry["type"][],
) {
  // A plain check: superRefine makes a closure for every row.
  const unlike = z.check<Entry[]>(({ value: entries, issues }) => {
    if (entries.length < 2) return;
    // An entry that is no object, or whose type is not one of these, has got its own issue.
    for (const type of types) {
      const first = entries.findIndex((entry) => entry?.type === type);
      for (const [index, entry] of entries.entries()) {
        if (index > first && entry?.type === type)
          issues.push({ code: "custom", input: entry, path: [index, "type"], params: { code: "duplicate-type" } });
      }
    }
  });
  unlike._zod.def.when = ({ value }) => Array.isArray(value);
  return list.check(unlike);
}

function propertiesOf(schema: z.ZodObject): Property[] {
  return Object.entries(schema.shape).map(([name, property]) => {
    const optional = property instanceof z.ZodOptional;
    const expected = z.globalRegistry.get(optional ? property.unwrap() : property)?.description;
    if (expected === undefined) throw new Error(`the schema does not describe ${name}`);
    return { name, required: !optional, expected };
  });
}

function groupOf(name: string, entry: string, schema: typeof address | typeof phone, main: string | null): Group {
  const parts = propertiesOf(schema).filter((part) => part.name !== "type");
  return { name, entry, types: schema.shape.type.options, parts, main };
}
