import { createPrivateKey, createPublicKey, hash, sign, verify, type KeyObject } from "node:crypto";
import { z } from "zod";

/**
 * The entries of the checkpoint log, one JSON object each. Members are named as the draft contract for audit records names
 * them where it has a name (SEP-3004: event_id, event_type, occurred_at, previous_hash, event_hash, chain_algorithm,
 * canonical_form_version), and its canonical form is used: keys sorted, no spaces, values that are strings or null only.
 */
export const CHECKPOINT = "audit.checkpoint";
export const KEY = "audit.key";
/** Names the form of canonical.ts, which is what record hashes are made of. */
export const CANONICAL_FORM = "signalbox-span/1";

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const seq = z.string().regex(/^[1-9]\d{0,15}$/);
const keyIdText = z.string().regex(/^[0-9a-f]{16}$/);

const signed = {
  /** The log's id and the entry's number in it, counted from 1. */
  event_id: z.string().regex(/^cl-[0-9a-f]{8}-[1-9]\d{0,14}$/),
  occurred_at: z.iso.datetime(),
  /** Of the entry before; null for the first. */
  previous_hash: digest.nullable(),
  /** Of the key that signed. */
  key_id: keyIdText,
  event_hash: digest,
  signature: z.base64(),
};

/** Says which records there were: `merkle_root` is over the hashes of `first_seq` to `last_seq`, `head_hash` is the last one. */
export const checkpointSchema = z.strictObject({
  event_type: z.literal(CHECKPOINT),
  ...signed,
  producer: z.string().min(1).max(64),
  first_seq: seq,
  last_seq: seq,
  /** The hash that the first record is chained to. */
  first_previous_hash: digest,
  head_hash: digest,
  merkle_root: digest,
  chain_algorithm: z.literal("sha256"),
  canonical_form_version: z.literal(CANONICAL_FORM),
});

/** Says that from here on `public_key` signs. Signed by the key before, and by the new one; the first one by itself alone. */
export const keySchema = z.strictObject({
  event_type: z.literal(KEY),
  ...signed,
  /** Ed25519, SubjectPublicKeyInfo in DER, base64. */
  public_key: z.base64(),
  public_key_id: keyIdText,
  public_key_signature: z.base64(),
});

export const entrySchema = z.discriminatedUnion("event_type", [checkpointSchema, keySchema]);

export type Checkpoint = z.infer<typeof checkpointSchema>;
export type KeyStatement = z.infer<typeof keySchema>;
export type LogEntry = z.infer<typeof entrySchema>;

/** How many records a checkpoint was signed over. */
export const recordsOf = ({ first_seq, last_seq }: Checkpoint): number => Number(last_seq) - Number(first_seq) + 1;

/** What is made of the members, and what others may add to an entry: none of it can be covered by its hash. */
const OUTSIDE: ReadonlySet<string> = new Set(["event_hash", "signature", "public_key_signature", "anchor_witness"]);

export function canonicalEntry(entry: object): string {
  const members = Object.entries(entry).filter(([name]) => !OUTSIDE.has(name));
  return JSON.stringify(Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1))));
}

type Unsigned<T> = T extends LogEntry ? Omit<T, "event_hash" | "signature" | "public_key_signature"> : never;

/** `newKey` signs as well where the entry introduces it. */
export function signEntry(unsigned: Unsigned<LogEntry>, key: KeyObject, newKey?: KeyObject): LogEntry {
  const form = Buffer.from(canonicalEntry(unsigned));
  const by = (signer: KeyObject): string => sign(null, form, signer).toString("base64");
  return entrySchema.parse({
    ...unsigned,
    event_hash: hash("sha256", form),
    signature: by(key),
    ...(newKey ? { public_key_signature: by(newKey) } : {}),
  });
}

/** Of a public key, or of the private one that it belongs to. */
export const publicKeyText = (key: KeyObject | string): string => asPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");

const asPublicKey = (key: KeyObject | string): KeyObject => (typeof key !== "string" && key.type === "public" ? key : createPublicKey(key));

export const keyIdOf = (publicKey: string): string => hash("sha256", Buffer.from(publicKey, "base64")).slice(0, 16);

export function readPublicKey(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, "base64"), type: "spki", format: "der" });
}

export function readPrivateKey(pem: string): KeyObject {
  return createPrivateKey(pem);
}

/** The keys that a log has named so far, by id. */
export type KnownKeys = Map<string, string>;

/**
 * Why an entry is not what its signer wrote, or null. Adds the key that it introduces to `keys`. Its place behind other
 * entries is not looked at.
 */
export function entryProblem(entry: LogEntry, keys: KnownKeys): string | null {
  const form = Buffer.from(canonicalEntry(entry));
  if (hash("sha256", form) !== entry.event_hash) return "its hash is not the one of its content";
  const signedBy = (publicKey: string, signature: string): boolean => {
    const bytes = Buffer.from(signature, "base64");
    // Of the several texts that decode to the same bytes one is the signature, so that no entry has two spellings.
    if (bytes.toString("base64") !== signature) return false;
    try {
      return verify(null, form, readPublicKey(publicKey), bytes);
    } catch {
      return false;
    }
  };
  if (entry.event_type === KEY) {
    if (keyIdOf(entry.public_key) !== entry.public_key_id) return "its key has another id";
    if (!signedBy(entry.public_key, entry.public_key_signature)) return "the key that it introduces did not sign it";
    if (keys.size === 0 && entry.key_id === entry.public_key_id) keys.set(entry.key_id, entry.public_key);
  }
  const key = keys.get(entry.key_id);
  if (key === undefined) return `it is signed by ${entry.key_id}, a key that nothing before it names`;
  if (!signedBy(key, entry.signature)) return `its signature is not one of key ${entry.key_id}`;
  if (entry.event_type === KEY) keys.set(entry.public_key_id, entry.public_key);
  return null;
}
