import { hash, randomBytes } from "node:crypto";

/**
 * An API key is `sbx_<id>_<secret>`: the id names it in lists and records, the secret is 32 random bytes. At rest there is
 * its SHA-256 and nothing else. A slow, salted hash is for secrets that people choose; 256 random bits can neither be
 * guessed nor looked up in a table, so the fast one is right, and it is paid at every call.
 */
const keyForm = /^sbx_([a-z0-9]{4,32})_[A-Za-z0-9_-]{43}$/;

/** The longest header that can hold a key; longer ones are not even hashed. */
export const maxCredentialLength = 128;

export interface NewKey {
  readonly key: string;
  readonly id: string;
  readonly hash: string;
}

export function generateKey(): NewKey {
  const id = randomBytes(5).toString("hex");
  const key = `sbx_${id}_${randomBytes(32).toString("base64url")}`;
  return { key, id, hash: hashPrefix + hashKey(key) };
}

/** What stands before the digest in the file, so that another function can follow some day. */
export const hashPrefix = "sha256:";

/** In hex. The one-shot call takes half the time of a hash object, at every message. */
export function hashKey(key: string): string {
  return hash("sha256", key, "hex");
}

const ofConnections = new WeakMap<object, { readonly key: string; readonly hash: string }>();

/** The same for what came over a connection, where every request brings the same key: it is remembered as long as that is open. */
export function hashKeyOf(connection: object | undefined, key: string): string {
  if (connection === undefined) return hashKey(key);
  const known = ofConnections.get(connection);
  if (known?.key === key) return known.hash;
  const hash = hashKey(key);
  ofConnections.set(connection, { key, hash });
  return hash;
}

/** What a request brings as its credential: the token of a Bearer header, whose scheme's name is not case-sensitive (RFC 9110,
 * 11.1), and only without that header X-API-Key. Undefined for a header of another form. */
export function credentialOf(authorization: string | undefined, apiKey: string | undefined): string | undefined {
  if (!authorization) return apiKey;
  if (authorization.length > maxCredentialLength + 16) return undefined;
  return /^bearer +(\S+)$/i.exec(authorization)?.[1];
}

/** The id inside a key, or undefined for anything that is not formed like one. */
export function keyId(key: string): string | undefined {
  return key.length <= maxCredentialLength ? keyForm.exec(key)?.[1] : undefined;
}
