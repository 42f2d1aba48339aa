/** The members of a challenge (RFC 6750, 3; RFC 9728, 5.1), in the order in which they are written. */
export interface Challenge {
  readonly error?: "invalid_token" | "insufficient_scope";
  readonly description?: string;
  /** What the request needs in all; empty is left out. */
  readonly scopes: readonly string[];
  readonly metadataUrl: string;
}

/** The value of WWW-Authenticate. Everything in it comes from the configuration and the registry, and nothing from the caller. */
export function bearerChallenge({ error, description, scopes, metadataUrl }: Challenge): string {
  const members = [["realm", "signalbox"], ["error", error], ["error_description", description], ["scope", scopes.join(" ") || undefined], ["resource_metadata", metadataUrl]];
  return `Bearer ${members.flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`])).join(", ")}`;
}

export const METADATA_PATH = "/.well-known/oauth-protected-resource";

/** Where the metadata of a resource is (RFC 9728, 3.1): the well-known name stands between the host and the path. */
export function metadataUrlOf(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${METADATA_PATH}${pathname}`;
}
