import type { IssuerConfig } from "./config.ts";
import { fetchJson, type FetchOptions, type JsonObject } from "./fetch-json.ts";
import { endpointOf, fetchMetadata } from "./metadata.ts";

export interface IntrospectOptions extends FetchOptions {
  readonly issuer: string;
  readonly settings: NonNullable<IssuerConfig["introspection"]>;
  readonly secret: () => Promise<string>;
}

/**
 * Asks an issuer about a token (RFC 7662). The token goes there in the body of a request and to nobody else. Null for one
 * that the issuer does not know or no longer honours; throws where no answer is to be had.
 */
export function createIntrospector({ issuer, settings, secret, ...fetching }: IntrospectOptions): (token: string) => Promise<JsonObject | null> {
  let url = settings.url;
  return async (token) => {
    url ??= endpointOf(await fetchMetadata(issuer, fetching), "introspection_endpoint", issuer);
    const body = new URLSearchParams({ token, token_type_hint: "access_token" });
    const answer = await fetchJson(url, { method: "POST", body, headers: { authorization: basicAuthorization(settings.clientId, await secret()) } }, fetching);
    return answer.active === true ? answer : null;
  };
}

/** A client's own credentials. RFC 6749, 2.3.1: both halves are form-encoded before they are joined. */
export function basicAuthorization(clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString("base64")}`;
}

const encode = (text: string): string => new URLSearchParams({ "": text }).toString().slice(1);
