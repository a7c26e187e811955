// Variant a: ready-made bodies in, each sent and its answer checked, by 64 loops over one undici pool. Nothing is read or kept.
import { Pool } from "undici";
import { HEADERS, isUpdated, makeRow, toBody, UPDATE_PATH } from "./rows.ts";

const [base = "", count = "0"] = process.argv.slice(2);
const rows = Number(count);
const bodies = Array.from({ length: 1_000 }, (_, n) => JSON.stringify(toBody(makeRow(n))));
const pool = new Pool(base, { connections: 64 });
let next = 0;
let answered = 0;

async function loop(): Promise<void> {
  while (next < rows) {
    const body = bodies[next++ % bodies.length] ?? "";
    const answer = await pool.request({ path: UPDATE_PATH, method: "POST", headers: HEADERS, body });
    if (isUpdated(answer.statusCode, await answer.body.json())) answered += 1;
  }
}

const from = Date.now();
await Promise.all(Array.from({ length: 64 }, loop));
const to = Date.now();
await pool.close();
console.log(JSON.stringify({ from, to, answered }));
