import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Given, loadLocalSettings, loadSettings } from "../src/config.ts";
import { UpdraftError } from "../src/errors.ts";
import { paceText } from "../src/settings/amounts.ts";
import { SETTINGS, type SettingName } from "../src/settings/settings.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-config-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ENDPOINT = { CONNECTFI_BASE_URL: "https://api.example.com", CONNECTFI_LOGIN: "abc", CONNECTFI_PASSWORD: "pw" };

function given(flags: Given["flags"] = {}, env: Given["env"] = {}, configFile?: string): Given {
  return { flags, env: { HOME: folder, ...env }, cwd: folder, configFile };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function refusal(load: () => unknown): UpdraftError {
  try {
    load();
  } catch (error) {
    if (error instanceof UpdraftError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("where a setting comes from", () => {
  const config = () => file("c.json", '{"concurrency": 30}');

  test("a flag wins over the environment, the environment over the file, the file over the default", () => {
    const env = { UPDRAFT_CONCURRENCY: "20" };
    expect(loadLocalSettings(given({ concurrency: "10" }, env, config())).concurrency).toBe(10);
    expect(loadLocalSettings(given({}, env, config())).concurrency).toBe(20);
    expect(loadLocalSettings(given({}, {}, config())).concurrency).toBe(30);
    expect(loadLocalSettings(given()).concurrency).toBe(64);
    expect(loadLocalSettings(given({ concurrency: "auto" })).concurrency).toBe("auto");
  });

  test("what a job says counts after the flag and before the environment; its folder is taken relative to where one stands", () => {
    const env = { UPDRAFT_CONCURRENCY: "20", UPDRAFT_JOBS: "etc/jobs" };
    const job = { concurrency: "15" };
    expect(loadLocalSettings({ ...given({ concurrency: "10" }, env, config()), job }).concurrency).toBe(10);
    expect(loadLocalSettings({ ...given({}, env, config()), job })).toMatchObject({
      concurrency: 15,
      jobs: join(folder, "etc/jobs"),
    });
  });

  test("an empty variable counts as not set", () => {
    expect(loadLocalSettings(given({}, { UPDRAFT_CONCURRENCY: "" }, config())).concurrency).toBe(30);
  });

  test("a value that is overridden is not looked at", () => {
    expect(loadLocalSettings(given({ rate: "5/s" }, { UPDRAFT_RATE: "nonsense" })).rate).toEqual({ perSecond: 5 });
  });

  test("settings cannot be changed afterwards", () => {
    expect(Object.isFrozen(loadLocalSettings(given()))).toBe(true);
  });

  test("the data folder is the XDG state folder unless one is named, and always absolute", () => {
    expect(loadLocalSettings(given()).dataDir).toBe(join(folder, ".local/state/updraft"));
    expect(loadLocalSettings(given({}, { XDG_STATE_HOME: "/var/state" })).dataDir).toBe("/var/state/updraft");
    expect(loadLocalSettings(given({}, { XDG_STATE_HOME: "state" })).dataDir).toBe(
      join(folder, ".local/state/updraft"),
    );
    expect(loadLocalSettings(given({ dataDir: "here" })).dataDir).toBe(join(folder, "here"));
  });
});

describe("the configuration file", () => {
  test("the one of the XDG configuration folder is read when it is there, and not missed when it is not", () => {
    const env = { XDG_CONFIG_HOME: folder };
    expect(loadLocalSettings(given({}, env)).attempts).toBe(5);
    expect(loadLocalSettings(given({}, { XDG_CONFIG_HOME: "/dev/null" })).attempts).toBe(5);
  });

  test("one that is named must be there and hold a JSON object", () => {
    expect(refusal(() => loadLocalSettings(given({}, {}, "no.json"))).code).toBe("config-file");
    expect(refusal(() => loadLocalSettings(given({}, { UPDRAFT_CONFIG: "no.json" }))).code).toBe("config-file");
    for (const text of ["", "[]", "null", '{"rate": "SECRETVALUE"']) {
      const error = refusal(() => loadLocalSettings(given({}, {}, file("bad.json", text))));
      expect(error).toMatchObject({ code: "config-file", exit: 2 });
      expect(error.message).not.toContain("SECRETVALUE");
    }
  });

  test.each([
    ["concurency", "concurrency"],
    ["base_url", "baseUrl"],
  ])("a key that is no setting (%s) is refused, with the nearest one (%s)", (key, near) => {
    const error = refusal(() => loadLocalSettings(given({}, {}, file("c.json", JSON.stringify({ [key]: "1" })))));
    expect(error.message).toContain(`"${key}"`);
    expect(error.next).toContain(`did you mean "${near}"?`);
  });

  test("a key that is like no setting is refused without a guess", () => {
    const error = refusal(() => loadLocalSettings(given({}, {}, file("c.json", '{"__proto__": 1, "zzzzzzzz": 1}'))));
    expect(error.next).not.toContain("did you mean");
  });

  test.each(["login", "password", "key"])("a secret in it (%s) is refused without being shown", (key) => {
    const path = file("c.json", JSON.stringify({ [key]: "SECRETVALUE" }));
    const error = refusal(() => loadLocalSettings(given({}, {}, path)));
    expect(error.code).toBe("secret-in-the-open");
    expect(error.message + error.next).not.toContain("SECRETVALUE");
  });

  test("its relative paths start at its own folder", () => {
    expect(loadLocalSettings(given({}, {}, file("c.json", '{"dataDir": "d"}'))).dataDir).toBe(join(folder, "d"));
  });

  test("true and false are yes and no, and refused where those are no value", () => {
    const loaded = (text: string) => loadLocalSettings(given({}, { UPDRAFT_EXCEL: "" }, file("c.json", text)));
    expect(loaded('{"strict": true, "excel": false}')).toMatchObject({ strict: true, excel: false });
    expect(refusal(() => loaded('{"rate": true}')).message).toContain("expected a pace such as 50/s");
  });

  test("a value that is a list, an object or null is refused", () => {
    const error = refusal(() => loadLocalSettings(given({}, {}, file("c.json", '{"rate": null}'))));
    expect(error.code).toBe("setting-invalid");
  });
});

describe("secrets", () => {
  test("are read from the file that …_FILE names, without the line end at its end", () => {
    const path = file("password", "p w \n");
    const env = { ...ENDPOINT, CONNECTFI_PASSWORD: "", CONNECTFI_PASSWORD_FILE: path };
    expect(loadSettings(given({}, env)).password).toBe("p w ");
  });

  test("that are given twice are refused", () => {
    const error = refusal(() => loadSettings(given({}, { ...ENDPOINT, CONNECTFI_PASSWORD_FILE: "x" })));
    expect(error.message).toBe("CONNECTFI_PASSWORD and CONNECTFI_PASSWORD_FILE are both set");
  });

  test("whose file is missing name the variable and the path", () => {
    const env = { ...ENDPOINT, CONNECTFI_LOGIN: "", CONNECTFI_LOGIN_FILE: "nowhere" };
    expect(refusal(() => loadSettings(given({}, env))).message).toContain("CONNECTFI_LOGIN_FILE names nowhere");
  });

  test.each(["CONNECTFI_LOGIN", "CONNECTFI_PASSWORD"])("%s missing names both ways to give it", (name) => {
    const error = refusal(() => loadSettings(given({}, { ...ENDPOINT, [name]: undefined })));
    expect(error).toMatchObject({ code: "credentials-missing", exit: 2 });
    expect(error.message).toContain(name);
    expect(error.next).toContain(`${name}_FILE`);
  });

  test.each([
    ["CONNECTFI_LOGIN", "SECRET VALUE"],
    ["CONNECTFI_PASSWORD", "SECRETVALUE".repeat(5)],
    ["UPDRAFT_KEY", "SECRETVALUE"],
    ["UPDRAFT_NOTIFY_SECRET", "SECRETVALUE"],
    ["UPDRAFT_NOTIFY", "ftp://hooks.example.com/SECRETVALUE"],
  ])("a wrong %s is told by its length alone", (name, value) => {
    const error = refusal(() => loadSettings(given({}, { ...ENDPOINT, [name]: value })));
    expect(error.message).toContain(`got ${value.length} characters`);
    expect(error.message + error.next).not.toMatch(/SECRET ?VALUE/);
  });

  test("a wrong secret that a job has in a variable of its own is told by that variable", () => {
    const env = { ...ENDPOINT, HOOK: "short" };
    const error = refusal(() => loadSettings({ ...given({}, env), job: { notifySecretEnv: "HOOK" } }));
    expect(error.message).toContain("HOOK: expected");
    expect(error.next).toBe("it can be set with HOOK or HOOK_FILE");
  });

  test("a Redis password is welcome in the environment and nowhere else", () => {
    const url = "redis://user:SECRETVALUE@redis.example.com:6379/1";
    expect(loadLocalSettings(given({}, { REDIS_URL: url })).redisUrl).toBe(url);
    for (const load of [
      () => loadLocalSettings(given({ redisUrl: url })),
      () => loadLocalSettings(given({}, {}, file("c.json", JSON.stringify({ redisUrl: url })))),
    ]) {
      const error = refusal(load);
      expect(error.code).toBe("secret-in-the-open");
      expect(error.message + error.next).not.toContain("SECRETVALUE");
    }
  });

  test.each([
    "redi://:SECRETVALUE@host",
    "redis://:SECRET/VALUE@host/1",
    "SECRETVALUE@host",
    "http://h/?password=SECRETVALUE",
  ])("a password in a Redis address that is wrong is not shown: %s", (url) => {
    const error = refusal(() => loadLocalSettings(given({}, { REDIS_URL: url })));
    expect(error.message).not.toContain("SECRET");
  });

  test("a key is 64 hexadecimal digits or the base64 of 32 bytes", () => {
    const key = Buffer.alloc(32, 0xab);
    for (const text of [key.toString("hex"), key.toString("base64"), key.toString("base64url")]) {
      expect(loadLocalSettings(given({}, { UPDRAFT_KEY: text })).key).toEqual(key);
    }
  });
});

describe("where notices go", () => {
  const load = (flags: Given["flags"]) => loadLocalSettings(given(flags));

  test("is nowhere, an address with its path and query, or a program with its arguments", () => {
    expect(load({})).toMatchObject({ notifyWebhook: null, notifyCommand: null, notifySecret: null });
    const url = "https://hooks.example.com/T0/B0?team=data";
    expect(load({ notifyWebhook: url }).notifyWebhook).toBe(url);
    expect(load({ notifyWebhook: "http://127.0.0.1:8080" }).notifyWebhook).toBe("http://127.0.0.1:8080/");
    expect(load({ notifyCommand: "tell  --team data" }).notifyCommand).toEqual(["tell", "--team", "data"]);
    expect(load({ notifyCommand: '["/opt/my tools/tell", "a b"]' }).notifyCommand).toEqual([
      "/opt/my tools/tell",
      "a b",
    ]);
    expect(load({ notifyWebhook: "none", notifyCommand: "none" })).toEqual(load({}));
  });

  test("is what the job says; the secret is in the variable that it names, or in a file, and has to be there", () => {
    const job = { notifyWebhook: "https://hooks.example.com/", notifyCommand: '["tell"]', notifySecretEnv: "HOOK" };
    const of = (env: Given["env"]) => loadSettings({ ...given({}, { ...ENDPOINT, ...env }), job });
    const told = { notifyWebhook: "https://hooks.example.com/", notifyCommand: ["tell"] };
    expect(of({ HOOK: "sixteen characters" })).toMatchObject({ ...told, notifySecret: "sixteen characters" });
    const path = file("hook", "sixteen more of them\n");
    expect(of({ HOOK_FILE: path })).toMatchObject({ ...told, notifySecret: "sixteen more of them" });
    const error = refusal(() => of({ UPDRAFT_NOTIFY_SECRET: "another one, of another" }));
    expect(error).toMatchObject({ code: "job-secret-missing", exit: 2 });
    expect(loadLocalSettings({ ...given(), job }).notifySecret).toBeNull();
  });

  test.each([
    ["notifyWebhook", "http://hooks.example.com/"],
    ["notifyWebhook", "https://me:SECRETVALUE@hooks.example.com/"],
    ["notifyWebhook", "https://hooks.example.com/#there"],
    ["notifyCommand", "[]"],
    ["notifyCommand", '["tell", 1]'],
    ["notifyCommand", "[tell"],
    ["notifyCommand", "sh -c 'cat > told'"],
  ])("is no plain HTTP to others and holds no login; a list is a list: %s %s", (name, value) => {
    expect(refusal(() => load({ [name]: value }))).toMatchObject({ code: "setting-invalid", exit: 2 });
  });
});

describe("the base URL", () => {
  const load = (url: string) => loadSettings(given({ baseUrl: url }, ENDPOINT)).baseUrl;

  test("missing is refused, naming the variable and the flag", () => {
    const error = refusal(() => loadSettings(given({}, { ...ENDPOINT, CONNECTFI_BASE_URL: "" })));
    expect(error).toMatchObject({ code: "base-url-missing", exit: 2 });
    expect(error.next).toContain("--base-url");
  });

  test("keeps a path prefix and loses slashes at its end", () => {
    expect(load("https://api.example.com/")).toBe("https://api.example.com");
    expect(load("https://api.example.com:8443/v1/card//")).toBe("https://api.example.com:8443/v1/card");
  });

  test.each(["http://localhost:4000", "http://127.0.0.1", "http://127.1.2.3:80", "http://[::1]:4000"])(
    "may be plain http on this machine: %s",
    (url) => expect(load(url)).toMatch(/^http:/),
  );

  test.each([
    "http://api.example.com",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://10.0.0.1",
    "ftp://api.example.com",
    "api.example.com",
    "https://user:SECRETVALUE@api.example.com",
    "https://api.example.com?key=SECRETVALUE",
    "https://api.example.com/#x",
    "",
  ])("is refused: %s", (url) => {
    const error = refusal(() => load(url));
    expect(error).toMatchObject({ code: "setting-invalid", exit: 2 });
    expect(error.message).not.toContain("SECRETVALUE");
  });
});

describe("values", () => {
  const rate = (text: string) => loadLocalSettings(given({ rate: text })).rate;

  test("a pace is read per second, minute or hour", () => {
    expect(rate("50/s")).toEqual({ perSecond: 50 });
    expect(rate("3000/min")).toEqual({ perSecond: 50 });
    expect(rate("36000 / h")).toEqual({ perSecond: 10 });
    expect(rate("0.5/s")).toEqual({ perSecond: 0.5 });
    expect(rate("none")).toBeNull();
  });

  test.each(["0", "0/s", "-5/s", "abc", "1e9/s", "50", "50/d", "100001/s", "Infinity/s", "/s", ""])(
    "a pace of %j is refused, with what was expected",
    (text) => {
      const error = refusal(() => rate(text));
      expect(error.message).toBe(
        `--rate: expected a pace such as 50/s, 3000/min or 10/h (at most 100000/s), or none, got "${text}"`,
      );
      expect(error.next).toBe('it can be set with --rate, UPDRAFT_RATE or "rate" in the configuration file');
    },
  );

  test("a wrong pace is refused wherever it stands, also by what has no use for it", () => {
    for (const text of ["0", "-5/s", "abc", "1e9/s"]) {
      const error = refusal(() => loadSettings(given({}, { ...ENDPOINT, UPDRAFT_RATE: text })));
      expect(error).toMatchObject({ code: "setting-invalid", exit: 2 });
      expect(error.message).toMatch(/^UPDRAFT_RATE: expected a pace such as/);
      const flag = refusal(() => loadSettings(given({ endpointRate: text }, ENDPOINT)));
      expect(flag.message).toMatch(/^--endpoint-rate: expected a pace such as/);
    }
  });

  test("a pace is told in the unit in which it needs no fraction, as it would be given", () => {
    expect(
      ["50/s", "20/min", "1000/min", "10/h", "0.5/s", "none"].map((text) => paceText(rate(text)?.perSecond ?? null)),
    ).toEqual([...["50/s", "20/min", "1000/min", "10/h", "30/min", "none"]]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom("s", "min", "h"), (count, unit) => {
        const perSecond = rate(`${count}/${unit}`)?.perSecond ?? 0;
        expect(rate(paceText(perSecond))?.perSecond).toBeCloseTo(perSecond, 9);
      }),
    );
  });

  test("every pace that is taken is a positive number of rows per second, and no text makes it throw anything else", () => {
    const near = fc.oneof(fc.string(), fc.stringMatching(/^[-+]?[0-9.e]{1,12} ?\/ ?(s|min|h|d)$/));
    fc.assert(
      fc.property(near, (text) => {
        try {
          const taken = rate(text);
          if (taken !== null) expect(taken.perSecond > 0 && taken.perSecond <= 100_000).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(UpdraftError);
        }
      }),
    );
  });

  test("a time is read in ms, s, m or h, between 100 ms and 10 minutes", () => {
    const timeout = (text: string) => loadLocalSettings(given({ timeout: text })).timeout;
    expect([timeout("500ms"), timeout("10s"), timeout("1.5s"), timeout("2m")]).toEqual([500, 10_000, 1_500, 120_000]);
    for (const text of ["10", "0s", "50ms", "11m", "1h", "ten"]) expect(() => timeout(text)).toThrow("expected a time");
  });

  test("the limit of bad rows is a number, a share, or both in either order", () => {
    const limit = (text: string) => loadLocalSettings(given({ stopAfter: text })).stopAfter;
    expect(limit("100")).toEqual({ rows: 100, percent: null });
    expect(limit("0.5%")).toEqual({ rows: null, percent: 0.5 });
    for (const both of ["100,5%", "5%, 100"]) expect(limit(both)).toEqual({ rows: 100, percent: 5 });
    expect(limit("none")).toEqual({ rows: null, percent: null });
    expect(refusal(() => limit("1e9%"))).toMatchObject({ code: "setting-invalid", exit: 2 });
    expect(loadLocalSettings(given({ stopAfterSame: "none" })).stopAfterSame).toBeNull();
  });

  test("what has changed, and when it is sent once more all the same, are no and never unless they are given", () => {
    const plain = { changedOnly: false, recheckAfter: null, duplicates: "in-order" };
    expect(loadLocalSettings(given())).toMatchObject(plain);
    const asked = given({ changedOnly: "yes", recheckAfter: "30d", duplicates: "last-wins" });
    const wanted = { changedOnly: true, recheckAfter: 30 * 86_400_000, duplicates: "last-wins" };
    expect(loadLocalSettings(asked)).toMatchObject(wanted);
    expect(loadLocalSettings(given({ changedOnly: "no" }, { UPDRAFT_CHANGED_ONLY: "yes" })).changedOnly).toBe(false);
  });

  test.each([
    ["concurrency", ["0", "1001", "1.5", "-1", "1e2", "many", "Auto"]],
    ["maxInFlight", ["0", "-1", "1.5", "any"]],
    ["attempts", ["0", "101", ""]],
    ["stopAfter", ["0", "-1", "abc", "1e9%", "101%", "0%", "%", "5%,6%", "1,2", "100,", "1.5", "none,5%", "1e3", ""]],
    ["canary", ["0", "1001", "-1", "5%", ""]],
    ["stopAfterSame", ["0", "-1", "100001", "5%", "all", ""]],
    ["changedOnly", ["maybe", "true", "1", ""]],
    ["recheckAfter", ["30m", "0d", "-1d", "30", "always", ""]],
    ["duplicates", ["last", "Reject", "all", ""]],
    ["logLevel", ["trace", "INFO"]],
  ] satisfies [SettingName, string[]][])("%s takes what its help says and nothing else", (name, wrong) => {
    for (const text of wrong) {
      expect(refusal(() => loadLocalSettings(given({ [name]: text }))).code).toBe("setting-invalid");
    }
  });

  test("the error about a value names where it stands", () => {
    const path = file("c.json", '{"attempts": 0}');
    expect(refusal(() => loadLocalSettings(given({}, {}, path))).message).toContain(`"attempts" in ${path}: expected`);
    expect(refusal(() => loadLocalSettings(given({}, { UPDRAFT_ATTEMPTS: "x" }))).message).toMatch(
      /^UPDRAFT_ATTEMPTS: /,
    );
  });

  test("what a command does not need is not asked for, and the default of each setting is valid", () => {
    expect(loadLocalSettings(given({}, { CONNECTFI_BASE_URL: "nonsense" })).attempts).toBe(5);
    for (const { name, flag, fallback } of SETTINGS) {
      if (flag === null || fallback === null || name === "dataDir" || name === "jobs") continue;
      expect(loadLocalSettings(given({ [name]: fallback }))).toEqual(loadLocalSettings(given()));
    }
  });
});
