// Variants b1 and b2, what one writes for the occasion: a CSV file in, each row sent (by global fetch, or by an undici pool), failures counted.
import { createReadStream } from "node:fs";
import { parse } from "csv-parse";
import pLimit from "p-limit";
import { Pool } from "undici";
import { HEADERS, isUpdated, type Row, toBody, UPDATE_PATH } from "./rows.ts";

const [base = "", file = "", client = ""] = process.argv.slice(2);
const limit = pLimit(64);
const pool = new Pool(base, { connections: 64 });
let answered = 0;
let underway = 0;
let wake = () => {};
const oneEnded = () =>
  new Promise<void>((resolve) => {
    wake = resolve;
  });

async function byFetch(body: string): Promise<boolean> {
  const answer = await fetch(base + UPDATE_PATH, { method: "POST", headers: HEADERS, body });
  return isUpdated(answer.status, await answer.json());
}

async function byPool(body: string): Promise<boolean> {
  const answer = await pool.request({ path: UPDATE_PATH, method: "POST", headers: HEADERS, body });
  return isUpdated(answer.statusCode, await answer.body.json());
}

const send = client === "fetch" ? byFetch : byPool;

async function sendRow(row: Row): Promise<void> {
  try {
    if (await send(JSON.stringify(toBody(row)))) answered += 1;
  } catch (error) {
    console.error(row.customerId, error);
  } finally {
    underway -= 1;
    wake();
  }
}

const from = Date.now();
const rows: AsyncIterable<Row> = createReadStream(file).pipe(parse({ columns: true }));
for await (const row of rows) {
  underway += 1;
  void limit(sendRow, row);
  // So that memory does not grow with the file.
  while (underway >= 256) await oneEnded();
}
while (underway > 0) await oneEnded();
const to = Date.now();
await pool.close();
console.log(JSON.stringify({ from, to, answered }));
