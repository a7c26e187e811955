// A stream that can be read once in; the same bytes, kept sealed on disk so that they can be read often, out.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";
import { CHUNK, evened, type Input } from "./file.ts";

const TAG = 16;

/**
 * Sealed with AES-256-GCM under a key that never leaves this process, and without a name in the folder from the first byte on: so
 * whatever happens to the process, what it leaves behind is neither readable nor there.
 */
export async function spool(stream: AsyncIterable<Buffer | string>, folder: string): Promise<Input> {
  const key = randomBytes(32);
  const handle = await openUnnamed(folder);
  const sizes: number[] = [];
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closed ??= handle.close();
    return closed;
  };
  try {
    for await (const chunk of evened(asBytes(stream))) {
      await writeAll(handle, seal(key, sizes.length, chunk), folder);
      sizes.push(chunk.length);
    }
  } catch (error) {
    await close();
    throw error;
  }

  const size = sizes.reduce((sum, one) => sum + one, 0);

  async function* read(start = 0, end = size): AsyncGenerator<Buffer, void, undefined> {
    // All chunks but the last are of one size.
    for (let index = Math.floor(start / CHUNK); index < sizes.length && index * CHUNK < end; index++) {
      const sealed = Buffer.allocUnsafeSlow((sizes[index] ?? 0) + TAG);
      const { bytesRead } = await handle.read(sealed, 0, sealed.length, index * (CHUNK + TAG));
      const chunk = unseal(key, index, sealed.subarray(0, bytesRead));
      yield chunk.subarray(Math.max(0, start - index * CHUNK), end - index * CHUNK);
    }
  }

  return { size, read, close };
}

async function* asBytes(stream: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of stream) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

async function openUnnamed(folder: string): Promise<FileHandle> {
  const path = join(folder, `stdin-${process.pid}-${randomBytes(8).toString("hex")}.sealed`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(path, "wx+", 0o600);
    await unlink(path);
    return handle;
  } catch (cause) {
    throw new UpdraftError("data-dir-unwritable", { dir: folder }, { cause });
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, folder: string): Promise<void> {
  try {
    await handle.writeFile(bytes);
  } catch (cause) {
    const full = cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
    throw new UpdraftError(full ? "disk-full" : "data-dir-unwritable", { dir: folder }, { cause });
  }
}

/** The chunk's number is its nonce: with a key of its own for each spool it never repeats, and chunks cannot change places. */
function nonce(index: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(index, 6, 6);
  return bytes;
}

function seal(key: Buffer, index: number, chunk: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce(index));
  return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Buffer, index: number, sealed: Buffer): Buffer {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce(index), { authTagLength: TAG });
    decipher.setAuthTag(sealed.subarray(-TAG));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG)), decipher.final()]);
  } catch (cause) {
    throw new UpdraftError("file-changed", { file: "stdin" }, { cause });
  }
}
