// `updraft simulate`: flags in; an endpoint to try things against, its address and credentials printed, until it is told to stop.
import { Command, Option } from "commander";
import * as z from "zod";
import { SIMULATOR_OPTIONS } from "../endpoint/simulator-options.ts";
import { shellWord } from "../plan/mapping.ts";
import type { Shell } from "./shell.ts";
import { onStop } from "./signals.ts";

const flags = z.record(z.string(), z.unknown());

const EXAMPLES = `
Examples:
  updraft simulate --port 4000
  updraft simulate --port 4000 --latency 20-80 --share503 5% --reset-after-share 1%
  updraft simulate --rate-limit 100 --seed 7

A share is 5% or 0.05 of the requests, chosen by --seed; all shares of faults together are 100% at most.
It keeps customers in memory: GET /_sim/customers/<customerId>, GET /_sim/requests.`;

/** `resetAfterShare` → `--reset-after-share`. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function simulateCommand(shell: Shell): Command {
  const command = new Command("simulate")
    .summary("start a simulator of the endpoint")
    .description("Starts an endpoint that behaves as the documented one does, and misbehaves on demand.");
  for (const { name, unit, effect, default: fallback } of SIMULATOR_OPTIONS) {
    const option = new Option(
      `${flagOf(name)} <${unit}>`,
      fallback === "" ? effect : `${effect} (default: ${fallback})`,
    );
    command.addOption(option);
  }
  command.option("--json", "print address and credentials as one line of JSON");
  return command.addHelpText("after", EXAMPLES).action(async () => {
    const { json, ...options } = flags.parse(command.opts());
    const input = Object.fromEntries(SIMULATOR_OPTIONS.map(({ name }) => [name, options[attributeOf(name)]]));
    const { startSimulator } = await import("../endpoint/simulator.ts");
    const { parseSimulatorOptions } = await import("../endpoint/simulator-options.ts");
    const { login, password } = parseSimulatorOptions(input);
    const simulator = await startSimulator(input);
    const stop = onStop(() => {});
    // Started by another process of ours (the demo): it ends with that one, however that one ends.
    if (process.connected) process.once("disconnect", stop.request);
    const text = json
      ? `${JSON.stringify({ url: simulator.url, login, password })}\n`
      : `${lines(simulator.url, login, password)}\n`;
    shell.stdout.write(text);
    await new Promise((resolve) => stop.soft.addEventListener("abort", resolve, { once: true }));
    await simulator.stop();
    stop.release();
  });
}

function attributeOf(name: string): string {
  return new Option(flagOf(name)).attributeName();
}

function lines(url: string, login: string, password: string): string {
  return `The simulator listens on ${url}. In another terminal:

export CONNECTFI_BASE_URL=${url}
export CONNECTFI_LOGIN=${shellWord(login)}
export CONNECTFI_PASSWORD=${shellWord(password)}

Ctrl-C stops it; its customers are gone then.`;
}
