// Customer data in, sealed bytes out, and back: nothing personal is in clear outside the process.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";

const ALGORITHM = "aes-256-gcm";
const IV = 12;
const TAG = 16;

/** Seals one kind of message of one epoch; `context` is authenticated with it, so a blob cannot be moved elsewhere. */
export interface Sealer {
  seal(context: string, plain: Buffer | string): Buffer;
  /** Throws `sealed-with-another-key` when the blob is not of this key, epoch and context. */
  unseal(context: string, sealed: Buffer): Buffer;
}

/**
 * A sealer whose key is derived from the 32-byte master key and a name (HKDF-SHA-256, RFC 5869), so that random IVs
 * are drawn for one epoch only and never come near the 2^32 messages that AES-GCM allows per key (NIST SP 800-38D).
 */
export function makeSealer(master: Buffer, name: string): Sealer {
  const key = Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), `updraft:${name}`, 32));
  return {
    seal(context, plain) {
      const iv = randomBytes(IV);
      const cipher = createCipheriv(ALGORITHM, key, iv);
      cipher.setAAD(Buffer.from(context));
      const body = cipher.update(typeof plain === "string" ? Buffer.from(plain) : plain);
      return Buffer.concat([iv, body, cipher.final(), cipher.getAuthTag()]);
    },
    unseal(context, sealed) {
      try {
        const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV), { authTagLength: TAG });
        decipher.setAAD(Buffer.from(context));
        decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
        return Buffer.concat([decipher.update(sealed.subarray(IV, sealed.length - TAG)), decipher.final()]);
      } catch {
        throw new UpdraftError("sealed-with-another-key", { what: context });
      }
    },
  };
}

/** Names a key without telling it: 16 hex digits, compared by workers before they take a run. */
export function keyFingerprint(master: Buffer): string {
  return createHash("sha256").update("updraft:fingerprint:").update(master).digest("hex").slice(0, 16);
}

/** The 32-byte master key: the given one (`UPDRAFT_KEY`), else `<dataDir>/key`, made on first use with mode 0600. */
export function loadKey(given: Buffer | null, dataDir: string): Buffer {
  if (given) return given;
  const file = join(dataDir, "key");
  for (;;) {
    try {
      const mode = statSync(file).mode & 0o077;
      if (mode !== 0) throw new UpdraftError("key-file-open", { file, mode: (mode | 0o600).toString(8) });
      const digits = readFileSync(file, "utf8").trim();
      if (!/^[0-9a-fA-F]{64}$/.test(digits)) throw new UpdraftError("key-file-broken", { file });
      return Buffer.from(digits, "hex");
    } catch (error) {
      if (error instanceof UpdraftError) throw error;
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
        throw new UpdraftError("data-dir-unwritable", { dir: dataDir }, { cause: error });
      }
    }
    makeKeyFile(file, dataDir);
  }
}

/** Written whole under another name and linked, so that two processes that start at once agree on one key. */
function makeKeyFile(file: string, dataDir: string): void {
  // Two containers that share the folder may have the same process id.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${randomBytes(32).toString("hex")}\n`, { flag: "wx", mode: 0o600, flush: true });
    linkSync(draft, file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "EEXIST") return;
    throw new UpdraftError(code === "ENOSPC" ? "disk-full" : "data-dir-unwritable", { dir: dataDir }, { cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
}
