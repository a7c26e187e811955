// Lines of JSON on stdin, each a base URL; the reply to one request there as a line on stdout. A process of its own,
// because Node reads NODE_EXTRA_CA_CERTS when it starts.
import { createInterface } from "node:readline";
import { systemClock } from "../../src/clock.ts";
import { Aborter, makeHttpClient } from "../../src/send/http.ts";

const [timeout = "60000"] = process.argv.slice(2);
for await (const line of createInterface({ input: process.stdin })) {
  const http = makeHttpClient(line, 2, 60_000, systemClock);
  const headers = { "content-type": "application/json", "x-connectfi-token": "tok-secret" };
  const reply = await http.post("/u", headers, Buffer.from("{}"), Number(timeout), () => true, new Aborter());
  process.stdout.write(`${JSON.stringify(reply)}\n`);
  await http.close();
}
