import { describe, expect, it } from "vitest";
import { defineJob, type JobDefinition, parseJob } from "../../src/plan/job.ts";
import { FIELDS } from "../../src/plan/job-schema.ts";

const job = (definition: Partial<JobDefinition>) => parseJob({ name: "a", ...definition }, "/etc/jobs").job;
const issuesOf = (definition: unknown) =>
  parseJob(definition, "/etc/jobs").issues?.map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("defineJob", () => {
  it("changes nothing", () => {
    const definition = { name: "a", rate: "5/s" };
    expect(defineJob(definition)).toBe(definition);
  });
});

describe("parseJob", () => {
  it("a name alone is a job: all else has a default", () => {
    expect(job({})).toEqual({
      name: "a",
      columns: {},
      constants: {},
      transforms: {},
      ignoreColumns: [],
      settings: {},
      watch: null,
      schedule: null,
      examples: [],
    });
  });

  it("settings stay the texts that flags and environment would have, by the setting's name", () => {
    const given = {
      endpoint: "https://api.example.com/",
      rate: "3000/min",
      concurrency: 8,
      canary: "none",
      keep: "90d",
    };
    expect(job(given)?.settings).toEqual({
      baseUrl: "https://api.example.com/",
      rate: "3000/min",
      concurrency: "8",
      canary: "none",
      keep: "90d",
    });
  });

  it.each<[JobDefinition["changedOnly"], object]>([
    [true, { changedOnly: "yes" }],
    [false, { changedOnly: "no" }],
    [{ recheckAfter: "30d" }, { changedOnly: "yes", recheckAfter: "30d" }],
    [{ recheckAfter: "never" }, { changedOnly: "yes", recheckAfter: "never" }],
  ])("changedOnly %j says whether what has not changed is sent, and when it is all the same", (changedOnly, settings) =>
    expect(job({ changedOnly, duplicates: "last-wins" })?.settings).toEqual({ ...settings, duplicates: "last-wins" }),
  );

  it("folders stand beside the inbox unless they are named, and relative ones start at the job file's folder", () => {
    expect(job({ watch: { inbox: "../in/inbox", archive: "/var/old" } })?.watch).toEqual({
      inbox: "/etc/in/inbox",
      working: "/etc/in/working",
      outbox: "/etc/in/outbox",
      archive: "/var/old",
      refused: "/etc/in/refused",
      poll: false,
      done: false,
      settle: 2_000,
    });
  });

  it("a schedule finds its file or makes it", () => {
    const cron = "0 2 * * *";
    expect(job({ schedule: { cron, input: { glob: "in/*.csv" } } })?.schedule).toEqual({
      cron,
      timeZone: "UTC",
      input: { glob: "/etc/jobs/in/*.csv", pick: "newest" },
      missed: "run-once",
    });
    const made = { command: ["export", "--all"], file: "/tmp/made.csv" };
    expect(job({ schedule: { cron, timeZone: "Europe/Berlin", input: made, missed: "skip" } })?.schedule).toEqual({
      cron,
      timeZone: "Europe/Berlin",
      input: { ...made, folder: "/etc/jobs" },
      missed: "skip",
    });
  });

  it("the other fields", () => {
    expect(
      job({
        notify: { webhook: "https://hooks.example.com/x", secretEnv: "HOOK_SECRET", command: ["tell", "a b"] },
      }),
    ).toMatchObject({
      settings: {
        notifyWebhook: "https://hooks.example.com/x",
        notifyCommand: '["tell","a b"]',
        notifySecretEnv: "HOOK_SECRET",
      },
    });
    expect(job({ notify: { command: ["../bin/tell", "./x"] } })?.settings.notifyCommand).toBe(
      '["/etc/bin/tell","./x"]',
    );
  });

  it.each<[unknown, string]>([
    [7, ": an object: export default defineJob({…})"],
    [{}, "name: a name of lower-case letters, digits and hyphens, such as nightly-sync"],
    [{ name: "Nightly" }, "name: a name of lower-case letters, digits and hyphens, such as nightly-sync"],
    [{ name: "default" }, "name: a name other than default, which is what runs without a job have"],
    [{ name: "a", columns: { city: 5 } }, "columns.city: the name of a column, or a function of the record"],
    [{ name: "a", constants: { city: 5 } }, "constants.city: a text"],
    [{ name: "a", transforms: { city: "trim" } }, "transforms.city: a list of transforms"],
    [
      { name: "a", transforms: { city: ["trim"] } },
      "transforms.city.0: a transform: one of updraft/transforms, or {name, expected, apply}",
    ],
    [{ name: "a", rate: "fast" }, "rate: a pace such as 50/s, 3000/min or 10/h (at most 100000/s), or none"],
    [{ name: "a", rate: true }, "rate: a text or a number"],
    [
      { name: "a", endpoint: "http://api.example.com" },
      "endpoint: https:// (plain http:// is for this machine only: localhost, 127.0.0.1, [::1])",
    ],
    ...["yes", null, 30, [], "30d"].map((changedOnly): [unknown, string] => [
      { name: "a", changedOnly },
      'changedOnly: true, false or {recheckAfter: "30d"}',
    ]),
    ...["30", "5m", "always"].map((recheckAfter): [unknown, string] => [
      { name: "a", changedOnly: { recheckAfter } },
      "changedOnly.recheckAfter: a time from 1h, such as 12h, 30d or 8w, or never",
    ]),
    [{ name: "a", changedOnly: {} }, "changedOnly.recheckAfter: a time such as 30d, or never"],
    [{ name: "a", changedOnly: { recheckAfter: 30 } }, "changedOnly.recheckAfter: a time such as 30d, or never"],
    [{ name: "a", duplicates: "last" }, "duplicates: in-order, last-wins or reject"],
    [{ name: "a", duplicates: true }, "duplicates: in-order, last-wins or reject"],
    [{ name: "a", attempts: 0 }, "attempts: a whole number from 1 to 100"],
    [{ name: "a", watch: {} }, "watch.inbox: a text"],
    [{ name: "a", watch: { inbox: "in", settle: "1ms" } }, "watch.settle: a time from 100ms to 1h, such as 2s"],
    [
      { name: "a", window: "01:00-01:00 UTC" },
      "window: hours and a time zone such as 01:00-05:00 America/New_York: two different hours, or none to send at any time",
    ],
    [
      { name: "a", window: "01:00-05:00 Mars/Base" },
      "window: hours and a time zone such as 01:00-05:00 America/New_York: a time zone that exists",
    ],
    [{ name: "a", notify: {} }, "notify: a webhook, a command or both"],
    [{ name: "a", notify: { command: [] } }, "notify.command: a list of texts: a program and its arguments"],
    [{ name: "a", examples: [{ record: { a: 1 }, update: null }] }, "examples.0.record.a: a text"],
  ])("%j is told as %s", (definition, expected) => expect(issuesOf(definition)).toEqual([expected]));

  it.each(["0 0 30 2 *", "61 * * * *", "* * *", "H 2 * * *", "every day"])(
    "the cron pattern %s never fires",
    (cron) => {
      expect(issuesOf({ name: "a", schedule: { cron, input: { glob: "x" } } })).toEqual([
        "schedule.cron: a cron pattern that fires, such as 0 2 * * *",
      ]);
    },
  );

  it.each([{}, { glob: "a", file: "b" }, { command: ["a"] }, { pick: "all", command: ["a"], file: "b" }])(
    "a schedule's input %j is neither found nor made",
    (input) => {
      expect(issuesOf({ name: "a", schedule: { cron: "0 2 29 2 *", input } })).toEqual([
        "schedule.input: either glob (and pick), or command and file",
      ]);
    },
  );
});

describe("FIELDS", () => {
  it("names each field once, those of an object after it", () => {
    const keys = FIELDS.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toEqual(expect.arrayContaining(["name", "watch.inbox", "schedule.input.glob"]));
    expect(keys[keys.indexOf("changedOnly") + 1]).toBe("changedOnly.recheckAfter");
    expect(keys.indexOf("watch.settle")).toBeGreaterThan(keys.indexOf("watch"));
  });
});
