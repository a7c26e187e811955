// Standard input in; a source that can be read again and again, and nothing in clear on the disk, out.
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSource, type Source } from "../../src/open/source.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-spool-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function piped(...chunks: (string | Buffer)[]): Promise<Source> {
  return openSource("-", { stdin: Readable.from(chunks), dataDir: folder, encoding: "utf-8" });
}

async function contentOf(source: Source): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What this process holds open in the folder: files without a name among them. */
function held(): string[] {
  const paths = readdirSync("/proc/self/fd").map((fd) => join("/proc/self/fd", fd));
  return paths.filter((path) => {
    try {
      return readlinkSync(path).startsWith(folder);
    } catch {
      return false; // the descriptor that listed the folder
    }
  });
}

describe("openSource of -", () => {
  test("is read as often as asked, with the fingerprint a file of the same content has", async () => {
    const rows = `customerId\n${"csta_1\n".repeat(50_000)}`;
    writeFileSync(join(folder, "rows.csv"), rows);
    const file = await openSource(join(folder, "rows.csv"), { dataDir: folder });
    const source = await piped(rows.slice(0, 7), rows.slice(7));
    expect(source).toMatchObject({ name: "stdin", format: "csv", bytes: rows.length, sha256: file.sha256 });
    expect((await contentOf(source)).toString()).toBe(rows);
    expect((await contentOf(source)).toString()).toBe(rows);
    await source.close();
  });

  test("may be compressed, and may be NDJSON", async () => {
    const source = await piped(gzipSync('{"customerId":"csta_1"}\n'));
    expect(source.format).toBe("ndjson");
    await source.close();
  });

  test("any bytes in any chunks come back as they were", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 6 }), async (sizes) => {
        const chunks = [Buffer.from("customerId\n"), ...sizes.map((size) => randomBytes(size))];
        const source = await piped(...chunks);
        expect(await contentOf(source)).toEqual(Buffer.concat(chunks));
        await source.close();
      }),
      { numRuns: 20 },
    );
  });

  test.runIf(existsSync("/proc/self/fd"))(
    "is on the disk sealed and without a name, and gone when closed",
    async () => {
      const source = await piped(`customerId\n${"CANARY\n".repeat(50_000)}`);
      expect(readdirSync(join(folder, "spool"))).toEqual([]);
      const [spool, ...others] = held();
      expect(others).toEqual([]);
      const sealed = readFileSync(spool ?? "");
      expect(sealed.length).toBeGreaterThan(350_000);
      expect(sealed.includes("CANARY")).toBe(false);
      await source.close();
      await source.close();
      expect(held()).toEqual([]);
    },
  );

  test.runIf(existsSync("/proc/self/fd"))("leaves nothing open when it is refused", async () => {
    await expect(piped("  \n")).rejects.toMatchObject({ code: "file-empty", message: /^stdin is empty/ });
    expect(held()).toEqual([]);
  });

  test.runIf(existsSync("/proc/self/fd"))(
    "is refused, not passed on, when what is on the disk was altered",
    async () => {
      const source = await piped("customerId\ncsta_1\n");
      const [spool] = held();
      writeFileSync(spool ?? "", "x", { flag: "r+" });
      await expect(contentOf(source)).rejects.toMatchObject({ code: "file-changed" });
      await source.close();
    },
  );

  test("a data folder that cannot be made is said at once", async () => {
    writeFileSync(join(folder, "file"), "");
    const refused = openSource("-", { stdin: Readable.from(["a\n1\n"]), dataDir: join(folder, "file") });
    await expect(refused).rejects.toMatchObject({ code: "data-dir-unwritable", exit: 5 });
  });
});
