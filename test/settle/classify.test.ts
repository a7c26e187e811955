// What an answer, a refusal or silence means for a row: DESIGN.md's "Outcome rules", line by line.
import { describe, expect, test } from "vitest";
import { classify, type Exchange, giveUp } from "../../src/settle/classify.ts";

type Answer = Omit<Extract<Exchange, { kind: "answer" }>, "kind" | "latency">;
type Silence = Omit<Extract<Exchange, { kind: "silence" }>, "kind" | "latency">;

const afterAnswer = (answer: Answer) => classify({ kind: "answer", latency: 3, ...answer });
const afterSilence = (silence: Silence) => classify({ kind: "silence", latency: 3, ...silence });

describe("classify", () => {
  test("200 with code 0 is an update", () => {
    expect(afterAnswer({ http: 200, code: "0" })).toEqual({ kind: "updated" });
  });

  test.each(["extCondor", "00", "1"])("200 with code %s is a failure with that code", (code) => {
    expect(afterAnswer({ http: 200, code })).toEqual({ kind: "failed", cause: { code } });
  });

  test.each([300, 301, 302, 303, 304, 307, 308, 399])("%i is a failure: a redirect is never followed", (http) => {
    expect(afterAnswer({ http, code: "0" })).toEqual({ kind: "failed", cause: { code: "redirect" } });
  });

  test.each([400, 402, 404, 405, 409, 410, 413, 415, 422, 451, 499])(
    "%i is a failure, with what the endpoint says of it",
    (http) => {
      const parts = [{ path: "/addresses/0", keyword: "required", property: "stateCode" }];
      expect(afterAnswer({ http, code: "requestValidateError", subCode: "C0900", parts })).toEqual({
        kind: "failed",
        cause: { code: "requestValidateError", subCode: "C0900", parts },
      });
      expect(afterAnswer({ http, code: null })).toEqual({ kind: "failed", cause: { code: `http-${http}` } });
    },
  );

  test("401 asks for another token, whatever its body says", () => {
    for (const code of ["unauthorized", "0", null])
      expect(afterAnswer({ http: 401, code })).toEqual({ kind: "unauthorized" });
  });

  const wait = (ms: number) => ({ ms, capped: false });

  test.each([408, 425, 503])("%i is tried again and leaves no doubt: the endpoint did not take it", (http) => {
    const again = { kind: "retry", fault: `http-${http}`, ambiguous: false, retryAfter: 0 };
    expect(afterAnswer({ http, code: null })).toEqual(again);
    expect(afterAnswer({ http, code: null, retryAfter: wait(0) })).toEqual(again);
  });

  test.each([408, 425])("%i waits as long as it says", (http) => {
    expect(afterAnswer({ http, code: "0", retryAfter: wait(7_000) })).toMatchObject({ retryAfter: 7_000 });
  });

  test.each([429, 503])("%i that says how long is a rest for all", (http) => {
    const rest = { kind: "rest", fault: `http-${http}`, after: wait(7_000) };
    expect(afterAnswer({ http, code: "0", retryAfter: wait(7_000) })).toEqual(rest);
  });

  test("429 that does not say how long asks to slow down", () => {
    expect(afterAnswer({ http: 429, code: null })).toEqual({ kind: "slow", fault: "http-429" });
    expect(afterAnswer({ http: 429, code: null, retryAfter: wait(0) })).toEqual({ kind: "slow", fault: "http-429" });
  });

  test("403 is the row's, or everybody's", () => {
    expect(afterAnswer({ http: 403, code: null })).toEqual({ kind: "forbidden", cause: { code: "http-403" } });
    expect(afterAnswer({ http: 403, code: "no" })).toEqual({ kind: "forbidden", cause: { code: "no" } });
  });

  test.each([500, 502, 504])("%i is tried again and leaves the row ambiguous", (http) => {
    expect(afterAnswer({ http, code: "0" })).toEqual({
      kind: "retry",
      fault: `http-${http}`,
      ambiguous: true,
      retryAfter: 0,
    });
  });

  test.each([201, 202, 204, 299, 501, 505, 507, 599])("%i says nothing definite: tried again, ambiguous", (http) => {
    expect(afterAnswer({ http, code: "0" })).toEqual({
      kind: "retry",
      fault: `http-${http}`,
      ambiguous: true,
      retryAfter: 0,
    });
  });

  test("200 with a body that could not be read is tried again and leaves the row ambiguous", () => {
    const again = { kind: "retry", fault: "unreadable-answer", ambiguous: true, retryAfter: 0 };
    expect(afterAnswer({ http: 200, code: null })).toEqual(again);
  });

  test.each(["timeout", "reset", "refused", "aborted"] as const)(
    "silence (%s) is tried again; it leaves doubt exactly when the request was written",
    (fault) => {
      expect(afterSilence({ fault, written: false })).toEqual({
        kind: "retry",
        fault,
        ambiguous: false,
        retryAfter: 0,
      });
      expect(afterSilence({ fault, written: true })).toEqual({ kind: "retry", fault, ambiguous: true, retryAfter: 0 });
    },
  );

  test("no status ends a row without a verdict, and only 200 with code 0 updates it", () => {
    for (let http = 200; http < 600; http++) {
      for (const code of ["0", "other", null]) {
        const { kind } = afterAnswer({ http, code });
        expect(["updated", "failed", "retry", "slow", "forbidden", "unauthorized"]).toContain(kind);
        expect(kind === "updated").toBe(http === 200 && code === "0");
      }
    }
  });
});

describe("giveUp", () => {
  test("a row that may have taken effect ends unknown, with the last fault", () => {
    expect(giveUp("timeout", true)).toEqual({
      status: "unknown",
      cause: { code: "no-definite-answer", last: "timeout" },
    });
  });

  test("a row that cannot have taken effect ends failed, with the last fault", () => {
    expect(giveUp("http-503", false)).toEqual({
      status: "failed",
      cause: { code: "retries-exhausted", last: "http-503" },
    });
  });
});
