// Every error that a file of rows, or what was said about its columns, can cause: code in, one sentence and what to do now out.

/** EXIT.usage: all of it is found before anything is sent. */
const exit = 2;

/** A part of the table in errors.ts. Alphabetical. */
export const INPUT_ERRORS = {
  "columns-count": {
    exit,
    message: "{file}: expected a name for each of its columns, got {named} for {got}",
    next: "name them in the order in which the file has them: --columns customerId,email,…",
  },
  "columns-identification": {
    exit,
    message: "{file}: identification documents cannot be changed through this endpoint: {columns}",
    next: "remove them from the file, or let them pass without being sent:{ignore}",
  },
  "columns-missing": {
    exit,
    message: "{file} is read without a header: its columns have no names",
    next: "name them in the order in which the file has them: --columns customerId,email,…",
  },
  "columns-or-header": {
    exit,
    message: "--columns names the columns, but not whether the file has a header of its own",
    next: "add --no-header if its first line is a record; a header is left out with headerLines in the file of --dialect",
  },
  "columns-same-property": {
    exit,
    message: "{file}: two columns give the same property: {first} and {second} both mean {property}",
    next: "remove one of them, or name it with --ignore-column",
  },
  "columns-unknown": {
    exit,
    message: "{file}: columns that match no property: {columns}{also}",
    next: "correct the names in the file, or map them in a job (--job){pass}; known: {names}, with primary., secondary., mobile. or landline. before the parts of an address or phone",
  },
  "customer-id-missing": {
    exit,
    message: "{file} has no column for {property}: without it no customer can be updated",
    next: "add the column, or correct its name in the header",
  },
  "dialect-contradicts": {
    exit,
    message:
      "{file}: the delimiter has the quote or the escape in it, or comments begin with the delimiter or the quote, so no cell could be told from the next",
    next: "correct --delimiter, --quote, --escape, --comment or the file of --dialect",
  },
  "dialect-file": {
    exit,
    message: "the file {file}, named by --dialect, cannot be read ({reason})",
    next: "check the path and who may read it",
  },
  "dialect-unsure": {
    exit,
    message:
      "{file} can be read in two ways, with {one} or with {other}, and its first rows do not tell which is meant",
    next: "look at both with updraft rows, then say which it is: {flags} or {others}",
  },
  "encoding-contradicted": {
    exit,
    message: "{file} begins with the byte order mark of {mark}, and its encoding was said to be {told}",
    next: "leave the encoding out, or give the one that the file has",
  },
  "file-changed": {
    exit,
    message: "{file} changed while it was being read: it is no longer the content that was read first",
    next: "let what writes it finish, then run it again: changed content is a run of its own",
  },
  "file-damaged": {
    exit,
    message: "{file} is a damaged {what}: it ends too soon, its checksum is wrong, or something else follows its end",
    next: "make or copy it again; gzip -t, zstd -t or unzip -t tells whether it is whole",
  },
  "file-differs": {
    exit,
    message: "{file} is not what run {run} began with, and that run is not over: {far}",
    next: "give the file back as it was and run the same command to go on with it, or end that run for good: updraft cancel {run}",
  },
  "file-directory": {
    exit,
    message: "{file} is a directory: expected a file",
    next: "name the file in it that should be read",
  },
  "file-empty": {
    exit,
    message: "{file} is empty: expected a header row and at least one record",
    next: "check that the export that writes it has finished",
  },
  "file-kind": {
    exit,
    message: "{file} is {kind}: expected CSV or NDJSON, plain or in gzip, zstd or zip, or an Excel workbook (.xlsx)",
    next: "{remedy}",
  },
  "file-missing": {
    exit,
    message: "{file} does not exist",
    next: "check the path; it is taken relative to {cwd}",
  },
  "file-no-records": {
    exit,
    message: "{file} has no records: expected at least one",
    next: "check that the export that writes it has finished",
  },
  "file-not-regular": {
    exit,
    message: "{file} is {kind}: expected a regular file",
    next: "to read a stream, give - as the file and pipe it to standard input",
  },
  "file-unhealthy": {
    exit,
    message: "{file} is not like the last files of job {job}: {figures}",
    next: "look at the file before it is sent; if it is right all the same, run it with --health warn: then the next ones may be like it",
  },
  "file-unreadable": {
    exit,
    message: "{file} cannot be read ({cause})",
    next: "check its owner and mode",
  },
  "header-looks-like-data": {
    exit,
    message:
      "{file} has no header: column {column} of its first record, on line {line}, looks like data, not like a name",
    next: "put a first line before it that names the columns, or name them: --no-header --columns customerId,email,…",
  },
  "header-repeated": {
    exit,
    message: "{file} has its header twice: on line {first} and on line {second}",
    next: "delete one of the two lines",
  },
  "header-same-name": {
    exit,
    message: '{file} has two columns named "{column}"{where}: {first} and {second}',
    next: "give each column a name of its own",
  },
  "header-unknown": {
    exit,
    message: "{file}: none of the names in its header is known ({columns})",
    next: "expected a header with {property} and others of: {names}; if the first line holds data, put a header before it",
  },
  "header-unnamed": {
    exit,
    message: "{file} has no name for column {column} of its header{where}",
    next: "name it, or delete the column",
  },
  "header-unreadable": {
    exit,
    message: "{file}: the header on {where} cannot be read ({detail})",
    next: "correct that line",
  },
  "ignore-column-unknown": {
    exit,
    message: "--ignore-column: {file} has no column {column}{hint}",
    next: "correct the name, or leave it out",
  },
  "json-array-goes-on": {
    exit,
    message: "{file} goes on behind its JSON array, on line {line}, character {column}: expected the end, got {got}",
    next: "put all objects into one array, or each on a line of its own without any array",
  },
  "json-array-open": {
    exit,
    message: "{file} ends within its JSON array, on line {line}: expected ], got the end; rows are missing",
    next: "check that the export that writes it has finished, and copy it again",
  },
  "json-indented": {
    exit,
    message:
      "{file} has objects of several lines, the first from line {line} on: expected one on each line, or one array of all",
    next: "convert it: jq -c . {file} > rows.ndjson; if they are in a list within: jq -c '.value[]' {file}, with its key for value",
  },
  "json-no-object": {
    exit,
    message: "{file}: none of its rows is a JSON object; the first, on {where}: {detail}",
    next: "write one whole JSON object on each line, or one array of all; updraft rows shows what is wrong with each",
  },
  "json-wrapped": {
    exit,
    message: '{file} is one object, and its rows are in "{key}": expected one object on each line, or one array of all',
    next: "convert it: jq -c '.[\"{key}\"][]' {file} > rows.ndjson",
  },
  "ndjson-too-many-keys": {
    exit,
    message: "{file} has more than {limit} different keys: expected objects that all have the same keys",
    next: "check that the keys are names, not values",
  },
  "set-and-column": {
    exit,
    message: "--set {property}: {column} of {file} gives it too",
    next: "leave out --set, or add --ignore-column for that column",
  },
  "set-customer-id": {
    exit,
    message: "--set {property}: every row must name its own customer",
    next: "leave it out: the file needs a column for it",
  },
  "set-empty": {
    exit,
    message: "--set {property} has no value: a value cannot be erased through this endpoint",
    next: "give a value, or leave it out: what is not sent stays as it is",
  },
  "set-identification": {
    exit,
    message: "--set {property}: identification documents cannot be changed through this endpoint",
    next: "leave it out",
  },
  "set-invalid": {
    exit,
    message: "--set {property}: expected {expected}, got {got}",
    next: "correct the value",
  },
  "set-malformed": {
    exit,
    message: "--set expects property=value, got {got}",
    next: "for instance: --set countryCodeA3=USA",
  },
  "set-twice": {
    exit,
    message: "--set names {property} twice",
    next: "leave out one of the two",
  },
  "set-unknown": {
    exit,
    message: "--set {property}: no such property{hint}",
    next: "known: {names}, with primary., secondary., mobile. or landline. before the parts of an address or phone",
  },
} as const;
