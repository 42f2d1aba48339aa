import { fetchJson, type FetchOptions, type JsonObject } from "./fetch-json.ts";

/**
 * An authorization server's metadata (RFC 8414, and OpenID Connect Discovery for those that have that alone). Throws where
 * none is found, and where it speaks of another issuer: it would then be somebody else's keys that are trusted.
 */
export async function fetchMetadata(issuer: string, options: FetchOptions): Promise<JsonObject> {
  let failure: unknown;
  for (const url of metadataUrls(issuer)) {
    let found: JsonObject;
    try {
      found = await fetchJson(url, {}, options);
    } catch (error) {
      failure = error;
      continue;
    }
    if (found.issuer !== issuer) throw new Error(`${url} is the metadata of another issuer`);
    return found;
  }
  throw new Error(`no metadata was found for the issuer ${issuer}`, { cause: failure });
}

/** In the order in which MCP has clients look: RFC 8414 before OpenID Connect, the path inserted before it is appended. */
export function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const urls = [`${origin}/.well-known/oauth-authorization-server${path}`, `${origin}/.well-known/openid-configuration${path}`];
  return path === "" ? urls : [...urls, `${origin}${path}/.well-known/openid-configuration`];
}

/** A URL out of the metadata, which must be as safe as the one that led to it. */
export function endpointOf(metadata: JsonObject, name: string, issuer: string): string {
  const value = metadata[name];
  if (typeof value !== "string" || !URL.canParse(value)) throw new Error(`the metadata of ${issuer} has no ${name}`);
  if (new URL(value).protocol !== "https:" && new URL(issuer).protocol === "https:") throw new Error(`the ${name} of ${issuer} is not https`);
  return value;
}
