import { randomBytes } from "node:crypto";
import { mkdirSync, linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { seal, SEAL_BYTES, unseal } from "../../collector/kernel/seal.ts";

/**
 * The bytes of results that wait for a person, one file each, encrypted: a backup or another user of the machine reads
 * nothing. All workers and the primary share the folder; no file is ever changed.
 */
export interface QuarantineStore {
  /** Writes the bytes; they have no id until `commit`. Throws E_QUARANTINE_FULL. */
  stage(bytes: Buffer, expiresMs: number): Promise<Staged>;
  /** Null where there is nothing under this id any more, or nothing that this installation's key opens. */
  read(id: string, nowMs: number): Promise<Buffer | null>;
  /** May be repeated. */
  remove(id: string): Promise<void>;
  /** Removes what has expired, and what was staged and left behind; returns how many. For a timer, in one process. */
  sweep(nowMs: number): Promise<number>;
}

export interface Staged {
  commit(id: string): Promise<void>;
  discard(): Promise<void>;
}

export interface QuarantineStoreOptions {
  readonly dir: string;
  /** 32 bytes. */
  readonly key: Buffer;
  readonly maxItems?: number;
  readonly maxBytes?: number;
}

const KEY_BYTES = 32;
const EXPIRY_BYTES = 8;
const VERSION = 1;
/** version, expiry in Unix milliseconds, nonce, tag; all of it before the nonce is authenticated with the text. */
const HEAD_BYTES = 1 + EXPIRY_BYTES;
const MAX_ITEMS = 2000;
const MAX_BYTES = 512 * 1024 * 1024;
const STAGED = ".new";
/** A file that was staged is given its id within seconds. */
const STAGED_MS = 10 * 60_000;

export const quarantineDir = (dataDir: string): string => join(dataDir, "quarantine");

/** The installation's key for quarantined results; made at the first start, by whichever process comes first. */
export function quarantineKey(dataDir: string): Buffer {
  const path = join(dataDir, "quarantine.key");
  try {
    return readKey(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const fresh = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(fresh, randomBytes(KEY_BYTES), { mode: 0o600, flag: "wx" });
  try {
    // A link is made whole or not at all: nobody reads half a key, and of two that come at once one key stays.
    linkSync(fresh, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(fresh);
  }
  return readKey(path);
}

function readKey(path: string): Buffer {
  const key = readFileSync(path);
  if (key.length === KEY_BYTES) return key;
  throw new SignalboxError("E_QUARANTINE_KEY", `${path} does not hold ${KEY_BYTES} bytes`, {
    remedy: "restore it, or remove it to have a new one made; results that wait for a person are lost with it",
  });
}

export function openQuarantineStore({ dir, key, maxItems = MAX_ITEMS, maxBytes = MAX_BYTES }: QuarantineStoreOptions): QuarantineStore {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const store: QuarantineStore = {
    async stage(bytes, expiresMs) {
      const used = await usage(dir);
      if (used.items >= maxItems || used.bytes + bytes.length > maxBytes) {
        throw new SignalboxError("E_QUARANTINE_FULL", "there is no room for another result that waits for a person", { remedy: "settle some of those that wait" });
      }
      const path = join(dir, `${randomBytes(12).toString("hex")}${STAGED}`);
      await writeFile(path, sealed(key, bytes, expiresMs), { mode: 0o600, flag: "wx" });
      return {
        commit: (id) => rename(path, pathOf(dir, id)),
        discard: () => rm(path, { force: true }),
      };
    },
    async read(id, nowMs) {
      const file = await readFile(pathOf(dir, id)).catch(missing);
      if (file === null || expiryOf(file) <= nowMs) return null;
      return opened(key, file);
    },
    remove: (id) => rm(pathOf(dir, id), { force: true }),
    async sweep(nowMs) {
      let removed = 0;
      for (const name of await readdir(dir)) {
        const path = join(dir, name);
        if (!(await isOver(path, name, nowMs))) continue;
        await rm(path, { force: true });
        removed++;
      }
      return removed;
    },
  };
  return store;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** An id comes from the control state; it is checked all the same, since it becomes part of a path. */
function pathOf(dir: string, id: string): string {
  if (!ID.test(id)) throw new SignalboxError("E_QUARANTINE_ID", "this is not the id of a quarantined result");
  return join(dir, id);
}

function sealed(key: Buffer, bytes: Buffer, expiresMs: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = VERSION;
  head.writeBigUInt64BE(BigInt(expiresMs), 1);
  return Buffer.concat([head, seal(key, head, bytes)]);
}

function opened(key: Buffer, file: Buffer): Buffer | null {
  if (file.length < HEAD_BYTES + SEAL_BYTES || file[0] !== VERSION) return null;
  try {
    return unseal(key, file.subarray(0, HEAD_BYTES), file.subarray(HEAD_BYTES));
  } catch {
    return null;
  }
}

const expiryOf = (file: Buffer): number => (file.length < HEAD_BYTES ? 0 : Number(file.readBigUInt64BE(1)));

async function usage(dir: string): Promise<{ items: number; bytes: number }> {
  const names = await readdir(dir);
  const sizes = await Promise.all(names.map((name) => stat(join(dir, name)).then((file) => file.size, () => 0)));
  return { items: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function isOver(path: string, name: string, nowMs: number): Promise<boolean> {
  const file = await open(path).catch(missing);
  if (file === null) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    if (name.endsWith(STAGED)) return (await file.stat()).mtimeMs < nowMs - STAGED_MS;
    return expiryOf(buffer.subarray(0, bytesRead)) <= nowMs;
  } finally {
    await file.close();
  }
}

function missing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  throw error;
}
