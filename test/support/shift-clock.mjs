// A file that UPDRAFT_TEST_SHIFT names in; the process's wall clock moved by the milliseconds that stand in it, out.
import { readFileSync } from "node:fs";

const RealDate = Date;
const LOOK_MS = 5;
let shift = 0;
let looked = Number.NEGATIVE_INFINITY;

function shiftedNow() {
  if (performance.now() - looked > LOOK_MS) {
    looked = performance.now();
    try {
      shift = Number(readFileSync(process.env.UPDRAFT_TEST_SHIFT ?? "", "utf8"));
    } catch {
      // Not moved yet.
    }
  }
  return RealDate.now() + shift;
}

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(shiftedNow());
    else super(...args);
  }
  static now() {
    return shiftedNow();
  }
};
