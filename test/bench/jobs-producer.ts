// Variant c, first half: a CSV file in, one BullMQ job per row in a queue on the given Redis socket out.
import { createReadStream } from "node:fs";
import { Queue } from "bullmq";
import { parse } from "csv-parse";
import { type Row, toBody } from "./rows.ts";

const [file = "", socket = ""] = process.argv.slice(2);
const queue = new Queue("updates", {
  connection: { path: socket },
  defaultJobOptions: { removeOnComplete: true, attempts: 5, backoff: { type: "exponential", delay: 500 } },
});
await queue.waitUntilReady();
let chunk: { name: string; data: object }[] = [];

async function add(): Promise<void> {
  const jobs = chunk;
  chunk = [];
  await queue.addBulk(jobs);
}

const from = Date.now();
const rows: AsyncIterable<Row> = createReadStream(file).pipe(parse({ columns: true }));
for await (const row of rows) {
  chunk.push({ name: "update", data: toBody(row) });
  if (chunk.length === 500) await add();
}
if (chunk.length > 0) await add();
const to = Date.now();
await queue.close();
console.log(JSON.stringify({ from, to, answered: 0 }));
