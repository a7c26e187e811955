// A file's name in; whether a watched folder takes files of that name, and the name under which it is kept where there is one already, out.

/** What `<file>` is complete by, where a folder waits for markers. */
export const MARKER = ".done";

/** Most bytes of a name on the file systems in use. */
const LONGEST = 255;
/** What a name ends with for people, and stays at its end. */
const ENDING = /(?:\.(?:csv|tsv|txt|ndjson|jsonl|json|xlsx|xlsm))?(?:\.(?:gz|zst|zstd|zip))?$/i;

/** Names by which others say that a file is not whole yet, or not meant (Excel: `~$book.xlsx`, of one that is open): never touched. */
export function isMeant(name: string, markers: boolean): boolean {
  return !/^\.|^~\$|~$|\.(?:part|tmp)$/i.test(name) && !(markers && name.endsWith(MARKER));
}

/**
 * The n-th name to try: `a.csv`, `a.2.csv`, `a.3.csv`, … with room for `behind` more bytes after it. Where it would be too long
 * it loses what is before its ending, a whole character at a time.
 */
export function nthName(name: string, n: number, behind = 0): string {
  const ending = ENDING.exec(name)?.[0] ?? "";
  const start = name.slice(0, name.length - ending.length);
  const tail = (n === 1 ? "" : `.${n}`) + ending;
  const room = LONGEST - behind - Buffer.byteLength(tail);
  let kept = "";
  let bytes = 0;
  for (const character of start) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    kept += character;
  }
  return kept + tail;
}
