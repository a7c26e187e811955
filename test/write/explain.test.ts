import { describe, expect, it } from "vitest";
import type { Cause, Outcome } from "../../src/settle/outcome.ts";
import { explain } from "../../src/write/explain.ts";
import { bad, cells, outcome, planOf } from "./support.ts";

const ROW = cells(1, "csta_1", "secret value");
const PLAN = planOf({ names: { stateCode: "State", email: "email" } });

function explained(cause: Cause | null, given: Partial<Outcome> = {}) {
  return explain(ROW, outcome(1, { status: "failed", http: 400, attempts: 1, cause, ...given }), PLAN);
}

function part(keyword: string, path = "/addresses/0", property = "stateCode"): Cause {
  return { code: "requestValidateError", parts: [{ path, keyword, property }] };
}

describe("explain", () => {
  it("names the source column of a missing property", () => {
    expect(explained(part("required"))).toEqual([
      { column: "State", code: "requestValidateError/required", message: 'column "State" (stateCode): missing' },
    ]);
  });

  it("says a column's name once when it is the property's", () => {
    const [found] = explained({ code: "requestValidateError", parts: [{ path: "/email", keyword: "pattern" }] });
    expect(found?.message).toBe('column "email": not written in the form the endpoint expects');
  });

  it("names the property where no column is to blame", () => {
    expect(explained(part("enum", "/addresses/0/countryCodeA3", "countryCodeA3"))).toEqual([
      {
        column: null,
        code: "requestValidateError/enum",
        message: "countryCodeA3: not one of the values the endpoint accepts",
      },
    ]);
  });

  it("explains every part of a validation answer, also by rules it does not know", () => {
    const parts = [...(part("additionalProperties").parts ?? []), { path: "/email", keyword: "oneOf" }];
    expect(explained({ code: "requestValidateError", parts }).map(({ message }) => message)).toEqual([
      'column "State" (stateCode): not a property the endpoint accepts',
      'column "email": against the endpoint\'s rule "oneOf"',
    ]);
  });

  it.each<[string, Cause, Partial<Outcome>, string, string]>([
    [
      "a duplicate type",
      { code: "extCondor", subCode: "C0900" },
      {},
      "extCondor/C0900",
      "two addresses or two phones of the same type",
    ],
    [
      "tries used up",
      { code: "retries-exhausted", last: "http-503" },
      { attempts: 5, http: 503 },
      "retries-exhausted",
      "gave up after 5 attempts; last: HTTP 503",
    ],
    [
      "an endpoint that never took a connection",
      { code: "retries-exhausted", last: "refused" },
      { attempts: 0, http: 0 },
      "retries-exhausted",
      "gave up; last: connection refused",
    ],
    [
      "no definite answer",
      { code: "no-definite-answer", last: "timeout" },
      { status: "unknown", attempts: 5, http: 0 },
      "no-definite-answer",
      "no definite answer: the update may or may not have taken effect; last: timeout",
    ],
    [
      "a redirect",
      { code: "redirect" },
      { http: 302 },
      "redirect",
      "the endpoint answered with a redirect (HTTP 302), which is never followed: the token must not travel",
    ],
    [
      "refused credentials",
      { code: "unauthorized" },
      { http: 401 },
      "unauthorized",
      "the endpoint refused the credentials (HTTP 401)",
    ],
    [
      "an answer without a code",
      { code: "http-404" },
      { http: 404 },
      "http-404",
      "the endpoint answered HTTP 404 and gave no reason",
    ],
    [
      "a code nobody explained",
      { code: "xyz", subCode: "A1" },
      { http: 200 },
      "xyz/A1",
      'the endpoint answered code "xyz", sub-code "A1" (HTTP 200)',
    ],
  ])("explains %s", (_what, cause, given, code, message) => {
    expect(explained(cause, given)).toEqual([{ column: null, code, message }]);
  });

  it("lets nothing but 64 plain characters of an endpoint's code through", () => {
    const [found] = explained({ code: `\u001b[31m"Jos\u00e9";\n${"x".repeat(500)}` });
    expect(found?.code).toMatch(/^[\w.:/ ?-]{1,64}$/);
    expect(found?.message.length).toBeLessThan(130);
    const [named] = explained(part("\u001b[2J", "/x", "Jos\u00e9\n"));
    expect(JSON.stringify(named)).not.toMatch(/\\u001b|\u00e9|\\n/);
  });

  it("keeps control characters of a column's name out of messages", () => {
    const plan = planOf({ names: { city: "Ci\u001b[2Jty\n" } });
    const [found] = explain(ROW, outcome(1, { status: "failed", cause: part("required", "/a", "city") }), plan);
    expect(found?.message).toBe('column "Ci?[2Jty?" (city): missing');
  });

  it("names column and property of each problem of a rejected row", () => {
    const problems = [
      {
        column: "ZIP",
        path: "/addresses/0/postalCode",
        code: "pattern",
        message: "expected 5 digits, got 4 characters",
      },
      { column: null, path: null, code: "nothing-to-update", message: "nothing but customerId" },
    ];
    expect(explained({ code: "rejected", problems }, { status: "rejected" })).toEqual([
      { column: "ZIP", code: "pattern", message: 'column "ZIP" (postalCode): expected 5 digits, got 4 characters' },
      { column: null, code: "nothing-to-update", message: "nothing but customerId" },
    ]);
  });

  it("plans a rejected row again when the ledger did not keep its problems", () => {
    expect(explain(bad(1, "a,b,c"), outcome(1, { status: "rejected" }), PLAN)).toEqual([
      { column: null, code: "column-count", message: "expected 2 cells, got 3" },
    ]);
    expect(() => explained(null, { status: "rejected" })).toThrow("row 1 is rejected in the ledger");
  });
});
