import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readReply, readRetryAfter } from "../../src/send/answer.ts";
import type { Reply } from "../../src/send/http.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const wall = () => NOW;

const SENT = Buffer.from(
  JSON.stringify({
    customerId: "csta_6clNH3W2pBehujY8mpTCU8",
    firstName: "Jessie",
    gender: "M",
    addresses: [{ type: "PRIMARY", city: "Mycityname", stateCode: "PA", postalCode: "19104" }],
    phones: [{ type: "MOBILE", phoneNumber: "2155550100" }],
  }),
);

function read(http: number, body: unknown, headers: Record<string, string> = {}, sent = SENT) {
  const text = typeof body === "string" || body === null ? body : JSON.stringify(body);
  const reply: Reply = { kind: "answer", http, headers, body: text, latency: 12 };
  return readReply(reply, wall, sent);
}

describe("an answer", () => {
  test("that says success is kept as its code alone, whatever else it carries", () => {
    const docs = [{ identification_type: "SSN", identification_value: "123-45-6789" }];
    const found = read(200, {
      code: "0",
      data: { condorCustomer: { first_name: "Jessie", identification_docs: docs } },
    });
    expect(found).toEqual({ kind: "answer", http: 200, code: "0", latency: 12 });
  });

  test("200 with another code keeps that code", () => {
    expect(read(200, { code: "17", message: "Not updated." })).toMatchObject({ code: "17" });
  });

  test("200 with a code that may not be kept is still a definite answer", () => {
    expect(read(200, { code: "no such customer: Jessie" })).toMatchObject({ http: 200, code: "unnamed" });
  });

  test.each([
    ["empty", ""],
    ["HTML", "<!doctype html><title>Sign in</title>"],
    ["JSON that breaks off", '{"code":"0","data":{"first'],
    ["larger than was read", null],
    ["JSON without a code", { data: {} }],
    ["a code that is a number", { code: 0 }],
    ["an empty code", { code: "" }],
    ["no object", "[]"],
    ["null", "null"],
  ])("200 with a body that is %s has no code", (_what, body) => {
    expect(read(200, body)).toEqual({ kind: "answer", http: 200, code: null, latency: 12 });
  });

  test("of a duplicate type keeps code and sub-code, not the message and not the title", () => {
    const found = read(400, {
      code: "extCondor",
      subCode: "C0900",
      context: { title: "cardholdersUpdate" },
      message: "Duplicate address type found.",
    });
    expect(found).toEqual({ kind: "answer", http: 400, code: "extCondor", subCode: "C0900", latency: 12 });
  });

  test("of a validation keeps path, keyword and property of each part", () => {
    const missing = {
      instancePath: "/addresses/0",
      schemaPath: "#/definitions/address/required",
      keyword: "required",
      params: { missingProperty: "stateCode" },
      message: "must have required property 'stateCode'",
    };
    const extra = { instancePath: "", keyword: "additionalProperties", params: { additionalProperty: "ssn" } };
    const pattern = { instancePath: "/phones/0/phoneNumber", keyword: "pattern", params: { pattern: "^\\d+$" } };
    expect(read(400, { code: "requestValidateError", context: [missing, extra, pattern] })).toEqual({
      kind: "answer",
      http: 400,
      code: "requestValidateError",
      latency: 12,
      parts: [
        { path: "/addresses/0", keyword: "required", property: "stateCode" },
        { path: "", keyword: "additionalProperties", property: "ssn" },
        { path: "/phones/0/phoneNumber", keyword: "pattern" },
      ],
    });
  });

  test("of a validation keeps the parts it can read, and at most 20", () => {
    const good = { instancePath: "/email", keyword: "pattern" };
    const context = [
      null,
      "x",
      { keyword: "pattern" },
      { ...good, instancePath: "nowhere" },
      good,
      { ...good, params: 1 },
    ];
    expect(read(400, { code: "c", context })).toMatchObject({
      parts: [
        { path: "/email", keyword: "pattern" },
        { path: "/email", keyword: "pattern" },
      ],
    });
    const many = read(400, { code: "c", context: Array(1000).fill(good) });
    expect(many.kind === "answer" && many.parts).toHaveLength(20);
  });

  test.each([
    ["a name", "Jessie"],
    ["a name in capitals", "JESSIE"],
    ["a name within a code", "invalid.Jessie"],
    ["a customer's id", "csta_6clNH3W2pBehujY8mpTCU8"],
    ["a state", "PA"],
    ["a gender", "M"],
    ["a phone number that was not even sent", "4155550199"],
    ["a social security number", "123-45-6789"],
    ["a date", "1978-10-25"],
    ["a postal code", "90210"],
    ["a sentence", "may not be empty"],
  ])("that has %s where a code belongs does not keep it", (_what, value) => {
    expect(read(400, { code: value, subCode: value, context: [{ instancePath: "", keyword: value }] })).toEqual({
      kind: "answer",
      http: 400,
      code: null,
      latency: 12,
    });
  });

  test("keeps the names of kinds, which are the contract's and not the customer's", () => {
    expect(read(400, { code: "duplicateMobile" })).toMatchObject({ code: "duplicateMobile" });
  });

  const wordy = fc.stringMatching(/^[A-Za-z0-9_.-]{2,40}$/);
  const canary = fc.oneof(
    wordy.map((text) => `Zq${text}`),
    fc.stringMatching(/^[0-9]{5,12}$/),
    fc.string({ minLength: 2, maxLength: 40 }).map((text) => `Zq${text}`),
  );
  const around = fc.constantFrom("", "err.", "E-", "/");

  test("never keeps a value of the request, wherever and however the endpoint repeats it", () => {
    fc.assert(
      fc.property(
        fc.array(canary, { minLength: 1, maxLength: 5 }),
        fc.integer(),
        around,
        around,
        (values, pick, a, b) => {
          const sent = JSON.stringify({
            customerId: values[0],
            addresses: [{ city: values[1], line: values[2] }],
            rest: values,
          });
          const value = values[Math.abs(pick) % values.length] ?? "";
          const echo = `${a}${value}${b}`;
          const named = { missingProperty: echo, additionalProperty: echo, [echo]: echo, data: echo };
          const context = [
            { instancePath: `/${echo}`, schemaPath: echo, keyword: "pattern", message: echo, data: echo },
            { instancePath: "/a/0", keyword: echo },
            { instancePath: "/a/0", keyword: "required", params: named },
            { instancePath: "/a/0", keyword: "required", params: echo },
            { instancePath: echo, keyword: "pattern", [echo]: echo },
            echo,
          ];
          for (const http of [200, 400, 404, 503]) {
            const body = { code: echo, subCode: echo, message: sent, context, [echo]: echo };
            const kept = JSON.stringify(read(http, body, { "retry-after": echo, "x-echo": echo }, Buffer.from(sent)));
            const told = kept.replaceAll(/"(retryAfter|latency|http)":\d+/g, "").toLowerCase();
            for (const one of values) expect(told).not.toContain(JSON.stringify(one).slice(1, -1).toLowerCase());
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of any bytes at all is read without an exception", () => {
    fc.assert(
      fc.property(fc.constantFrom(200, 400, 500), fc.oneof(fc.string(), fc.json()), (http, body) => {
        expect(read(http, body)).toMatchObject({ kind: "answer", http });
      }),
    );
  });
});

test("silence is passed on as it is", () => {
  const silence: Reply = { kind: "silence", fault: "reset", written: true, latency: 3 };
  expect(readReply(silence, wall, SENT)).toBe(silence);
});

describe("Retry-After", () => {
  const HOUR = 3_600_000;
  test.each<[string | string[] | undefined, number | null]>([
    ["0", 0],
    ["7", 7_000],
    [" 120 ", 120_000],
    [["3", "9"], 3_000],
    ["Fri, 02 Jan 2026 03:04:35 GMT", 30_000],
    ["Fri, 02 Jan 2026 03:04:00 GMT", 0],
    ["86400", HOUR],
    ["999999999999", HOUR],
    ["Fri, 02 Jan 2096 03:04:35 GMT", HOUR],
    [undefined, null],
    ["", null],
    ["soon", null],
    ["9999999999999999999999", HOUR],
    ["12.5", null],
    ["-3", null],
    [[], null],
  ])("%j is %j milliseconds", (value, expected) => {
    expect(readRetryAfter(value, wall)?.ms ?? null).toBe(expected);
  });

  test("is taken from the answer, and left out where there is none", () => {
    expect(read(503, "", { "retry-after": "2" })).toMatchObject({
      http: 503,
      retryAfter: { ms: 2_000, capped: false },
    });
    expect(read(503, "")).not.toHaveProperty("retryAfter");
  });

  test("of any text is null or within an hour", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.date().map(String)), (text) => {
        const found = readRetryAfter(text, wall);
        if (found !== null) expect(found.ms >= 0 && found.ms <= HOUR).toBe(true);
      }),
    );
  });
});
