// Variant c, second half: jobs of the queue in, each sent by an undici pool, until the given number of rows is completed.
import { Worker } from "bullmq";
import { Pool } from "undici";
import { HEADERS, isUpdated, UPDATE_PATH } from "./rows.ts";

const [base = "", count = "0", socket = ""] = process.argv.slice(2);
const rows = Number(count);
const pool = new Pool(base, { connections: 64 });
let answered = 0;
const completed = Promise.withResolvers<void>();

const from = Date.now();
const worker = new Worker<object>(
  "updates",
  async (job) => {
    const body = JSON.stringify(job.data);
    const answer = await pool.request({ path: UPDATE_PATH, method: "POST", headers: HEADERS, body });
    if (!isUpdated(answer.statusCode, await answer.body.json())) throw new Error(`answer ${answer.statusCode}`);
  },
  { connection: { path: socket, maxRetriesPerRequest: null }, concurrency: 64 },
);
worker.on("error", (error) => console.error(error));
worker.on("completed", () => {
  answered += 1;
  if (answered === rows) completed.resolve();
});
await completed.promise;
const to = Date.now();
await worker.close();
await pool.close();
console.log(JSON.stringify({ from, to, answered }));
