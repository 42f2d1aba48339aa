import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isMap, isSeq, parseDocument, type Document } from "yaml";
import { z } from "zod";
import { FileError, SignalboxError, type FileProblem } from "../../collector/kernel/errors.ts";
import { acquireLock } from "../../collector/kernel/lock.ts";
import { readYamlFile, refuse, validate } from "../registry/yaml-file.ts";
import { roles, type Role } from "../state/command.ts";
import { generateKey } from "./api-key.ts";

const DAY_MS = 86_400_000;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/, "letters, digits and . _ @ : / -, at most 128");

export const keyEntrySchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9]{4,32}$/, "the part of the key between sbx_ and the next underscore"),
  agent: name,
  principal: name,
  hash: z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits; the key itself must not stand here"),
  taskClass: name.optional(),
  /** The servers that the key may be used for; absent means any that policy allows. */
  servers: z.array(z.string().min(1)).min(1).optional(),
  /** The tools that it may call, by name, on any of its servers; absent means any that policy allows. */
  tools: z.array(z.string().min(1)).min(1).optional(),
  /** The classes of the tasks that it may open; absent means its own class, or any where it has none. */
  taskClasses: z.array(name).min(1).optional(),
  /** What its holder may do: call (agent), decide on approvals and quarantine (approver), run the proxy (operator). */
  roles: z.array(z.enum(roles)).min(1).default(["agent"]),
  createdAt: z.iso.datetime({ offset: true }),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
  revoked: z.boolean().default(false),
});

export const keysFileSchema = z.strictObject({ keys: z.array(keyEntrySchema).default([]) });

export type KeyEntry = Readonly<z.infer<typeof keyEntrySchema>>;

/** Reads the keys. Throws one FileError that names every fault. An agent may have several keys, so that one can be
 * replaced without an interruption; an id or a hash stands once. */
export function loadKeys(file: string): readonly KeyEntry[] {
  const problems: FileProblem[] = [];
  if (!existsSync(file)) {
    const remedy = "make one with `signalbox keys create --agent <name>`";
    throw new FileError([{ file, line: 1, column: 1, message: "there is no keys file", remedy }]);
  }
  const yaml = readYamlFile(file, problems);
  const parsed = yaml && validate(yaml, keysFileSchema, problems);
  const seen = new Set<string>();
  for (const [i, entry] of parsed?.keys.entries() ?? []) {
    for (const field of ["id", "hash"] as const) {
      const twice = seen.has(entry[field]);
      seen.add(entry[field]);
      if (twice) problems.push(yaml!.at(["keys", i, field], `this ${field} stands in the file already`, "remove one of the two"));
    }
  }
  refuse(problems);
  return parsed!.keys;
}

/** For where callers without a key are welcome, and nobody need have one. */
export function loadKeysIfPresent(file: string): readonly KeyEntry[] {
  return existsSync(file) ? loadKeys(file) : [];
}

/** Makes a key that nobody has seen yet. The key is in the answer and nowhere else. Throws E_KEY for a name that cannot be. */
export function createKey(options: NewKeyOptions): { key: string; entry: KeyEntry } {
  const { key, id, hash } = generateKey();
  const { agent, principal, taskClass, taskClasses, servers, tools, roles, ttlDays, nowMs } = options;
  const expiresAt = ttlDays === undefined ? undefined : new Date(nowMs + ttlDays * DAY_MS).toISOString();
  const parsed = keyEntrySchema.safeParse({ id, agent, principal, hash, taskClass, taskClasses, servers, tools, roles, createdAt: new Date(nowMs).toISOString(), expiresAt });
  if (!parsed.success) {
    const [fault] = parsed.error.issues;
    throw new SignalboxError("E_KEY", `no key was made: ${fault!.path.join(".")} is not valid`, { remedy: fault!.message });
  }
  return { key, entry: parsed.data };
}

export interface NewKeyOptions {
  agent: string;
  principal: string;
  taskClass?: string | undefined;
  taskClasses?: readonly string[] | undefined;
  servers?: readonly string[] | undefined;
  tools?: readonly string[] | undefined;
  roles?: readonly Role[] | undefined;
  ttlDays?: number | undefined;
  nowMs: number;
}

/** Adds an entry. */
export function appendKey(file: string, entry: KeyEntry): Promise<void> {
  return change(file, (doc) => add(doc, entry));
}

function add(doc: Document, entry: KeyEntry): void {
  const { roles, revoked, ...rest } = entry;
  const written = { ...rest, ...(roles.join() === "agent" ? {} : { roles }), ...(revoked ? { revoked } : {}) };
  const node = doc.createNode(Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)));
  const keys = doc.get("keys");
  if (isSeq(keys)) {
    keys.flow = false;
    keys.add(node);
  } else doc.set("keys", doc.createNode([node]));
}

export interface RotatedKey {
  /** The new one; it is in the answer and nowhere else. */
  readonly key: string;
  readonly entry: KeyEntry;
  /** The one that it takes the place of, with the end that it has now. */
  readonly old: KeyEntry;
}

/**
 * Makes a key like another one, which then ends by itself after `overlapMs`: both are good until then, so that their holder
 * changes without a gap. The new one lives as long as the old one was made for. Throws E_KEY for one that is over already.
 */
export async function rotateKey(file: string, id: string, { overlapMs, nowMs }: { overlapMs: number; nowMs: number }): Promise<RotatedKey> {
  let rotated: RotatedKey | undefined;
  await change(file, (doc, entries) => {
    const at = entries.findIndex((entry) => entry.id === id);
    const node = doc.getIn(["keys", at]);
    const old = entries[at];
    if (!old || !isMap(node)) throw new SignalboxError("E_KEY", `there is no key ${id} in ${file}`, { remedy: "`signalbox keys list` shows them" });
    const endsMs = old.expiresAt === undefined ? Infinity : Date.parse(old.expiresAt);
    if (old.revoked || endsMs <= nowMs) throw new SignalboxError("E_KEY", `key ${id} is over already`, { remedy: `make another one: signalbox keys create --agent ${old.agent}` });
    const ttlDays = old.expiresAt === undefined ? undefined : (endsMs - Date.parse(old.createdAt)) / DAY_MS;
    const made = createKey({ ...old, ttlDays, nowMs });
    const expiresAt = new Date(Math.min(endsMs, nowMs + overlapMs)).toISOString();
    node.set("expiresAt", expiresAt);
    add(doc, made.entry);
    rotated = { ...made, old: { ...old, expiresAt } };
  });
  return rotated!;
}

/** Marks a key as revoked, which the proxy heeds within a second. May be repeated. Throws E_KEY for an id that is not there. */
export async function revokeKey(file: string, id: string): Promise<KeyEntry> {
  let revoked: KeyEntry | undefined;
  await change(file, (doc, entries) => {
    const at = entries.findIndex((entry) => entry.id === id);
    const node = doc.getIn(["keys", at]);
    if (at < 0 || !isMap(node)) throw new SignalboxError("E_KEY", `there is no key ${id} in ${file}`, { remedy: "`signalbox keys list` shows them" });
    node.set("revoked", true);
    revoked = { ...entries[at]!, revoked: true };
  });
  return revoked!;
}

/**
 * Changes the file and keeps what people wrote around it. It is replaced whole, so that a reader never sees half of it; only
 * its owner may read it; and of two that change it at once, one waits.
 */
async function change(file: string, edit: (doc: Document, entries: readonly KeyEntry[]) => void): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const release = await lock(file);
  try {
    const entries = existsSync(file) ? loadKeys(file) : [];
    const doc = parseDocument(existsSync(file) ? readFileSync(file, "utf8") : heading);
    edit(doc, entries);
    const draft = `${file}.${process.pid}.new`;
    writeFileSync(draft, doc.toString(), { mode: 0o600 });
    chmodSync(draft, 0o600);
    renameSync(draft, file);
  } finally {
    await release();
  }
}

const LOCK_WAIT_MS = 50;
const LOCK_ATTEMPTS = 100;

async function lock(file: string): Promise<() => Promise<void>> {
  const path = join(dirname(file), `.${basename(file)}.lock`);
  for (let attempt = 1; ; attempt++) {
    try {
      return await acquireLock(path, (owner) => new SignalboxError("E_LOCKED", `${file} is being changed by ${owner}`, { remedy: "try again when that is done" }));
    } catch (error) {
      if (!(error instanceof SignalboxError) || attempt === LOCK_ATTEMPTS) throw error;
      await delay(LOCK_WAIT_MS);
    }
  }
}

const heading = `# API keys of agents and people, as SHA-256 of each key. Revoke one with \`signalbox keys revoke <id>\`.
keys: []
`;
