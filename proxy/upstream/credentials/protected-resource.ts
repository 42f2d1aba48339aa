import { secureUrl } from "../../identity/oauth/config.ts";
import { METADATA_PATH, metadataUrlOf } from "../../identity/oauth/challenge.ts";
import { fetchJson, type FetchOptions, type JsonObject } from "../../identity/oauth/fetch-json.ts";
import { MAX_SCOPES } from "./challenge.ts";

/** What a server says of itself as a resource (RFC 9728, 2). */
export interface ProtectedResource {
  /** Exactly as it is written there: tokens are asked for this. */
  readonly resource: string;
  readonly issuers: readonly string[];
  readonly scopes: readonly string[];
}

/**
 * The metadata of the server at `endpoint`: where its challenge says, and otherwise at the well-known places, the one for
 * its path before the one for its host. Null where there is none. Throws for metadata that is of another resource: a token
 * for that would be somebody else's to use.
 */
export async function fetchProtectedResource(endpoint: string, named: string | undefined, fetching: FetchOptions): Promise<ProtectedResource | null> {
  for (const url of placesOf(endpoint, named)) {
    const found = await fetchJson(url, {}, fetching).catch(() => null);
    if (found !== null) return read(url, found, endpoint);
  }
  return null;
}

function placesOf(endpoint: string, named: string | undefined): readonly string[] {
  const { origin } = new URL(endpoint);
  // The proxy fetches what a server names: nothing but that server itself.
  if (named !== undefined) {
    if (!URL.canParse(named) || new URL(named).origin !== origin) throw new Error(`${endpoint} says that its metadata is elsewhere, which is not followed`);
    return [named];
  }
  return [...new Set([metadataUrlOf(endpoint).replace(/\/$/, ""), origin + METADATA_PATH])];
}

function read(url: string, { resource, authorization_servers: named, scopes_supported: scopes }: JsonObject, endpoint: string): ProtectedResource {
  if (typeof resource !== "string" || !covers(resource, endpoint)) throw new Error(`${url} is the metadata of another resource than ${endpoint}`);
  const secure = new URL(endpoint).protocol === "https:";
  const issuers = textsOf(named).filter((one) => secureUrl.safeParse(one).success && (!secure || one.startsWith("https:")));
  if (issuers.length === 0) throw new Error(`${url} names no authorization server that can be used`);
  return { resource, issuers, scopes: textsOf(scopes).slice(0, MAX_SCOPES) };
}

/** Servers may speak for all that is beneath a path, as MCP's own clients have it; never for another host. */
function covers(resource: string, endpoint: string): boolean {
  if (!URL.canParse(resource)) return false;
  const [of, at] = [new URL(resource), new URL(endpoint)];
  if (of.origin !== at.origin || of.hash !== "") return false;
  const path = of.pathname.replace(/\/$/, "");
  return at.pathname === of.pathname || at.pathname === path || at.pathname.startsWith(`${path}/`);
}

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
