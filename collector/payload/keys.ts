import { SignalboxError } from "../kernel/errors.ts";
import { secretSource, type Environment } from "../kernel/secret-place.ts";
import type { EncryptionKey, PayloadsConfig } from "./config.ts";

export interface PayloadKey {
  readonly id: string;
  readonly bytes: Buffer;
}

const KEY_BYTES = 32;

/** The key that encrypts, null where payloads are not to be encrypted. Rejects with E_PAYLOAD_KEY, which names the place alone. */
export async function encryptingKey({ encryption }: PayloadsConfig, baseDir: string, env: Environment): Promise<PayloadKey | null> {
  const first = encryption?.keys[0];
  return first === undefined ? null : await readKey(first, baseDir, env);
}

/** The key that a row names. Rejects with E_PAYLOAD_KEY where the configuration does not have it. */
export async function keyById({ encryption }: PayloadsConfig, id: string, baseDir: string, env: Environment): Promise<PayloadKey> {
  const found = encryption?.keys.find((key) => key.id === id);
  if (found) return await readKey(found, baseDir, env);
  throw new SignalboxError("E_PAYLOAD_KEY", `this payload is encrypted with the key ${id}, which payloads.encryption.keys does not name`, {
    remedy: "add it there, with ${env:NAME} or ${file:PATH} for where it is",
  });
}

async function readKey({ id, key }: EncryptionKey, baseDir: string, env: Environment): Promise<PayloadKey> {
  const text = await secretSource(key, { baseDir, env, code: "E_PAYLOAD_KEY", what: `the payloads' key ${id}` })();
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  if (bytes.length === KEY_BYTES) return { id, bytes };
  throw new SignalboxError("E_PAYLOAD_KEY", `the payloads' key ${id}: what is there is not ${KEY_BYTES} bytes as Base64 or hexadecimal`, { remedy: "openssl rand -base64 32" });
}
