import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { SignalboxError } from "../../kernel/errors.ts";
import { replaceFile, syncDirectory } from "../disk.ts";
import { keyIdOf, publicKeyText, readPrivateKey } from "./entry.ts";
import { keyFile, nextKeyFile } from "./files.ts";

/** A private key as it lies on disk. */
export interface SigningKey {
  readonly id: string;
  readonly publicKey: string;
  readonly key: KeyObject;
}

/**
 * The key that `currentId` names as the one in force. A rotation makes the new key's file, then appends its statement, then
 * moves the file into place; one that was cut off is ended here, or undone where its statement was never written.
 * With null, nothing has been signed yet, and the first call makes the key.
 */
export async function openSigningKey(dir: string, currentId: string | null): Promise<SigningKey> {
  const current = await readKey(keyFile(dir));
  if (currentId === null) return current ?? (await makeKey(keyFile(dir)));
  if (current?.id === currentId) return current;
  const next = await readKey(nextKeyFile(dir));
  if (next?.id === currentId) {
    await adoptNextKey(dir);
    return next;
  }
  throw new SignalboxError("E_AUDIT_KEY", `${keyFile(dir)} is not the key ${currentId}, which the checkpoint log says is in force`, {
    remedy: "restore the key; without it the log cannot be continued, so move the folder aside to begin a new one",
  });
}

export async function makeNextKey(dir: string): Promise<SigningKey> {
  await unlink(nextKeyFile(dir)).catch(() => {});
  return makeKey(nextKeyFile(dir));
}

/** The old private key is overwritten: nobody can sign as it again. */
export async function adoptNextKey(dir: string): Promise<void> {
  await rename(nextKeyFile(dir), keyFile(dir));
  await syncDirectory(dirname(keyFile(dir)));
}

async function makeKey(path: string): Promise<SigningKey> {
  const { privateKey } = generateKeyPairSync("ed25519");
  await replaceFile(path, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  return asSigningKey(privateKey);
}

async function readKey(path: string): Promise<SigningKey | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new SignalboxError("E_AUDIT_KEY", `${path} can be read by others`, { remedy: `chmod 600 ${path}, and rotate the key if somebody did` });
    }
    return asSigningKey(readPrivateKey(await readFile(path, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    if (error instanceof SignalboxError) throw error;
    throw new SignalboxError("E_AUDIT_KEY", `${path} is not a private key`, { cause: error, remedy: "restore it" });
  }
}

function asSigningKey(key: KeyObject): SigningKey {
  const publicKey = publicKeyText(key);
  return { id: keyIdOf(publicKey), publicKey, key };
}
