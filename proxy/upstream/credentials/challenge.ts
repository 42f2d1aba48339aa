/** What a server says in WWW-Authenticate of a request that it refused (RFC 6750, 3; RFC 9728, 5.1). */
export interface ReceivedChallenge {
  readonly error: string;
  /** What the request needs; empty where it does not say. */
  readonly scopes: readonly string[];
  readonly metadataUrl: string | undefined;
}

const member = /([a-z_]{1,32})\s?=\s?(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi;
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;
/** Of one challenge, and of all that an entry has had. */
export const MAX_SCOPES = 64;
/** Real ones have a few hundred characters, and whoever wrote this one may mean ill. */
const MAX_LENGTH = 4096;

/** Pure. The Bearer challenge of the header; null where there is none. Other schemes ask for proofs that are not made here. */
export function readChallenge(header: string | readonly string[] | undefined): ReceivedChallenge | null {
  const text = (typeof header === "string" ? header : (header ?? []).join(", ")).slice(0, MAX_LENGTH);
  const at = /(?:^|,)\s*bearer(?=\s|,|$)/i.exec(text);
  if (at === null) return null;
  const members = new Map<string, string>();
  for (const [, name, quoted, plain] of text.slice(at.index).matchAll(member)) {
    const key = name!.toLowerCase();
    if (!members.has(key)) members.set(key, quoted?.replace(/\\(.)/g, "$1") ?? plain!);
  }
  const scopes = (members.get("scope") ?? "").split(" ").filter((scope) => scopeToken.test(scope));
  return { error: members.get("error") ?? "", scopes: scopes.slice(0, MAX_SCOPES), metadataUrl: members.get("resource_metadata") };
}
