import { once } from "node:events";
import net from "node:net";
import { Pool } from "undici";
import { afterEach, describe, expect, test } from "vitest";
import { type Simulator, startSimulator } from "../../src/endpoint/simulator.ts";
import type { SimulatorInput } from "../../src/endpoint/simulator-options.ts";
import { UpdraftError } from "../../src/errors.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** A started simulator with a client that has logged in. */
async function begin(options: SimulatorInput = {}) {
  const simulator = await startSimulator(options);
  const pool = new Pool(simulator.url, { connections: 16 });
  running.push({ stop: () => pool.destroy() }, simulator);
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    headers = {},
    signal?: AbortSignal,
  ): Promise<Answer> => {
    const answer = await pool.request({
      method,
      path,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };
  const login = async () => {
    const user = { login: "simulator", password: "simulator" };
    return JSON.parse((await ask("POST", "/auth/get-token", { user })).text).data;
  };
  const granted = options.outage === undefined ? await login() : { token: "" };
  const update = (body: unknown, signal?: AbortSignal, token: string = granted.token) =>
    ask("POST", "/condor/customer/update", body, { "x-connectfi-token": token }, signal);
  return { simulator, ask, login, update, ...granted };
}

/** The error code of a request that fails, such as UND_ERR_SOCKET. */
const failure = (request: Promise<unknown>): Promise<string> =>
  request.then(
    () => "answered",
    (error: { code?: unknown; name: string }) => (typeof error.code === "string" ? error.code : error.name),
  );

const until = <T>(value: () => T) => expect.poll(value, { interval: 5 });
const json = (answer: Answer) => JSON.parse(answer.text);
const records = (simulator: Simulator) => [...simulator.requests()];
const endings = (simulator: Simulator) => records(simulator).map((r) => r.ending);

const JESSIE = {
  customerId: "csta_6clNH3W2pBehujY8mpTCU8",
  firstName: "Jessie",
  lastName: "Testman",
  gender: "M",
  email: "bb@bb.be",
  dateOfBirth: "1978-10-25",
  addresses: [
    {
      type: "PRIMARY",
      addressLine1: "123 Some Str.",
      city: "Mycityname",
      stateCode: "PA",
      postalCode: "19104",
      countryCodeA3: "USA",
    },
  ],
  phones: [{ type: "MOBILE", countryDialingCode: "01", phoneNumber: "2155550100" }],
};

describe("login", () => {
  test("a right login gets a token and when it expires", async () => {
    const { token, dtsExpireAt } = await begin({ tokenLifetime: 100 });
    expect(token).toMatch(/^simtoken-/);
    const left = Date.parse(dtsExpireAt) - Date.now();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(100_000);
  });

  test("a wrong password is refused as documented", async () => {
    const { ask, simulator } = await begin();
    const answer = await ask("POST", "/auth/get-token", { user: { login: "simulator", password: "wrong" } });
    expect([answer.status, json(answer)]).toEqual([401, { code: "unauthorized", message: "Authentication error" }]);
    expect(simulator.stats()).toMatchObject({ logins: 1, loginsRefused: 1 });
  });

  test("a token that is unknown or has expired is refused", async () => {
    const { update, login } = await begin({ tokenLifetime: 0.05 });
    expect((await update(JESSIE, undefined, "simtoken-made-up")).status).toBe(401);
    const { token, dtsExpireAt } = await login();
    let status = 200;
    while (status === 200) status = (await update(JESSIE, undefined, token)).status;
    expect(status).toBe(401);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(dtsExpireAt) - 5);
  });
});

describe("update", () => {
  test("the documented request gets the documented answer, with identification documents in it", async () => {
    const { update, simulator } = await begin({ idPrefix: "CANARY" });
    const answer = await update(JESSIE);
    expect(answer.status).toBe(200);
    const { identification_docs, ...rest } = json(answer).data.condorCustomer;
    expect(json(answer).code).toBe("0");
    expect(rest).toEqual({
      first_name: "Jessie",
      last_name: "Testman",
      gender: "M",
      email: "bb@bb.be",
      phone_details: [{ phone_type: "MOBILE", country_dialing_code: 1, phone_number: "2155550100" }],
      date_of_birth: "1978-10-25",
      addresses: [
        {
          address_type: "PRIMARY",
          address1: "123 Some Str.",
          city: "Mycityname",
          region: "PA",
          postal_code: "19104",
          country: "USA",
        },
      ],
      customerId: JESSIE.customerId,
    });
    expect(identification_docs.map((d: { identification_type: string }) => d.identification_type)).toEqual([
      "SSN",
      "DRIVING_LICENCE",
    ]);
    for (const doc of identification_docs) expect(doc.identification_value).toMatch(/^CANARY-/);
    expect(simulator.customer(JESSIE.customerId)).toEqual(JESSIE);
  });

  test("what is not sent stays, and the answer repeats the whole customer", async () => {
    const { update, simulator } = await begin();
    await update(JESSIE);
    const answer = await update({
      customerId: JESSIE.customerId,
      email: "new@bb.be",
      phones: [{ type: "LANDLINE", phoneNumber: "5550199" }],
    });
    expect(json(answer).data.condorCustomer).toMatchObject({ first_name: "Jessie", email: "new@bb.be" });
    expect(simulator.customer(JESSIE.customerId)).toEqual({
      ...JESSIE,
      email: "new@bb.be",
      phones: [...JESSIE.phones, { type: "LANDLINE", phoneNumber: "5550199" }],
    });
  });

  test("all faults of a request are told in AJV's shape, and nothing takes effect", async () => {
    const { update, simulator } = await begin();
    const [{ stateCode, ...address } = { stateCode: "" }] = JESSIE.addresses;
    const answer = await update({ ...JESSIE, addresses: [address], ssn: "912-34-5678" });
    expect(answer.status).toBe(400);
    expect(json(answer)).toEqual({
      code: "requestValidateError",
      context: expect.arrayContaining([
        {
          instancePath: "/addresses/0",
          schemaPath: "#/definitions/address/required",
          keyword: "required",
          params: { missingProperty: "stateCode" },
          message: "must have required property 'stateCode'",
        },
        {
          instancePath: "",
          schemaPath: "#/additionalProperties",
          keyword: "additionalProperties",
          params: { additionalProperty: "ssn" },
          message: "must NOT have additional properties",
        },
      ]),
    });
    expect(simulator.stats()).toMatchObject({ customers: 0, effects: 0, byStatus: { 400: 1 } });
  });

  test.each([
    ["a number where a string is due", { customerId: "a", firstName: 7 }, "/firstName", "type"],
    ["a gender that is neither", { customerId: "a", gender: "X" }, "/gender", "enum"],
    ["a date in another order", { customerId: "a", dateOfBirth: "25-10-1978" }, "/dateOfBirth", "pattern"],
    ["an email without @", { customerId: "a", email: "bb.be" }, "/email", "pattern"],
    [
      "letters in a phone number",
      { customerId: "a", phones: [{ type: "MOBILE", phoneNumber: "55501a0" }] },
      "/phones/0/phoneNumber",
      "pattern",
    ],
    ["no customerId", { email: "a@b" }, "", "required"],
    ["a list", [], "", "type"],
    ["no JSON", "{", "", "type"],
  ])("%s is refused", async (_what, body, instancePath, keyword) => {
    const { update } = await begin();
    const answer = await update(body);
    expect(answer.status).toBe(400);
    expect(json(answer).context).toEqual([expect.objectContaining({ instancePath, keyword })]);
  });

  test.each(["address", "phone"])("two of one %s type are refused with C0900", async (what) => {
    const { update } = await begin();
    const twice =
      what === "address"
        ? { addresses: [...JESSIE.addresses, ...JESSIE.addresses] }
        : { phones: [...JESSIE.phones, ...JESSIE.phones] };
    const answer = await update({ ...JESSIE, ...twice });
    expect([answer.status, json(answer)]).toEqual([
      400,
      {
        code: "extCondor",
        subCode: "C0900",
        context: { title: "cardholdersUpdate" },
        message: `Duplicate ${what} type found.`,
      },
    ]);
  });
});

describe("faults", () => {
  test.each([500, 502, 503, 504, 429])(
    "%i comes without effect, and at most as often as a row may have faults",
    async (status) => {
      const { update, simulator } = await begin({
        [`share${status}`]: 1,
        maxFaultsPerRow: 2,
        retryAfter: 7,
        retryAfter503: 9,
      });
      const answers = [await update(JESSIE), await update(JESSIE)];
      expect(answers.map((a) => a.status)).toEqual([status, status]);
      expect(answers[0]?.headers["retry-after"]).toBe({ 429: "7", 503: "9" }[status]);
      expect(simulator.stats()).toMatchObject({ effects: 0, byFault: { [`http-${status}`]: 2 } });
      expect((await update(JESSIE)).status).toBe(200);
      expect((await update({ ...JESSIE, email: "other@row.be" })).status).toBe(status);
    },
  );

  test("500, 502 and 504 take effect as often as told", async () => {
    const { update, simulator } = await begin({ share504: 1, effectShare5xx: 1 });
    expect((await update(JESSIE)).status).toBe(504);
    expect(simulator.customer(JESSIE.customerId)).toEqual(JESSIE);
  });

  test.each([
    ["resetBeforeShare", 0],
    ["resetAfterShare", 1],
  ])("%s cuts the connection with %i effects", async (share, effects) => {
    const { update, simulator } = await begin({ [share]: 1 });
    expect(await failure(update(JESSIE))).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    expect(endings(simulator)).toEqual(["reset"]);
    expect(simulator.stats().effects).toBe(effects);
  });

  test.each([
    ["silentBeforeShare", 0],
    ["silentAfterShare", 1],
  ])("%s never answers, with %i effects", async (share, effects) => {
    const { update, simulator } = await begin({ [share]: 1 });
    const giveUp = new AbortController();
    const pending = failure(update(JESSIE, giveUp.signal));
    await until(() => simulator.stats().byFault).toEqual({
      [share.replace("Share", "").replace(/[A-Z]/, (c) => `-${c.toLowerCase()}`)]: 1,
    });
    expect(simulator.stats()).toMatchObject({ inFlight: 1, effects });
    giveUp.abort();
    expect(await pending).toMatch(/Abort|UND_ERR_ABORTED/);
    await until(() => endings(simulator)).toEqual(["none"]);
    expect(simulator.stats().inFlight).toBe(0);
  });

  test("a late effect comes after the request was given up on, within its bounds", async () => {
    const { update, simulator } = await begin({ lateShare: 1, lateMs: "40-60" });
    expect(await failure(update(JESSIE))).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    await until(() => simulator.customer(JESSIE.customerId)).toEqual(JESSIE);
    const [record] = records(simulator);
    expect((record?.effectAt ?? 0) - (record?.at ?? 0)).toBeGreaterThanOrEqual(39);
    expect(record).toMatchObject({ ending: "reset", fault: "late" });
  });

  test("a late effect can also leave its request without an answer", async () => {
    const { update, simulator } = await begin({ lateShare: 1, lateMs: 10, lateEnding: "silent" });
    const giveUp = new AbortController();
    const pending = failure(update(JESSIE, giveUp.signal));
    await until(() => simulator.stats().effects).toBe(1);
    expect(simulator.stats().inFlight).toBe(1);
    giveUp.abort();
    await pending;
  });

  test.each([
    ["htmlShare", /^<!doctype html>/, 0],
    ["emptyShare", /^$/, 1],
    ["brokenShare", /^\{"code":"0"[^}]*$/, 1],
    ["codeShare", /^\{"code":"17"/, 0],
  ])("%s answers 200 with garbage", async (share, body, effects) => {
    const { update, simulator } = await begin({ [share]: 1 });
    const answer = await update(JESSIE);
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(body);
    expect(simulator.stats().effects).toBe(effects);
  });

  test("a huge answer has 10 MB and does not say so beforehand", async () => {
    const { update } = await begin({ hugeShare: 1 });
    const answer = await update(JESSIE);
    expect(answer.headers["content-length"]).toBeUndefined();
    expect(answer.text.length).toBe(10_000_000);
    expect(json(answer).code).toBe("0");
  });

  test("a redirect counts who follows it, and who brings the token along", async () => {
    const { update, ask, token, simulator } = await begin({ redirectShare: 1 });
    const answer = await update(JESSIE);
    expect(answer.status).toBe(302);
    await ask("GET", String(answer.headers.location));
    await ask("POST", String(answer.headers.location), JESSIE, { "x-connectfi-token": token });
    expect(simulator.stats()).toMatchObject({ redirectsFollowed: 2, tokensLeaked: 1, effects: 0 });
  });

  test("an echoing refusal repeats every value it was sent", async () => {
    const { update } = await begin({ echoShare: 1 });
    const answer = await update(JESSIE);
    expect(answer.status).toBe(400);
    expect(json(answer).code).toBe("requestValidateError");
    for (const value of ["Jessie", "bb@bb.be", "123 Some Str.", "2155550100"]) {
      expect(json(answer).message).toContain(value);
      expect(JSON.stringify(json(answer).context)).toContain(value);
    }
  });

  test("a revoked token is refused from then on, a new one is taken", async () => {
    const { update, login, simulator } = await begin({ revokeShare: 1, maxFaultsPerRow: 1 });
    expect((await update(JESSIE)).status).toBe(401);
    expect((await update(JESSIE)).status).toBe(401);
    expect(simulator.stats().byFault).toEqual({ revoke: 1 });
    const { token } = await login();
    expect((await update(JESSIE, undefined, token)).status).toBe(200);
  });

  test("a refused customer may be forbidden", async () => {
    const { update, simulator } = await begin({ refuseShare: 1, refuseAs: "403" });
    expect(await update({ customerId: "c1", firstName: "A" })).toMatchObject({ status: 403 });
    expect(simulator.stats()).toMatchObject({ effects: 0, byStatus: { 403: 1 } });
  });

  test("a refused customer is refused for good", async () => {
    const { update, simulator } = await begin({ refuseShare: 1 });
    for (let i = 0; i < 5; i++) {
      const answer = await update(JESSIE);
      expect([answer.status, json(answer).code]).toEqual([400, "extCondor"]);
    }
    expect(simulator.stats().effects).toBe(0);
  });

  test("an update that comes beyond the knee takes twice as long", async () => {
    const { update, simulator } = await begin({ latency: 600_000, latencyKnee: 2 });
    const pending = [1, 2].map((n) => failure(update({ ...JESSIE, customerId: `c${n}` })));
    await until(() => simulator.stats().inFlight).toBe(2);
    simulator.setFaults({ latency: 50, latencyKnee: 2 });
    const sent = performance.now();
    await update(JESSIE);
    expect(performance.now() - sent).toBeGreaterThanOrEqual(99);
    await simulator.stop();
    await Promise.all(pending);
  });

  test("latency and slowness come before effect and answer", async () => {
    const { update, simulator } = await begin({ latency: 30, slowShare: 1, slowMs: 20 });
    const sent = performance.now();
    await update(JESSIE);
    expect(performance.now() - sent).toBeGreaterThanOrEqual(49);
    const [record] = records(simulator);
    expect((record?.effectAt ?? 0) - (record?.at ?? 0)).toBeGreaterThanOrEqual(49);
  });

  test("requests that are being worked on are in flight, none has taken effect", async () => {
    const { update, simulator } = await begin({ latency: 600_000 });
    const pending = [1, 2, 3].map((n) => failure(update({ ...JESSIE, customerId: `c${n}` })));
    await until(() => simulator.stats().inFlight).toBe(3);
    expect(simulator.stats()).toMatchObject({ effects: 0, maxInFlight: 3 });
    expect(records(simulator).map((r) => r.inFlight)).toEqual([1, 2, 3]);
    await simulator.stop();
    await Promise.all(pending);
  });

  test("a change takes effect even when its client has gone meanwhile", async () => {
    const { update, simulator } = await begin({ latency: 500 });
    const giveUp = new AbortController();
    const pending = failure(update(JESSIE, giveUp.signal));
    await until(() => simulator.stats().inFlight).toBe(1);
    giveUp.abort();
    await pending;
    await until(() => simulator.stats().effects).toBe(1);
    expect(endings(simulator)).toEqual(["none"]);
  });

  test("a request whose client has gone is in flight no longer", async () => {
    const { update, simulator } = await begin({ latency: 600_000 });
    const giveUp = new AbortController();
    const pending = failure(update(JESSIE, giveUp.signal));
    await until(() => simulator.stats().inFlight).toBe(1);
    giveUp.abort();
    await pending;
    await until(() => simulator.stats().inFlight).toBe(0);
  });

  test("what is over the rate is answered 429 with Retry-After", async () => {
    const { update, simulator } = await begin({ rateLimit: 3 });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => update({ ...JESSIE, customerId: `c${i}` })));
    const late = answers.filter((a) => a.status === 429);
    // All eight within a second, unless the machine stood still: count what really came.
    const first = records(simulator)[0]?.at ?? 0;
    if (records(simulator).every((r) => r.at < first + 1000)) expect(late.length).toBe(5);
    for (const answer of late) expect(answer.headers["retry-after"]).toBe("1");
    expect(simulator.stats().effects).toBe(8 - late.length);
  });

  test("the same seed gives every row the same faults, whatever the order", async () => {
    const fates = async (order: number[]) => {
      const { update, simulator } = await begin({
        seed: 7,
        share503: 0.2,
        resetAfterShare: 0.1,
        share500: 0.1,
        effectShare5xx: 0.5,
      });
      await Promise.all(order.map((i) => failure(update({ ...JESSIE, customerId: `c${i}` }))));
      return records(simulator)
        .map((r) => `${r.customerId} ${r.ending} ${r.fault} ${r.effectAt !== null}`)
        .sort();
    };
    const order = Array.from({ length: 60 }, (_, i) => i);
    const once = await fates(order);
    expect(await fates(order.toReversed())).toEqual(once);
    expect(new Set(once.map((fate) => fate.split(" ")[2]))).toEqual(
      new Set(["null", "http-503", "http-500", "reset-after"]),
    );
  });
});

describe("outage", () => {
  const user = { user: { login: "simulator", password: "simulator" } };

  test("answers 503 to updates and logins alike", async () => {
    const { ask, simulator } = await begin({ outage: "on", retryAfter503: 2 });
    for (const path of ["/auth/get-token", "/condor/customer/update"]) {
      const answer = await ask("POST", path, user);
      expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "2"]);
    }
    simulator.setFaults({ outage: "off" });
    expect((await ask("POST", "/auth/get-token", user)).status).toBe(200);
  });

  test("can cut every connection instead", async () => {
    const { ask, simulator } = await begin({ outage: "on", outageAs: "reset" });
    for (const path of ["/auth/get-token", "/condor/customer/update"]) {
      expect(await failure(ask("POST", path, user))).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    }
    expect(endings(simulator)).toEqual(["reset"]);
  });

  test("can have no one listen, until it is over", async () => {
    const { ask, simulator } = await begin({ outage: "0-3600", outageAs: "refuse" });
    expect(await failure(ask("POST", "/auth/get-token", user))).toBe("ECONNREFUSED");
    simulator.setFaults({ outage: "off" });
    await until(() => failure(ask("POST", "/auth/get-token", user))).toBe("answered");
  });

  test("that begins later cuts what is underway, then refuses", async () => {
    const { ask, update, simulator } = await begin({ latency: 600_000 });
    const pending = failure(update(JESSIE));
    await until(() => simulator.stats().inFlight).toBe(1);
    simulator.setFaults({ outage: "0.05-3600", outageAs: "refuse" });
    expect(await pending).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    expect(await failure(ask("POST", "/auth/get-token", user))).toBe("ECONNREFUSED");
  });

  test("ends with its window", async () => {
    const { ask, simulator } = await begin({ outage: "0-0.05", outageAs: "refuse" });
    await until(() => failure(ask("POST", "/auth/get-token", user))).toBe("answered");
    simulator.setFaults({ outage: "0-0.05", outageAs: "503" });
    await until(async () => (await ask("POST", "/auth/get-token", user)).status).toBe(200);
  });

  test("is switched on over HTTP, and this request is answered before", async () => {
    const { ask, simulator } = await begin();
    expect((await ask("POST", "/_sim/faults", { outage: "0-3600", outageAs: "refuse" })).status).toBe(200);
    await until(() => failure(ask("GET", "/_sim/stats"))).not.toBe("answered");
    simulator.setFaults({ outage: "off" });
    await until(() => failure(ask("GET", "/_sim/stats"))).toBe("answered");
  });

  test("that would lock its own switch out for ever is refused", async () => {
    const { ask } = await begin();
    const answer = await ask("POST", "/_sim/faults", { outage: "on", outageAs: "refuse" });
    expect([answer.status, json(answer).code]).toEqual([400, "simulator-option"]);
  });
});

describe("control", () => {
  test("customers come one by one and as a list, under the names of the request", async () => {
    const { update, ask } = await begin();
    await update(JESSIE);
    await update({ ...JESSIE, customerId: "a/ b" });
    expect(json(await ask("GET", `/_sim/customers/${JESSIE.customerId}`))).toEqual(JESSIE);
    expect(json(await ask("GET", `/_sim/customers/${encodeURIComponent("a/ b")}`)).customerId).toBe("a/ b");
    expect((await ask("GET", "/_sim/customers/nobody")).status).toBe(404);
    const list = (await ask("GET", "/_sim/customers")).text.trim().split("\n");
    expect(list.map((line: string) => JSON.parse(line).customerId)).toEqual([JESSIE.customerId, "a/ b"]);
  });

  test("every request is told: when it came, what it got, when it took effect", async () => {
    const { update, ask } = await begin({ share500: 1, maxFaultsPerRow: 1 });
    await update(JESSIE);
    await update(JESSIE);
    const list = (await ask("GET", "/_sim/requests")).text
      .trim()
      .split("\n")
      .map((line: string) => JSON.parse(line));
    expect(list).toEqual([
      {
        seq: 1,
        customerId: JESSIE.customerId,
        value: null,
        at: expect.any(Number),
        wall: expect.any(Number),
        inFlight: 1,
        ending: 500,
        endedAt: expect.any(Number),
        effectAt: null,
        fault: "http-500",
      },
      {
        seq: 2,
        customerId: JESSIE.customerId,
        value: null,
        at: expect.any(Number),
        wall: expect.any(Number),
        inFlight: 1,
        ending: 200,
        endedAt: expect.any(Number),
        effectAt: expect.any(Number),
        fault: null,
      },
    ]);
  });

  test("the record tells when each request was over, and the property that tells rows apart", async () => {
    const { update, simulator } = await begin({
      recordProperty: "lastName",
      latency: 20,
      resetAfterShare: 1,
      maxFaultsPerRow: 1,
    });
    await update(JESSIE).catch(() => {});
    await update(JESSIE);
    await update({ customerId: "c2" }).catch(() => {});
    const [cut, answered, without] = records(simulator);
    expect([cut, answered, without].map((r) => r?.value)).toEqual([JESSIE.lastName, JESSIE.lastName, null]);
    for (const record of [cut, answered]) {
      if (!record?.endedAt || !record.effectAt) throw new Error("it is over and took effect");
      expect(record.effectAt).toBeGreaterThanOrEqual(record.at + 15);
      expect(record.endedAt).toBeGreaterThanOrEqual(record.effectAt);
    }
    expect([cut?.ending, answered?.ending]).toEqual(["reset", 200]);
    expect(answered?.at).toBeGreaterThanOrEqual(cut?.endedAt ?? Number.POSITIVE_INFINITY);
  });

  test("only the latest requests are remembered, all are counted", async () => {
    const { update, simulator } = await begin({ recordRequests: 2 });
    for (let i = 0; i < 5; i++) await update(JESSIE);
    expect(records(simulator).map((r) => r.seq)).toEqual([4, 5]);
    expect(simulator.stats()).toMatchObject({ requests: 5, forgotten: 3, byStatus: { 200: 5 } });
  });

  test("nothing is remembered when counters are enough", async () => {
    const { update, simulator } = await begin({ recordRequests: 0, keepCustomers: false });
    expect(json(await update(JESSIE)).data.condorCustomer.first_name).toBe("Jessie");
    expect(records(simulator)).toEqual([]);
    expect(simulator.stats()).toMatchObject({ requests: 1, effects: 1, customers: 0 });
  });

  test("faults are changed while it runs, the rest stays; reset goes back to the start", async () => {
    const { update, ask, simulator } = await begin({ share500: 1 });
    const changed = await ask("POST", "/_sim/faults", { share500: 0, share503: "100%" });
    expect(json(changed)).toMatchObject({ share500: 0, share503: 1, maxFaultsPerRow: 3 });
    expect((await update(JESSIE)).status).toBe(503);
    expect((await ask("POST", "/_sim/faults", { share500: 2 })).status).toBe(400);
    expect((await ask("POST", "/_sim/reset")).status).toBe(200);
    expect(simulator.stats()).toMatchObject({ requests: 0, customers: 0, byFault: {} });
    expect((await update(JESSIE)).status).toBe(500);
  });
});

describe("stop", () => {
  test("closes connections that hang, and may be called twice", async () => {
    const { update, simulator } = await begin({ silentBeforeShare: 0.5, latency: 600_000 });
    const pending = failure(update(JESSIE));
    const idle = net.connect(Number(new URL(simulator.url).port), "127.0.0.1");
    await once(idle, "connect");
    const closed = once(idle, "close");
    await until(() => simulator.stats().inFlight).toBe(1);
    await Promise.all([simulator.stop(), simulator.stop()]);
    expect(await pending).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    await closed;
  });

  test("in the middle of a refusing outage leaves no one listening", async () => {
    const { simulator } = await begin({ outage: "0-0.05", outageAs: "refuse" });
    await simulator.stop();
    simulator.setFaults({ outage: "off" });
    const again = net.connect(Number(new URL(simulator.url).port), "127.0.0.1");
    const [error] = await once(again, "error");
    expect(error.code).toBe("ECONNREFUSED");
  });

  test("a port that is taken is an error that names it", async () => {
    const { simulator } = await begin();
    const port = new URL(simulator.url).port;
    const second = startSimulator({ port });
    await expect(second).rejects.toThrow(UpdraftError);
    await expect(second).rejects.toThrow(port);
  });
});
