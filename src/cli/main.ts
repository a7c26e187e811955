// The process in; the program out, and ahead of it, for a run, the worker process that it will need.
import "../engine.ts";
import { warmUp } from "../send/spawn.ts";

if (process.argv[2] === "run") warmUp();
const { main } = await import("./program.ts");
await main();
