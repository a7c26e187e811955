// docker-compose.yml and the Dockerfile, checked without a Docker: what they name exists, and the settings are the documented ones.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { SETTINGS } from "../../src/settings/settings.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const service = z.strictObject({
  image: z.string(),
  build: z.literal(".").optional(),
  init: z.literal(true).optional(),
  command: z.array(z.string()),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  network_mode: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  healthcheck: z.record(z.string(), z.unknown()).optional(),
  stop_grace_period: z.string().optional(),
  restart: z.string(),
});
const file = z
  .strictObject({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(readFileSync(`${ROOT}/docker-compose.yml`, "utf8")));
const services = Object.entries(file.services);
const worker = file.services.worker;
const redis = file.services.redis;

describe("docker-compose.yml", () => {
  test("has a Redis, a simulator and workers that can be multiplied", () => {
    expect(Object.keys(file.services).sort()).toEqual(["redis", "simulator", "worker"]);
    // A published port or a fixed name would allow one worker only.
    expect(worker).not.toHaveProperty("ports");
  });

  test("keeps Redis durable, without eviction, and closed to other machines", () => {
    const flags = redis?.command.slice(1) ?? [];
    const settings = Object.fromEntries(flags.flatMap((flag, at) => (at % 2 === 0 ? [[flag, flags[at + 1]]] : [])));
    expect(settings).toMatchObject({ "--appendonly": "yes", "--maxmemory-policy": "noeviction" });
    expect(redis).toHaveProperty("healthcheck.test");
    for (const [, { ports = [] }] of services) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test.each(services.filter(([, { build }]) => build !== undefined))(
    "%s runs a command that exists",
    (_name, { command }) => {
      const [name = "", ...flags] = command;
      const help = execFileSync(process.execPath, [`${ROOT}/src/cli/main.ts`, name, "--help"], { encoding: "utf8" });
      for (const flag of flags.filter((word) => word.startsWith("--"))) expect(help).toContain(flag);
    },
  );

  test("gives its workers only settings that exist, a Redis among its services, and no secret of its own", () => {
    const known = SETTINGS.map((setting) => setting.env);
    expect(Object.keys(worker?.environment ?? {}).filter((name) => !known.includes(name))).toEqual([]);
    expect(worker?.environment?.REDIS_URL).toContain("redis://redis:6379");
    for (const name of Object.keys(worker?.depends_on ?? {})) expect(file.services).toHaveProperty(name);
    for (const [, { volumes = [] }] of services) {
      for (const volume of volumes.filter((entry) => /^\w+:/.test(entry))) {
        expect(file.volumes).toHaveProperty(volume.split(":")[0] ?? "");
      }
    }
  });
});

describe("Dockerfile", () => {
  const lines = readFileSync(`${ROOT}/Dockerfile`, "utf8").split("\n");

  test("copies only what is there, and runs the program as a user of its own", () => {
    const copies = lines
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(" ").slice(1, -1));
    expect(copies.filter((path) => !existsSync(`${ROOT}/${path}`))).toEqual([]);
    expect(lines).toContain("USER updraft");
    const entry = JSON.parse(lines.find((line) => line.startsWith("ENTRYPOINT "))?.slice("ENTRYPOINT ".length) ?? "[]");
    expect(existsSync(`${ROOT}/${String(entry[1]).replace("/app/", "")}`)).toBe(true);
  });
});
