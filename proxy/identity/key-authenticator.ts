import { timingSafeEqual } from "node:crypto";
import { shortDigest } from "../registry/digest.ts";
import { credentialOf, hashKeyOf, hashPrefix, keyId } from "./api-key.ts";
import { ANONYMOUS, type Authentication, type Authenticator, type Identity } from "./identity.ts";
import type { KeyEntry } from "./keys-file.ts";

export interface AuthenticatorOptions {
  /** For keys that say nothing of it. */
  defaultTaskClass: string;
  /** The agent that calls without any credential are taken for. Without it they are refused. */
  anonymousAgent?: string | undefined;
}

interface KnownKey {
  readonly hash: Buffer;
  readonly revoked: boolean;
  readonly expiresAtMs: number;
  readonly accepted: Authentication;
}

const missing: Authentication = Object.freeze({ ok: false, why: "missing" });
const unknown: Authentication = Object.freeze({ ok: false, why: "unknown" });
const expired: Authentication = Object.freeze({ ok: false, why: "expired" });
const revoked: Authentication = Object.freeze({ ok: false, why: "revoked" });

/**
 * Identities by key. The answer for each known key is made once and found by the SHA-256 of what was sent, which makes
 * this its own cache: bounded by the number of keys, never filled by strangers, and every check of expiry stays live.
 * A cache of all credentials in front of it would keep them; a connection's own one is remembered with its hash.
 */
export function createKeyAuthenticator(keys: readonly KeyEntry[], options: AuthenticatorOptions): Authenticator {
  const known = new Map(keys.map((entry) => [entry.hash.slice(hashPrefix.length), toKnownKey(entry, options)]));
  const anonymous = options.anonymousAgent === undefined ? missing : accept(anonymousIdentity(options.anonymousAgent, options));

  return Object.freeze({
    version: shortDigest({ keys, options }),
    authenticate(authorization: string | undefined, apiKey: string | undefined, nowMs: number, connection?: object): Authentication {
      if (!authorization && !apiKey) return anonymous;
      const credential = credentialOf(authorization, apiKey);
      if (!credential || !keyId(credential)) return unknown;
      const hash = hashKeyOf(connection, credential);
      const found = known.get(hash);
      // The look-up compares hashes, whose first digits a caller cannot choose, so its time tells nothing of a key. This
      // keeps it so should the index ever come to be by a prefix.
      if (!found || !timingSafeEqual(found.hash, Buffer.from(hash))) return unknown;
      if (found.revoked) return revoked;
      if (nowMs >= found.expiresAtMs) return expired;
      return found.accepted;
    },
  });
}

function toKnownKey(entry: KeyEntry, options: AuthenticatorOptions): KnownKey {
  return {
    hash: Buffer.from(entry.hash.slice(hashPrefix.length)),
    revoked: entry.revoked,
    expiresAtMs: entry.expiresAt === undefined ? Infinity : Date.parse(entry.expiresAt),
    accepted: accept({
      agent: entry.agent,
      principal: entry.principal,
      delegation: [],
      credentialId: entry.id,
      taskId: "",
      taskClass: entry.taskClass ?? options.defaultTaskClass,
      ...(entry.servers ? { servers: entry.servers } : {}),
      ...(entry.tools ? { tools: entry.tools } : {}),
      roles: entry.roles,
      ...taskClassesOf(entry),
    }),
  };
}

/** A class decides which servers may be reached, so a key that is for one class opens no tasks of others unless it says so. */
function taskClassesOf({ taskClass, taskClasses }: KeyEntry): Pick<Identity, "taskClasses"> {
  if (taskClasses) return { taskClasses };
  return taskClass === undefined ? {} : { taskClasses: [taskClass] };
}

function anonymousIdentity(agent: string, options: AuthenticatorOptions): Identity {
  return { agent, principal: agent, delegation: [], credentialId: ANONYMOUS, taskId: "", taskClass: options.defaultTaskClass };
}

function accept(identity: Identity): Authentication {
  return Object.freeze({ ok: true, identity: Object.freeze(identity) });
}
