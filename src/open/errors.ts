// Every error that what a file is packed in can cause: code in, one sentence and what to do now out.

/** EXIT.usage: all of it is found before anything is sent. */
const exit = 2;

/** A part of the table in errors.ts. Alphabetical. */
export const CONTAINER_ERRORS = {
  "file-bomb": {
    exit,
    message:
      "{file} unpacks to {made} and more out of {taken}: expected at most {times} times its size, and {most}, as real files do",
    next: "if it is meant, unpack it yourself and give what comes out (a workbook: save the sheet as CSV UTF-8)",
  },
  "file-encrypted": {
    exit,
    message: "{file} is protected with a password: it cannot be read",
    next: "save it without a password, or unpack it yourself and give what comes out",
  },
  "file-window": {
    exit,
    message: "{file} was compressed so that more than 128 MB of memory are needed to read it",
    next: "compress it again without --long=28 or more, or unpack it yourself: zstd -d --long=31",
  },
  "sheet-empty": {
    exit,
    message: "{file}: sheet {sheet} is empty: expected a header row and at least one record{others}",
    next: "put the sheet that should be read first, or hide those before it",
  },
  "sheet-formula": {
    exit,
    message: "{file}: cell {cell} of sheet {sheet} has a formula whose result was not saved with it",
    next: "open the workbook in Excel or LibreOffice, save it, and give it again",
  },
  "workbook-damaged": {
    exit,
    message: "{file} is a damaged workbook: {part} cannot be read ({reason})",
    next: "open it in Excel or LibreOffice and save it again, or save the sheet as CSV UTF-8",
  },
  "workbook-no-sheet": {
    exit,
    message: "{file} has no sheet of cells that can be seen{others}",
    next: "unhide the sheet that should be read",
  },
  "workbook-strings": {
    exit,
    message: "{file} holds more than {limit} of texts: they would have to be kept in memory",
    next: "save the sheet as CSV UTF-8",
  },
  "zip-disks": {
    exit,
    message: "{file} is one part of a zip archive in several parts",
    next: "join them (zip -s 0 {file} --out whole.zip), or unpack it and give what is in it",
  },
  "zip-entries": {
    exit,
    message: "{file} is a zip archive of {count} entries: expected at most {limit}, and exactly one file of rows",
    next: "unpack it and give the file of rows that is in it",
  },
  "zip-method": {
    exit,
    message: "{file} is a zip archive that was packed with {method}: expected Deflate, zstd or no compression",
    next: "unpack it and give what is in it, or pack it again",
  },
  "zip-none": {
    exit,
    message: "{file} is a zip archive without a file of rows in it: expected exactly one{names}",
    next: "check that the export that packs it has finished",
  },
  "zip-several": {
    exit,
    message: "{file} is a zip archive of {count} files: expected exactly one; in it are {names}",
    next: "unpack it and give each of them that should be read, or pack them one by one",
  },
} as const;
