// The files that broken ones are made from: the samples, and small ones that each show another way of writing a table.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SMALL = [
  "customerId,firstName\nc1,Jo\nc2,Ann\n",
  'a,b\n"x, y","z ""q"" z"\n"two\nlines",end\n',
  "a;b;c\n1;2;3\n;;\n4;5;6\n",
  "a\tb\n1\t2\n",
  "a|b\r\n1|2\r\n",
  "a,b\r1,2\r3,4\r",
  "sep=;\na;b\n1;2\n",
  "Report of today\n\nid,name\n1,Jo\n2,Ann\nTotal,2\n",
  "id,name\n1,Jo\n\nid,city,zip\n2,Lyon,69001\n",
  "a,a,\n1,2,3\n",
  "'a','b'\n'it\\'s','x'\n",
  '{"customerId":"c1","firstName":"Jo"}\n{"customerId":"c2"}\n',
  '[\n  {"customerId":"c1"},\n  {"customerId":"c2","addresses":[{"type":"PRIMARY"}]}\n]\n',
  '{"a":1,"a":2}\n{"n":12345678901234567890}\n',
  "",
];

export function seedFiles(): Buffer[] {
  const samples = join(import.meta.dirname, "..", "..", "samples");
  const files = readdirSync(samples).map((name) => readFileSync(join(samples, name)));
  // A short file is broken in more ways in the same time.
  return [...SMALL.map((text) => Buffer.from(text)), ...files.map((bytes) => bytes.subarray(0, 4_000))];
}
